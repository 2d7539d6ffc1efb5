"""One name for a contract: the canonical form `BASE/QUOTE:SETTLE`, and the other ways in which people write it."""

from __future__ import annotations

import re

from backtest.errors import UsageError

QUOTES = ("FDUSD", "USDT", "USDC", "BUSD")
VENUE_QUOTE = {"hyperliquid": "USDC", "dydx": "USDC"}

_CANONICAL = re.compile(r"^[A-Z0-9]+/[A-Z0-9]+:[A-Z0-9]+$")
_PAIR = re.compile(r"^([A-Z0-9]+)[/_-]([A-Z0-9]+)$")


def canonical(text: str, venue: str) -> str:
    """The canonical form of a symbol: `BTC/USDT:USDT`, `BTC/USDT`, `BTCUSDT` and `BTC-PERP` are all accepted.

    >>> canonical("BTCUSDT", "binance"), canonical("btc-perp", "hyperliquid")
    ('BTC/USDT:USDT', 'BTC/USDC:USDC')
    """
    plain = text.strip().upper()
    if _CANONICAL.match(plain):
        return plain
    pair = _PAIR.match(plain)
    if pair and pair.group(2) in ("PERP", "PERPETUAL"):
        return _linear(pair.group(1), VENUE_QUOTE.get(venue, "USDT"))
    if pair and pair.group(2) in QUOTES:
        return _linear(pair.group(1), pair.group(2))
    for quote in QUOTES:
        if plain.isalnum() and plain.endswith(quote) and plain != quote:
            return _linear(plain.removesuffix(quote), quote)
    base = re.sub(r"[^A-Z0-9]", "", plain) or "BTC"
    example = _linear(base, VENUE_QUOTE.get(venue, "USDT"))
    short = example.partition(":")[0].replace("/", "")
    raise UsageError(f"'{text}' is no symbol of a perpetual; write {example}, {short} or {base}-PERP")


def folder_name(symbol: str) -> str:
    """The symbol as a name of a folder or file.

    >>> folder_name("BTC/USDT:USDT")
    'BTCUSDTUSDT'
    """
    return re.sub(r"[^A-Za-z0-9]", "", symbol)


def _linear(base: str, quote: str) -> str:
    return f"{base}/{quote}:{quote}"
