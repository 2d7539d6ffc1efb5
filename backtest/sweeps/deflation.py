"""The deflated Sharpe ratio: how sure one may be of the best of many trials.

D. H. Bailey and M. López de Prado, "The Deflated Sharpe Ratio: Correcting for Selection Bias, Backtest Overfitting and
Non-Normality", Journal of Portfolio Management 40 (5), 2014. The best of N worthless trials has a Sharpe ratio above
zero by chance; what that would be is taken as the benchmark of the probabilistic Sharpe ratio. All ratios here are per
day, not per year. Trials are counted as if they were independent: neighbours on a grid are not, so the figure errs on
the strict side.
"""

from __future__ import annotations

import math
from statistics import NormalDist

from backtest.report.performance import confidence

EULER_MASCHERONI = 0.5772156649015329


def expected_maximum(variance: float, trials: int) -> float:
    """The highest Sharpe ratio that chance alone gives among N trials: √V · ((1 − γ) z(1 − 1/N) + γ z(1 − 1/(N e))).

    variance: of the trials' Sharpe ratios, in the same unit squared.

    >>> round(expected_maximum(0.5 / 250, 100), 4)
    0.1132
    """
    if trials < 2 or not variance > 0.0:
        return 0.0
    quantile = NormalDist().inv_cdf
    normal = (1.0 - EULER_MASCHERONI) * quantile(1.0 - 1.0 / trials)
    tail = EULER_MASCHERONI * quantile(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance) * (normal + tail)


def deflated_sharpe(ratio: float, *, variance: float, trials: int, periods: int, skew: float, kurtosis: float) -> float:
    """Probability that the true Sharpe ratio is above what chance gives the best of the trials.

    ratio: of the chosen trial, per period; periods, skew, kurtosis (3: normal) are of its returns.
    """
    return confidence(ratio, expected_maximum(variance, trials), periods, skew, kurtosis)
