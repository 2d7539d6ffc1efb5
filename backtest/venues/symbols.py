"""One name for a contract: the canonical form `BASE/QUOTE:SETTLE`, and the other ways in which people write it.

    venue's own names   BTCUSDT  BTC-USDT-SWAP  BTC_USDT  ETHUSDTM  BTC_USDC-PERPETUAL    settled in the quote currency
                        BTCUSD_PERP  XBTUSD  XBTUSDM  BTC-USD-SWAP  BTC-PERPETUAL         inverse: settled in the coin
    short forms         BTC  BTC-PERP                                                     the venue's usual contract

A name with the quote USD is an inverse contract, except at a venue that has none (dYdX writes BTC-USD for a contract
settled in USDC). A name that only looks like a symbol is left for the venue to refuse with the near one.
"""

from __future__ import annotations

import re

from backtest.errors import UsageError, near
from backtest.venues.library import find, is_path, is_sample, shipped

QUOTES = ("FDUSD", "USDT", "USDC", "BUSD", "USD")
OTHER_NAMES = {"XBT": "BTC"}
USUAL = "BTC/USDT:USDT"
"""Usual contract of a venue whose rules are not known."""

_CANONICAL = re.compile(r"^[A-Z0-9]+/[A-Z0-9]+:[A-Z0-9]+$")
_PAIR = re.compile(r"^([A-Z0-9]+)[/_-]([A-Z0-9]+)$")
_PERPETUAL = re.compile(r"[-_](PERP|PERPETUAL|SWAP)$")


def canonical(text: str, venue: str) -> str:
    """The canonical form of a symbol at a venue.

    >>> canonical("BTCUSDT", "binance"), canonical("btc", "hyperliquid"), canonical("XBTUSD", "bitmex")
    ('BTC/USDT:USDT', 'BTC/USDC:USDC', 'BTC/USD:BTC')
    """
    plain = text.strip().upper()
    if _CANONICAL.match(plain):
        return plain
    usual = _usual(venue)
    name = _PERPETUAL.sub("", plain)
    base, quote = _parts(name)
    if quote == "USD" and _has_inverse(venue):
        return _inverse(base)
    if quote:
        return _linear(base, _quote(usual) if quote == "USD" else quote)
    if base:
        return _inverse(base) if is_inverse(usual) else _linear(base, _quote(usual))
    example = usual.partition(":")[0].replace("/", "")
    pair = _PAIR.match(name)
    meant = near(pair.group(2), QUOTES) if pair else ""
    short = usual.partition("/")[0]
    raise UsageError(f"'{text}' is no symbol of a perpetual; {meant}write {usual}, {example} or {short}")


def folder_name(symbol: str) -> str:
    """The symbol as a name of a folder or file.

    >>> folder_name("BTC/USDT:USDT")
    'BTCUSDTUSDT'
    """
    return re.sub(r"[^A-Za-z0-9]", "", symbol)


def _parts(name: str) -> tuple[str, str]:
    """Base and quote of a name without its ending; no quote for a base alone, neither for what is no symbol."""
    pair = _PAIR.match(name)
    if pair:
        base, quote = pair.groups()
        return (_base(base), quote) if quote in QUOTES else ("", "")
    if not name.isalnum() or not name.isascii():
        return "", ""
    for quote in QUOTES:
        for ending in (quote, f"{quote}M"):  # KuCoin writes ETHUSDTM
            if name.endswith(ending) and name != ending:
                return _base(name.removesuffix(ending)), quote
    return ("", "") if name in QUOTES else (_base(name), "")


def _base(name: str) -> str:
    return OTHER_NAMES.get(name, name)


def _usual(venue: str) -> str:
    return find(venue).usual() if _is_known(venue) else USUAL


def _has_inverse(venue: str) -> bool:
    """Whether the quote USD means an inverse contract: everywhere but where a known venue has none at all."""
    if not _is_known(venue):
        return True
    sides = find(venue).statements.sides
    return bool(sides["inverse"].usual or sides["inverse"].venue)


def _is_known(venue: str) -> bool:
    return is_path(venue) or is_sample(venue) or venue in shipped()


def is_inverse(symbol: str) -> bool:
    """Whether a canonical symbol is settled in its base: an inverse contract."""
    base, settle = symbol.partition("/")[0], symbol.partition(":")[2]
    return bool(settle) and base == settle


def settlement(symbol: str) -> str:
    """The currency that a canonical symbol is settled in; empty where the name does not say it.

    >>> settlement("BTC/USD:BTC"), settlement("BTC/USDT:USDT")
    ('BTC', 'USDT')
    """
    return symbol.partition(":")[2]


def _quote(symbol: str) -> str:
    return symbol.partition("/")[2].partition(":")[0]


def _linear(base: str, quote: str) -> str:
    return f"{base}/{quote}:{quote}"


def _inverse(base: str) -> str:
    return f"{base}/USD:{base}"
