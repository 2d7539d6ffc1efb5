"""Venues and contract types as people write them in a file: `Binance USDⓈ-M`, `dYdX v4`, `Gate.io`, `inverse`."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

from backtest import venues
from backtest.errors import UsageError

OTHER_NAMES = {
    "okex": "okx",
    "gateio": "gate",
    "kucoinfutures": "kucoin",
    "binanceusdm": "binance",
    "binancecoinm": "binancecoin",
}
LINEAR, INVERSE = {"linear", "usdt", "usdc", "usdm", "usdsm", "usdmargined"}, {"inverse", "coin", "coinm"}


def venue_named(text: str) -> str:
    """The id of a venue from its id or its name in any case; a path, and what is not known, stay as they are.

    >>> venue_named("Binance USDⓈ-M"), venue_named("Binance COIN-M"), venue_named("dYdX v4"), venue_named("Gate.io")
    ('binance', 'binance-coin', 'dydx', 'gate')
    """
    plain = text.strip()
    if plain.lower().endswith(".toml"):
        return plain
    words = _words(plain)
    ids = {"".join(re.findall(r"[a-z0-9]+", each)): each for each in venues.venue_ids()}
    for count in range(len(words), 0, -1):
        joined = "".join(words[:count])
        joined = OTHER_NAMES.get(joined, joined)
        if joined in ids:
            return ids[joined]
    return plain


def is_inverse(text: str) -> bool | None:
    """Whether a contract type says inverse; None for a blank one.

    >>> is_inverse("linear"), is_inverse("Inverse"), is_inverse("coin-margined"), is_inverse("USDⓈ-M"), is_inverse("")
    (False, True, True, False, None)
    """
    if not text.strip():
        return None
    found = said_inverse(text)
    if found is None:
        raise UsageError(f"contract_type is '{text}'; it is linear or inverse")
    return found


def said_inverse(text: str) -> bool | None:
    """Whether the words of a text say inverse or linear; None where they say neither, or both.

    >>> said_inverse("Bybit inverse"), said_inverse("Bitget USDT-M"), said_inverse("KuCoin")
    (True, False, None)
    """
    single = _words(text)
    words = {*single, *(first + second for first, second in pairwise(single))}
    inverse, linear = bool(words & INVERSE), bool(words & LINEAR)
    return None if inverse == linear else inverse


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", unicodedata.normalize("NFKC", text).lower())
