"""Figures of merit of a list of trades: one pure function a figure, on the money that each closed trade made.

Profit factor and expectancy are in money, not in returns. Figures that cannot be worked out are NaN.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Profits = NDArray[np.float64]


def win_rate(pnl: Profits) -> float:
    """Share of trades with a profit above zero after all costs."""
    return float(np.mean(pnl > 0.0)) if pnl.size else math.nan


def average_win(pnl: Profits) -> float:
    """Mean profit of the winning trades."""
    return _mean(pnl[pnl > 0.0])


def average_loss(pnl: Profits) -> float:
    """Mean result of the losing trades; negative."""
    return _mean(pnl[pnl < 0.0])


def payoff(pnl: Profits) -> float:
    """Average win over the size of the average loss."""
    return average_win(pnl) / -average_loss(pnl)


def profit_factor(pnl: Profits) -> float:
    """Sum of the wins over the size of the sum of the losses.

    >>> profit_factor(np.array([30.0, -10.0, -5.0]))
    2.0
    """
    losses = -float(pnl[pnl < 0.0].sum())
    return float(pnl[pnl > 0.0].sum()) / losses if losses > 0.0 else math.nan


def expectancy(pnl: Profits) -> float:
    """Mean profit of a trade."""
    return _mean(pnl)


def expectancy_r(pnl: Profits) -> float:
    """Mean profit of a trade in units of the size of the average loss."""
    return expectancy(pnl) / -average_loss(pnl)


def system_quality(pnl: Profits) -> float:
    """√n × mean / standard deviation (n − 1) of the profits."""
    spread = float(np.std(pnl, ddof=1)) if pnl.size > 1 else math.nan
    return math.sqrt(pnl.size) * expectancy(pnl) / spread if spread > 0.0 else math.nan


def kelly(pnl: Profits) -> float:
    """Win rate − (1 − win rate) / payoff: the stake that maximises growth if these trades were all there is."""
    return win_rate(pnl) - (1.0 - win_rate(pnl)) / payoff(pnl)


class Streaks(NamedTuple):
    """Longest rows of winning and of losing trades."""

    wins: int
    losses: int


def streaks(pnl: Profits) -> Streaks:
    """Longest runs of wins and of losses, in the order of the trades.

    >>> streaks(np.array([1.0, 2.0, -1.0, 3.0]))
    Streaks(wins=2, losses=1)
    """
    return Streaks(_longest(pnl > 0.0), _longest(pnl < 0.0))


class Interval(NamedTuple):
    """A share with its 95 % confidence interval."""

    share: float
    low: float
    high: float


def wilson(hits: int, trials: int, z: float = 1.959963984540054) -> Interval:
    """Share of `hits` with the Wilson score interval (E. B. Wilson, 1927).

    >>> wilson(0, 10).low
    0.0
    """
    if trials == 0:
        return Interval(math.nan, math.nan, math.nan)
    share = hits / trials
    centre = share + z * z / (2 * trials)
    spread = z * math.sqrt(share * (1.0 - share) / trials + z * z / (4.0 * trials * trials))
    scale = 1.0 + z * z / trials
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return Interval(share, low if hits else 0.0, high if hits < trials else 1.0)


def _longest(hits: NDArray[np.bool_]) -> int:
    longest = current = 0
    for hit in hits.tolist():
        current = current + 1 if hit else 0
        longest = max(longest, current)
    return longest


def _mean(values: Profits) -> float:
    return float(values.mean()) if values.size else math.nan
