"""The exchanges: ccxt's client of each, how many rows a request brings and in which order, what the venue lacks.

Row counts and orders are those of ccxt 4.5.90 and of the addresses that stand in its source beside each request (read
2026-11-22); where a venue answers with fewer rows than it was asked for, the rest is asked for again (walk.py).
Volumes are base units everywhere: `volume` says what the client hands over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from backtest.clock import DAY_NS
from backtest.errors import UsageError, near
from backtest.market.series import SeriesKind

BARS = (SeriesKind.OHLCV, SeriesKind.MARK, SeriesKind.INDEX)


class Volume(Enum):
    """What ccxt hands over as the volume of a bar."""

    BASE = auto()
    CONTRACTS = auto()


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One venue.

    `client`: ccxt's class. `options`: of the client, so that only perpetuals are listed. `rows` and `price_rows`: bars
    a request brings, of the last and of mark and index prices. `until`: what is added to a window's end (exclusive, ms)
    to say it as the venue does, None where the client works it out of the number of rows. `longest_ns`: the longest
    window of a request. `latest`: how many bars up to now the venue keeps, None for all.
    `funding_rows`: settlements a request brings, `funding_until`: the name of a window's end and what is added to it,
    `funding_numbered`: whether pages are numbered back from now, `funding_keeps_ns`: how far back the venue answers.
    `tiers`: whether it tells leverage tiers to everyone, `margin_tables`: in Hyperliquid's way; `tier_unit`: the unit
    of their caps, `marginal`: whether a tier's rate holds only for what lies above its floor.
    `own_fees`: whether the fees are the venue's word and not ccxt's, `units`: whether order sizes are units of the
    quantity and not contracts. `quotes`: currencies in the order in which a short name is looked for.
    """

    id: str
    name: str
    client: str
    kinds: tuple[SeriesKind, ...] = BARS
    options: Mapping[str, object] = field(default_factory=dict)
    rows: int
    price_rows: int
    until: int | None = None
    longest_ns: int | None = None
    latest: int | None = None
    volume: Volume = Volume.BASE
    funding_rows: int
    funding_until: tuple[str, int] = ("until", -1)
    funding_numbered: bool = False
    funding_keeps_ns: int | None = None
    tiers: bool = True
    margin_tables: bool = False
    tier_unit: str = "settlement"
    marginal: bool = True
    own_fees: bool = False
    units: bool = False
    quotes: tuple[str, ...] = ("USDT", "USDC", "USD")


_LINEAR_AND_INVERSE = {"fetchMarkets": {"types": ["linear", "inverse"]}}
_SWAPS = {"fetchMarkets": {"types": ["swap"]}}

EXCHANGES = (
    Exchange(
        id="binance",
        name="Binance USDⓈ-M",
        client="binanceusdm",
        rows=1000,
        price_rows=1000,
        until=-1,
        funding_rows=1000,
        tiers=False,
    ),
    Exchange(
        id="binance-coin",
        name="Binance COIN-M",
        client="binancecoinm",
        rows=1000,
        price_rows=1000,
        until=-1,
        longest_ns=200 * DAY_NS,
        funding_rows=1000,
        tiers=False,
        quotes=("USD",),
    ),
    Exchange(
        id="bybit",
        name="Bybit",
        client="bybit",
        options=_LINEAR_AND_INVERSE,
        rows=1000,
        price_rows=1000,
        until=-1,
        funding_rows=200,
        units=True,
    ),
    Exchange(
        id="okx",
        name="OKX",
        client="okx",
        options=_SWAPS,
        rows=300,
        price_rows=100,
        until=0,
        funding_rows=100,
        funding_until=("after", 0),
        funding_keeps_ns=92 * DAY_NS,
        tier_unit="contracts",
        marginal=False,
    ),
    Exchange(
        id="gate",
        name="Gate",
        client="gate",
        options=_SWAPS,
        rows=1999,
        price_rows=1999,
        volume=Volume.CONTRACTS,
        funding_rows=1000,
    ),
    Exchange(
        id="bitget",
        name="Bitget",
        client="bitget",
        options=_SWAPS,
        rows=200,
        price_rows=200,
        longest_ns=90 * DAY_NS,
        funding_numbered=True,
        funding_rows=100,
        own_fees=True,
    ),
    Exchange(
        id="kucoin",
        name="KuCoin futures",
        client="kucoinfutures",
        rows=200,
        price_rows=1500,
        volume=Volume.CONTRACTS,
        funding_rows=100,
        own_fees=True,
    ),
    Exchange(
        id="deribit",
        name="Deribit",
        client="deribit",
        kinds=(SeriesKind.OHLCV,),
        rows=5000,
        price_rows=5000,
        funding_rows=744,
        tiers=False,
        own_fees=True,
        units=True,
        quotes=("USD", "USDC", "USDT"),
    ),
    Exchange(
        id="hyperliquid",
        name="Hyperliquid",
        client="hyperliquid",
        kinds=(SeriesKind.OHLCV,),
        options=_SWAPS,
        rows=5000,
        price_rows=5000,
        until=-1,
        latest=5000,
        funding_rows=500,
        margin_tables=True,
        quotes=("USDC",),
    ),
)

CLOSED = {
    "bitmex": "BitMEX closed on 2026-09-23 and ccxt has no client for it any more; import files of its history",
    "dydx": "dYdX is not among the venues that are fetched; import files of its history",
}
"""Venues whose rules are known and that cannot be asked: why, and what to do instead."""


def ids() -> tuple[str, ...]:
    """The venues' names."""
    return tuple(each.id for each in EXCHANGES)


def exchange(venue: str) -> Exchange:
    """The exchange of a name; another one raises with the near name."""
    for each in EXCHANGES:
        if each.id == venue:
            return each
    if venue in CLOSED:
        raise UsageError(CLOSED[venue])
    raise UsageError(
        f"'{venue}' is no venue that can be fetched from; {near(venue, ids())}known are {', '.join(ids())}"
    )
