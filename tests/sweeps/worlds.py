"""A small seeded market, and strategies to sweep over it."""

from __future__ import annotations

import numpy as np
import pandas as pd

import backtest as bt
from backtest.broker.records import FUNDING
from backtest.market.contract import Contract, TierTable
from backtest.market.history import MarketHistory

HOUR_NS = 3_600_000_000_000
START_NS = 1_704_067_200_000_000_000
TIERS = TierTable.from_rungs(0, [(50_000.0, 0.004, 125.0), (1e12, 0.005, 100.0)], "made up")


def market(bars: int = 1_500, *, legs: int = 1, volatility: float = 0.01, seed: int = 5) -> MarketHistory:
    """Hourly bars of a seeded walk, funding every eight hours."""
    prices = np.empty((legs, 9, bars))
    for leg in range(legs):
        steps = np.random.default_rng([seed, leg]).standard_normal((bars, 4)) * volatility / 2
        path = np.round(100.0 * np.exp(np.cumsum(steps.ravel())).reshape(bars, 4), 2)
        path[1:, 0] = path[:-1, 3]
        prices[leg, 0], prices[leg, 1], prices[leg, 2], prices[leg, 3] = (
            path[:, 0],
            path.max(1),
            path.min(1),
            path[:, 3],
        )
        prices[leg, 4], prices[leg, 5:] = 1_000.0, prices[leg, :4]
    stamps = np.arange(8, bars, 8)
    funding = np.zeros(len(stamps) * legs, FUNDING)
    funding["bar"], funding["leg"] = np.repeat(stamps, legs), np.tile(np.arange(legs), len(stamps))
    funding["time_ns"], funding["rate"] = START_NS + funding["bar"] * HOUR_NS, 0.0001
    symbols = [f"B{leg}/USDT:USDT" for leg in range(legs)]
    contracts = tuple(
        Contract(
            venue="binance", symbol=symbol, tick=0.01, lot=0.001, minimum_notional=5.0, maker=0.0002, taker=0.0005,
            liquidation_fee=0.0125, price_band=np.inf, tier_tables=(TIERS,), sources=("made up",),
        )
        for symbol in symbols
    )  # fmt: skip
    return MarketHistory(
        venue="binance",
        symbols=tuple(symbols),
        interval_ns=HOUR_NS,
        timeframe_ns=HOUR_NS,
        start_ns=START_NS,
        prices=prices,
        funding=funding,
        contracts=contracts,
        synthetic=True,
    )


def mean(close: pd.Series[float], bars: int) -> pd.Series[float]:
    return close.rolling(bars).mean()


class Cross(bt.Strategy):
    """A moving-average cross that plans."""

    fast = bt.Param(10, low=2, high=100)
    slow = bt.Param(50, low=5, high=300)
    leverage = bt.Param(5.0, low=1, high=100)

    def init(self) -> None:
        self.quick = self.indicator(mean, "close", bars=self.fast)
        self.calm = self.indicator(mean, "close", bars=self.slow)

    def plan(self) -> bt.Schedule:
        plans = []
        for symbol in self.symbols:
            above = self.quick.whole(symbol) > self.calm.whole(symbol)
            turns = np.flatnonzero(above[1:] != above[:-1]) + 1
            wanted = np.where(above[turns], 0.1, -0.1) * self.leverage
            plans.append(self.targets(symbol, turns, exposure=wanted, leverage=self.leverage))
        return sum(plans[1:], plans[0])


class Decided(bt.Strategy):
    """The same, decided bar by bar; refuses a fast mean that is not the faster one."""

    fast = bt.Param(10, low=2, high=100)
    slow = bt.Param(50, low=5, high=300)

    def init(self) -> None:
        if self.fast >= self.slow:
            raise bt.errors.UsageError(f"fast is {self.fast} and slow is {self.slow}; fast must be the smaller")
        self.quick = self.indicator(mean, "close", bars=self.fast)
        self.calm = self.indicator(mean, "close", bars=self.slow)
        self.above: dict[str, bool] = {}

    def next(self) -> None:
        for symbol in self.symbols:
            above = self.quick[symbol] > self.calm[symbol]
            if above != self.above.get(symbol, False):
                self.target(symbol, exposure=0.5 if above else -0.5, leverage=5)
            self.above[symbol] = above


COUNTED: list[int] = []


def counted_mean(close: pd.Series[float], bars: int) -> pd.Series[float]:
    COUNTED.append(bars)
    return mean(close, bars)


class Counting(Cross):
    """As Cross; notes each mean that is worked out."""

    def init(self) -> None:
        self.quick = self.indicator(counted_mean, "close", bars=self.fast)
        self.calm = self.indicator(counted_mean, "close", bars=self.slow)
