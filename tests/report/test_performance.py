"""Figures of an equity curve, by hand and against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from backtest.report import performance as figures

DAY = figures.DAY_NS
RETURNS = np.array([0.01, -0.02, 0.03, 0.0])


def test_equity_is_read_at_the_close_of_utc_days() -> None:
    close = np.array([DAY // 4, DAY // 2, DAY, DAY + 1, 2 * DAY, 2 * DAY + DAY // 2])
    daily = figures.daily_equity(close, np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), 10.0)
    assert daily.tolist() == [10.0, 3.0, 5.0, 6.0]
    assert figures.daily_equity(close[:0], np.zeros(0), 10.0).tolist() == [10.0]


def test_ruin_is_final() -> None:
    returns = figures.daily_returns(np.array([100.0, 50.0, -20.0, 40.0, 80.0]))
    assert returns[:2].tolist() == [-0.5, -1.4]
    assert np.isnan(returns[2:]).all()
    assert figures.is_ruined(np.array([1.0, 0.0]))
    assert not figures.is_ruined(np.array([1.0, 0.5]))
    # a ruined account has no Sharpe that a later "recovery" could turn positive
    assert figures.sharpe(returns) < 0.0


def test_growth_is_annualised_over_365_days() -> None:
    assert figures.cagr(200.0, 100.0, 365.0) == pytest.approx(1.0)
    assert math.isnan(figures.cagr(-1.0, 100.0, 365.0))
    assert math.isnan(figures.cagr(100.0, 100.0, 0.0))
    assert math.isinf(figures.cagr(200.0, 1.0, 0.001))
    assert figures.total_return(150.0, 100.0) == 0.5


def test_sharpe_and_its_relatives_by_hand() -> None:
    # mean 0.005; deviations 0.005, −0.025, 0.025, −0.005: sum of squares 0.0013, / 3
    spread = math.sqrt(0.0013 / 3.0)
    assert figures.volatility(RETURNS) == pytest.approx(spread * math.sqrt(365.0))
    assert figures.sharpe(RETURNS) == pytest.approx(0.005 / spread * math.sqrt(365.0))
    assert figures.sharpe(RETURNS, 0.365) == pytest.approx(0.004 / spread * math.sqrt(365.0))
    # downside: only −0.02, root of 0.0004 / 4
    assert figures.sortino(RETURNS) == pytest.approx(0.005 / 0.01 * math.sqrt(365.0))
    assert figures.omega(RETURNS) == pytest.approx(0.04 / 0.02)
    assert figures.calmar(0.5, -0.25) == pytest.approx(2.0)


def test_drawdown_counts_the_deposit_as_a_high() -> None:
    close = np.arange(1, 6) * DAY
    equity = np.array([90.0, 120.0, 108.0, 114.0, 126.0])
    found = figures.drawdown(close, equity, equity, 100.0)
    assert found.depth == pytest.approx(-0.1)
    # from the high of day 2 to the recovery on day 5
    assert found.longest_ns == 3 * DAY
    inside = figures.drawdown(close, np.array([80.0, 90.0, 84.0, 100.0, 120.0]), equity, 100.0)
    assert inside.depth == pytest.approx(84.0 / 120.0 - 1.0)
    assert figures.drawdown(close[:0], equity[:0], equity[:0], 1.0) == (0.0, 0)
    assert figures.ulcer_index(np.array([100.0, 90.0]), 100.0) == pytest.approx(math.sqrt(0.01 / 2.0))


def test_tails_and_moments() -> None:
    returns = np.array([-0.04, -0.02, 0.0, 0.02, 0.04])
    assert figures.value_at_risk(returns, 0.75) == pytest.approx(-0.02)
    assert figures.conditional_value_at_risk(returns, 0.75) == pytest.approx(-0.03)
    assert figures.skewness(returns) == pytest.approx(0.0, abs=1e-12)
    # fourth moment (2 × 0.04⁴ + 2 × 0.02⁴) / 5 over the square of the second (2 × 0.04² + 2 × 0.02²) / 5
    assert figures.kurtosis(returns) == pytest.approx((2 * 0.04**4 + 2 * 0.02**4) / 5 / (0.004 / 5) ** 2)


def test_the_probabilistic_sharpe_ratio_of_the_paper_s_form() -> None:
    returns = np.array([0.02, -0.01] * 100)
    per_day = float(returns.mean() / returns.std(ddof=1))
    # two values in equal numbers: no skew, kurtosis 1
    z = per_day * math.sqrt(199.0)
    assert figures.probabilistic_sharpe(returns) == pytest.approx(0.5 * (1.0 + math.erf(z / math.sqrt(2.0))), rel=1e-6)
    assert figures.probabilistic_sharpe(returns, 1e3) < 1e-6


def test_a_line_through_its_own_points() -> None:
    market = np.array([0.01, -0.02, 0.03, 0.01])
    line = figures.regression(0.001 + 2.0 * market, market)
    assert line.alpha == pytest.approx(0.365)
    assert line.beta == pytest.approx(2.0)
    assert math.isnan(figures.regression(market, np.zeros(4)).beta)


@pytest.mark.parametrize(
    "figure",
    [figures.sharpe, figures.sortino, figures.volatility, figures.skewness, figures.kurtosis,
     figures.probabilistic_sharpe, figures.value_at_risk, figures.conditional_value_at_risk],
)  # fmt: skip
def test_what_cannot_be_worked_out_is_nan(figure) -> None:
    assert math.isnan(figure(np.zeros(0)))
    assert math.isnan(figure(np.array([np.nan, np.nan, np.nan])))


def test_a_curve_without_variation_has_no_sharpe() -> None:
    assert math.isnan(figures.sharpe(np.zeros(10)))
    assert math.isnan(figures.probabilistic_sharpe(np.zeros(10)))
    assert math.isnan(figures.omega(np.array([0.01, 0.02])))
