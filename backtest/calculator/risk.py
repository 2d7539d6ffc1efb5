"""How likely a liquidation price is met: by a volatility, and by what a history has shown.

By a volatility: the price moves as a driftless Brownian motion in its logarithm, and the probability to touch a level a
within the time t is 2·Φ(−|ln(a / p)| / (σ·√t)), by the reflection principle. Real prices jump and cluster, so that the
history's share stands beside it; neither knows the future.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from backtest.broker.codes import MARK_CLOSE, MARK_HIGH, MARK_LOW, MARK_OPEN
from backtest.calculator.position import above, sign
from backtest.clock import DAY_NS
from backtest.errors import UsageError
from backtest.market.history import MarketHistory

YEAR_NS = 365 * DAY_NS


def touch_probability(price: float, level: float, volatility: float, time_ns: int) -> float:
    """Probability that `level` is met from `price` within a time; `volatility` is a year's (0.6 is 60 %).

    >>> round(touch_probability(100.0, 90.0, 0.6, DAY_NS), 5)
    0.00079
    """
    spread = above("volatility", volatility) * math.sqrt(above("time", float(time_ns)) / YEAR_NS)
    away = abs(math.log(above("level", level) / above("price", price)))
    return min(1.0, 2.0 * NormalDist().cdf(-away / spread))


@dataclass(frozen=True, kw_only=True)
class TouchedShare:
    """How often a history moved that far: in `touched` of `starts` bars the mark went `distance` or more against the
    position within `bars` bars of their open. `volatility` is the realised one of a year.
    """

    distance: float
    bars: int
    starts: int
    touched: int
    volatility: float
    worst: float

    @property
    def share(self) -> float:
        """Touched over starts."""
        return self.touched / self.starts


def touched_share(history: MarketHistory, symbol: str, side: str, distance: float, time_ns: int) -> TouchedShare:
    """How often the mark of a symbol went `distance` (a fraction) against a side within a time, from every bar on.

    Windows that a missing bar interrupts do not count.
    """
    prices = history.prices[history.leg(symbol)]
    bars = int(time_ns // history.interval_ns)
    if not 1 <= bars <= prices.shape[1]:
        raise UsageError(
            f"a time of {time_ns / DAY_NS:g} days is no number of bars that this history has; take a longer one, or "
            "a finer timeframe"
        )
    long = sign(side) > 0
    extremes = sliding_window_view(prices[MARK_LOW if long else MARK_HIGH], bars)
    starts = prices[MARK_OPEN][: len(extremes)]
    moves = 1.0 - extremes.min(axis=1) / starts if long else extremes.max(axis=1) / starts - 1.0
    moves = moves[np.isfinite(moves)]
    if not len(moves):
        raise UsageError(f"the history of {symbol} has no whole stretch of {bars} bars")
    changes = np.diff(np.log(prices[MARK_CLOSE]))
    changes = changes[np.isfinite(changes)]
    realised = float(changes.std()) * math.sqrt(YEAR_NS / history.interval_ns) if len(changes) else 0.0
    return TouchedShare(
        distance=distance,
        bars=bars,
        starts=len(moves),
        touched=int((moves >= distance).sum()),
        volatility=realised,
        worst=float(moves.max()),
    )
