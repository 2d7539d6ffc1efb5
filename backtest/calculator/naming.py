"""Venues and contract types as people write them in a file: `Binance USDⓈ-M`, `dYdX v4`, `Gate.io`, `inverse`."""

from __future__ import annotations

import re
import unicodedata

from backtest import venues
from backtest.errors import UsageError

OTHER_NAMES = {"okex": "okx"}
LINEAR, INVERSE = ("linear", "usdt", "usdc", "usd-m", "usds-m"), ("inverse", "inverse-form", "coin", "coin-m")


def venue_named(text: str) -> str:
    """The id of a venue from its id or its name in any case; a path, and what is not known, stay as they are.

    >>> venue_named("Binance USDⓈ-M"), venue_named("Binance COIN-M"), venue_named("dYdX v4"), venue_named("Gate.io")
    ('binance', 'binance-coin', 'dydx', 'gate')
    """
    plain = text.strip()
    if plain.lower().endswith(".toml"):
        return plain
    words = re.findall(r"[a-z0-9]+", unicodedata.normalize("NFKC", plain).lower())
    ids = {"".join(re.findall(r"[a-z0-9]+", each)): each for each in venues.venue_ids()}
    for count in range(len(words), 0, -1):
        joined = "".join(words[:count])
        joined = OTHER_NAMES.get(joined, joined)
        if joined in ids:
            return ids[joined]
    return plain


def is_inverse(text: str) -> bool | None:
    """Whether a contract type says inverse; None for a blank one.

    >>> is_inverse("linear"), is_inverse("Inverse"), is_inverse("")
    (False, True, None)
    """
    plain = text.strip().lower()
    if not plain:
        return None
    if plain in LINEAR or plain in INVERSE:
        return plain in INVERSE
    raise UsageError(f"contract_type is '{text}'; it is linear or inverse")
