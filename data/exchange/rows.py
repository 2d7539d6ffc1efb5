"""ccxt's rows as series: bars with volume in base units, settlements with the rate that each of them charges.

Prices and volumes are the floats of the venue's own strings. Where a venue counts contracts, volumes are multiplied by
the contract's size, and of an inverse contract divided by the bar's close. A funding rate is what one settlement
charges: for Deribit that of its hour (`interest_1h`), for ccxt hands over that of eight hours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtest.clock import MINUTE_NS, time_text
from backtest.errors import MarketDataError
from backtest.market.loader import Stretch
from backtest.market.series import Bars, FundingRates, SeriesKind
from data.exchange.markets import Market
from data.exchange.venues import Exchange, Volume
from data.exchange.walk import Row

MS = 1_000_000
SHOWN = 5
"""How many rows that are no bars are named."""


def bars(
    exchange: Exchange, market: Market, stretch: Stretch, rows: Sequence[Row], source: str
) -> tuple[Bars | None, tuple[str, ...]]:
    """Rows as bars, and what is to say of them: a row that cannot be a bar is left out and named."""
    if not rows:
        return None, ()
    assert stretch.interval_ns is not None
    table = np.array(rows, np.float64)
    sound = _are_bars(table, stretch.kind)
    remarks = tuple(
        f"left out, for it is no bar: {time_text(int(rows[row][0]) * MS)} ({', '.join(map(str, rows[row][1:]))})"
        for row in np.flatnonzero(~sound).tolist()
    )
    if remarks[SHOWN:]:
        remarks = (*remarks[:SHOWN], f"and {len(remarks) - SHOWN} more of that page are left out")
    table = table[sound]
    if not table.size:
        return None, remarks
    volume = np.full(len(table), np.nan)
    if stretch.kind is SeriesKind.OHLCV:
        volume = _base_units(exchange, market, table[:, 5], table[:, 4])
    series = Bars(
        venue=exchange.id,
        symbol=stretch.symbol,
        kind=stretch.kind,
        interval_ns=stretch.interval_ns,
        time_ns=table[:, 0].astype(np.int64) * MS,
        open=table[:, 1],
        high=table[:, 2],
        low=table[:, 3],
        close=table[:, 4],
        volume=volume,
        source=source,
    )
    return series, remarks


def funding(
    exchange: Exchange, stretch: Stretch, rows: Sequence[Row], source: str
) -> tuple[FundingRates | None, tuple[str, ...]]:
    """Rows as settlements; two of one minute that agree are one, one without a rate is left out and named."""
    by_minute: dict[int, float] = {}
    remarks = tuple(
        f"left out, for it has no rate: {time_text(int(row[0]) * MS)}" for row in rows if not isfinite(row[1])
    )
    for row in rows:
        if not isfinite(row[1]):
            continue
        at_ns = int(row[0]) * MS
        minute = at_ns - at_ns % MINUTE_NS
        if by_minute.setdefault(minute, row[1]) != row[1]:
            raise MarketDataError(
                f"{stretch.symbol} funding: the venue gave two rates for {time_text(minute)}: "
                f"{by_minute[minute]:.10g} and {row[1]:.10g}; nothing of them is stored"
            )
    if not by_minute:
        return None, remarks
    series = FundingRates(
        venue=exchange.id,
        symbol=stretch.symbol,
        time_ns=np.array(sorted(by_minute), np.int64),
        rate=np.array([by_minute[minute] for minute in sorted(by_minute)], np.float64),
        source=source,
    )
    return series, remarks


def rate(entry: Mapping[str, Any]) -> Row:
    """Time and rate of ccxt's funding-rate structure; not a number where there is no rate."""
    said = entry.get("info")
    hourly = said.get("interest_1h") if isinstance(said, Mapping) else None
    charged = entry.get("fundingRate") if hourly is None else hourly
    return int(entry["timestamp"]), nan if charged is None else float(charged)


def _are_bars(table: NDArray[np.float64], kind: SeriesKind) -> NDArray[np.bool_]:
    """Which rows' values can be those of a bar."""
    prices = table[:, 1:5]
    sound = np.asarray((np.isfinite(prices) & (prices > 0)).all(axis=1), np.bool_)
    opened, high, low, close = prices.T
    with np.errstate(invalid="ignore"):
        sound &= (high >= np.maximum(opened, close)) & (low <= np.minimum(opened, close))
    if kind is SeriesKind.OHLCV:
        sound &= np.isfinite(table[:, 5]) & (table[:, 5] >= 0)
    return sound


def _base_units(
    exchange: Exchange, market: Market, volume: NDArray[np.float64], close: NDArray[np.float64]
) -> NDArray[np.float64]:
    if exchange.volume is Volume.BASE:
        return volume
    held = volume * float(market.get("contractSize") or 1.0)
    return held / close if market.get("inverse") else held
