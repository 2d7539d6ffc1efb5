"""Series of a test's world in one line each. The base hour is 2024-03-01 00:00 UTC."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backtest.clock import HOUR_NS, moment_ns
from backtest.market.contract import Contract, TierTable
from backtest.market.series import Bars, FundingRates, SeriesKind

BASE_NS = moment_ns("2024-03-01")
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def bars(
    closes: Sequence[float],
    *,
    symbol: str = BTC,
    kind: SeriesKind = SeriesKind.OHLCV,
    hours: Sequence[int] | None = None,
    interval_ns: int = HOUR_NS,
    venue: str = "binance",
    synthetic: bool = False,
    source: str = "test",
) -> Bars:
    """Bars that open at the last close, reach 1 beyond both ends, and stand at `hours` (0, 1, 2, ... unless given)."""
    close = np.array(closes, float)
    opened = np.concatenate([close[:1], close[:-1]])
    places = np.arange(close.size) if hours is None else np.array(hours)
    return Bars(
        venue=venue,
        symbol=symbol,
        kind=kind,
        interval_ns=interval_ns,
        time_ns=BASE_NS + places * interval_ns,
        open=opened,
        high=np.maximum(opened, close) + 1,
        low=np.minimum(opened, close) - 1,
        close=close,
        volume=np.full(close.size, 5.0 if kind is SeriesKind.OHLCV else np.nan),
        source=source,
        synthetic=synthetic,
    )


def funding(hours: Sequence[float], rate: float = 0.0001, symbol: str = BTC) -> FundingRates:
    """Settlements of one rate, some hours after the base hour."""
    stamps = np.array([BASE_NS + round(hour * HOUR_NS) for hour in hours], np.int64)
    return FundingRates(venue="binance", symbol=symbol, time_ns=stamps, rate=np.full(stamps.size, rate), source="test")


def contract(symbol: str = BTC, valid_from: str = "2020-01-01") -> Contract:
    """A contract with two tiers."""
    table = TierTable.from_rungs(moment_ns(valid_from), [(50_000, 0.004, 125), (250_000, 0.005, 100)], "test")
    return Contract(
        venue="binance",
        symbol=symbol,
        tick=0.1,
        lot=0.001,
        minimum_notional=5,
        maker=0.0002,
        taker=0.0005,
        liquidation_fee=0.0125,
        tier_tables=(table,),
    )
