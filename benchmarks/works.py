"""The works that are timed: seeded markets, and what is done on them.

Prices are a seeded random walk with four sub-steps a bar; the figures depend on how much happens, not on the prices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backtest.broker.records import FUNDING
from backtest.market.contract import Contract, TierTable
from backtest.market.history import MarketHistory

MINUTE_NS, HOUR_NS = 60_000_000_000, 3_600_000_000_000
YEAR_MINUTES, YEAR_HOURS = 525_600, 8_760
START_NS = 1_704_067_200_000_000_000


def prices(legs: int, bars: int, volatility: float, seed: int) -> NDArray[np.float64]:
    """Price block (legs, 9, bars); mark equals last."""
    block = np.empty((legs, 9, bars))
    for leg in range(legs):
        noise = np.random.default_rng([seed, leg]).standard_normal(bars * 4) * volatility / 2
        path = np.round(100 * np.exp(np.cumsum(noise) - noise.sum() * np.linspace(0, 1, noise.size)), 2).reshape(
            bars, 4
        )
        path[1:, 0] = path[:-1, 3]
        block[leg, 0], block[leg, 3] = path[:, 0], path[:, 3]
        block[leg, 1], block[leg, 2] = path.max(axis=1), path.min(axis=1)
        block[leg, 4] = 1_000.0
        block[leg, 5:9] = block[leg, 0:4]
    return block


def market(
    legs: int, bars: int, bar_ns: int, *, volatility: float, funding: bool = True, seed: int = 7
) -> MarketHistory:
    """A seeded market under Binance's rules, with funding every eight hours."""
    every = 8 * HOUR_NS // bar_ns
    stamps = np.arange(0, bars, every)
    rows = np.zeros(len(stamps) * legs if funding else 0, FUNDING)
    if funding:
        rows["bar"], rows["leg"] = np.repeat(stamps, legs), np.tile(np.arange(legs), len(stamps))
        rows["time_ns"], rows["rate"] = START_NS + rows["bar"] * bar_ns, 0.0001
    tiers = TierTable.from_rungs(0, [(50_000.0, 0.004, 125.0), (1e12, 0.005, 100.0)], "made for the benchmark")
    symbols = tuple(f"B{leg}/USDT:USDT" for leg in range(legs))
    contracts = tuple(
        Contract(
            venue="binance",
            symbol=symbol,
            tick=0.01,
            lot=0.001,
            minimum_notional=5.0,
            maker=0.0002,
            taker=0.0005,
            liquidation_fee=0.0125,
            price_band=np.inf,
            tier_tables=(tiers,),
            sources=("made for the benchmark",),
        )
        for symbol in symbols
    )
    return MarketHistory(
        venue="binance",
        symbols=symbols,
        interval_ns=bar_ns,
        timeframe_ns=bar_ns,
        start_ns=START_NS,
        prices=prices(legs, bars, volatility, seed),
        funding=rows,
        contracts=contracts,
        synthetic=True,
    )


@dataclass(frozen=True, kw_only=True)
class Trips:
    """Round trips at even distances: long half of equity, then flat, 900 times."""

    bars: int
    count: int = 900

    @property
    def closes(self) -> NDArray[np.int64]:
        """Base bars at whose close the plan changes."""
        return np.linspace(1_000, self.bars - 1_000, 2 * self.count).astype(np.int64)

    @property
    def exposure(self) -> NDArray[np.float64]:
        """Wanted notional as a fraction of equity, at each of them."""
        return np.tile([0.5, 0.0], self.count)
