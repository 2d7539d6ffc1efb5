"""Figures of merit of an equity curve: one pure function a figure.

Returns are those of daily mark-to-market equity at the close of UTC days; crypto trades every day, so a year has 365.
An account that reaches zero is ruined and stays so: its returns after that day are NaN and left out, for a return on
nothing has no meaning. Figures that cannot be worked out (too few days, no variation) are NaN.

Sharpe: W. F. Sharpe (1994), with a risk-free rate of 0 unless given. Sortino: downside deviation about 0. Probabilistic
Sharpe ratio: D. H. Bailey and M. López de Prado, "The Sharpe Ratio Efficient Frontier" (2012).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DAYS = 365.0
"""Days of a year: the market never closes."""
DAY_NS = 86_400_000_000_000

Curve = NDArray[np.float64]


def daily_equity(close_ns: NDArray[np.int64], equity: Curve, cash: float) -> Curve:
    """Equity at the start, at the end of each UTC day and of the run (a last, unfinished day counts as one).

    >>> daily_equity(np.array([DAY_NS // 2, DAY_NS, 2 * DAY_NS]), np.array([9.0, 11.0, 12.0]), 10.0)
    array([10., 11., 12.])
    """
    if not equity.size:
        return np.array([cash])
    day = -(-close_ns // DAY_NS)
    last_of_day = np.append(np.flatnonzero(np.diff(day)), equity.size - 1)
    return np.concatenate(([cash], equity[last_of_day]))


def daily_returns(daily: Curve) -> Curve:
    """Return of each day; NaN after the day on which the equity reached zero.

    >>> daily_returns(np.array([100.0, 110.0, 0.0, 50.0]))
    array([ 0.1, -1. ,  nan])
    """
    before, after = daily[:-1], daily[1:]
    alive = np.minimum.accumulate(before) > 0.0 if before.size else np.zeros(0, bool)
    returns = np.full(before.size, np.nan)
    returns[alive] = after[alive] / before[alive] - 1.0
    return returns


def is_ruined(equity: Curve) -> bool:
    """Whether the equity ever was zero or less."""
    return bool((equity <= 0.0).any())


def total_return(equity: float, cash: float) -> float:
    """Equity at the end over the deposit, less one."""
    return equity / cash - 1.0


def cagr(equity: float, cash: float, days: float) -> float:
    """Yearly growth at which the deposit becomes the final equity: (E1/E0)^(365/days) − 1.

    >>> round(cagr(121.0, 100.0, 730.0), 12)
    0.1
    """
    if days <= 0.0 or equity <= 0.0:
        return math.nan
    exponent = math.log(equity / cash) * DAYS / days
    return math.expm1(exponent) if exponent < 700.0 else math.inf


def volatility(returns: Curve) -> float:
    """Standard deviation (n − 1) of daily returns × √365."""
    return _deviation(returns) * math.sqrt(DAYS)


def sharpe(returns: Curve, yearly_rate: float = 0.0) -> float:
    """Mean excess daily return over its standard deviation (n − 1), × √365."""
    known = returns[np.isfinite(returns)]
    spread = _deviation(known)
    return _ratio(float(known.mean()) - yearly_rate / DAYS, spread) * math.sqrt(DAYS) if known.size > 1 else math.nan


def sortino(returns: Curve) -> float:
    """Mean daily return over the root mean square of the losses about 0, × √365."""
    known = returns[np.isfinite(returns)]
    if known.size < 2:
        return math.nan
    return _ratio(float(known.mean()), float(np.sqrt(np.mean(np.minimum(known, 0.0) ** 2)))) * math.sqrt(DAYS)


def calmar(growth: float, worst_drawdown: float) -> float:
    """CAGR over the size of the largest drawdown."""
    return _ratio(growth, abs(worst_drawdown))


def omega(returns: Curve) -> float:
    """Sum of daily gains over the sum of daily losses."""
    known = returns[np.isfinite(returns)]
    return _ratio(float(known[known > 0.0].sum()), float(-known[known < 0.0].sum()))


class Drawdown(NamedTuple):
    """The deepest fall of a curve below its highest value so far, and the longest time under water (ns)."""

    depth: float
    longest_ns: int


def drawdown(close_ns: NDArray[np.int64], curve: Curve, peaks: Curve, cash: float) -> Drawdown:
    """Deepest fall of `curve` below the running maximum of `peaks` (the closes), the deposit included; never positive.

    The longest time under water runs from the last high to the recovery, or to the end.
    """
    if not curve.size:
        return Drawdown(0.0, 0)
    high = np.maximum.accumulate(np.maximum(peaks, cash))
    depth = float(np.min(np.minimum(curve, high) / high - 1.0))
    at_high = np.flatnonzero(peaks >= high)
    marks = np.concatenate((close_ns[:1], close_ns[at_high], close_ns[-1:]))
    return Drawdown(depth, int(np.diff(marks).max()))


def ulcer_index(equity: Curve, cash: float) -> float:
    """Root mean square of the drawdown over the daily curve."""
    high = np.maximum.accumulate(np.maximum(equity, cash))
    return float(np.sqrt(np.mean((equity / high - 1.0) ** 2))) if equity.size else math.nan


def value_at_risk(returns: Curve, level: float = 0.95) -> float:
    """The daily return that is undercut on a share of 1 − `level` of the days."""
    known = returns[np.isfinite(returns)]
    return float(np.quantile(known, 1.0 - level)) if known.size else math.nan


def conditional_value_at_risk(returns: Curve, level: float = 0.95) -> float:
    """Mean of the daily returns at or below the value at risk."""
    known = returns[np.isfinite(returns)]
    return float(known[known <= value_at_risk(known, level)].mean()) if known.size else math.nan


def skewness(returns: Curve) -> float:
    """Third standardised moment of daily returns."""
    return _moment(returns, 3)


def kurtosis(returns: Curve) -> float:
    """Fourth standardised moment of daily returns; 3 for a normal distribution."""
    return _moment(returns, 4)


def probabilistic_sharpe(returns: Curve, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio exceeds `benchmark` (per year), given length, skewness and kurtosis."""
    known = returns[np.isfinite(returns)]
    if known.size < 3:
        return math.nan
    per_day = sharpe(known) / math.sqrt(DAYS)
    return confidence(per_day, benchmark / math.sqrt(DAYS), known.size, skewness(known), kurtosis(known))


def confidence(ratio: float, benchmark: float, periods: int, skew: float, kurt: float) -> float:
    """Probability that the true Sharpe ratio exceeds `benchmark` when `ratio` was measured over so many periods; both
    are per period.
    """
    spread = 1.0 - skew * ratio + (kurt - 1.0) / 4.0 * ratio**2
    if not spread > 0.0 or periods < 2:
        return math.nan
    z = (ratio - benchmark) * math.sqrt(periods - 1.0) / math.sqrt(spread)
    return 0.5 * (1.0 + math.erf(z / math.sqrt(2.0)))


class Line(NamedTuple):
    """The straight line returns = alpha + beta × benchmark; alpha per year."""

    alpha: float
    beta: float


def regression(returns: Curve, benchmark: Curve) -> Line:
    """Least-squares line of daily returns on the benchmark's; alpha × 365."""
    both = np.isfinite(returns) & np.isfinite(benchmark)
    ours, theirs = returns[both], benchmark[both]
    if ours.size < 3 or not float(np.var(theirs)) > 0.0:
        return Line(math.nan, math.nan)
    beta = float(np.mean((ours - ours.mean()) * (theirs - theirs.mean())) / np.var(theirs))
    return Line((float(ours.mean()) - beta * float(theirs.mean())) * DAYS, beta)


def _deviation(returns: Curve) -> float:
    known = returns[np.isfinite(returns)]
    return float(np.std(known, ddof=1)) if known.size > 1 else math.nan


def _moment(returns: Curve, order: int) -> float:
    known = returns[np.isfinite(returns)]
    if known.size < 3:
        return math.nan
    off = known - known.mean()
    return _ratio(float(np.mean(off**order)), float(np.mean(off**2)) ** (order / 2.0))


def _ratio(above: float, below: float) -> float:
    return above / below if below > 1e-15 else math.nan
