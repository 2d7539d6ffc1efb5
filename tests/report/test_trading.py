"""Figures of a list of trades, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from backtest.report import trading

PNL = np.array([30.0, -10.0, 20.0, -20.0, -5.0])


def test_wins_and_losses_in_money() -> None:
    assert trading.win_rate(PNL) == pytest.approx(0.4)
    assert trading.average_win(PNL) == pytest.approx(25.0)
    assert trading.average_loss(PNL) == pytest.approx(-35.0 / 3.0)
    assert trading.payoff(PNL) == pytest.approx(75.0 / 35.0)
    assert trading.profit_factor(PNL) == pytest.approx(50.0 / 35.0)
    assert trading.expectancy(PNL) == pytest.approx(3.0)
    assert trading.expectancy_r(PNL) == pytest.approx(9.0 / 35.0)
    assert trading.kelly(PNL) == pytest.approx(0.4 - 0.6 * 35.0 / 75.0)
    assert trading.streaks(PNL) == (1, 2)


def test_system_quality() -> None:
    assert trading.system_quality(np.array([1.0, 3.0])) == pytest.approx(math.sqrt(2.0) * 2.0 / math.sqrt(2.0))


@pytest.mark.parametrize(
    "figure", [trading.win_rate, trading.average_win, trading.payoff, trading.profit_factor, trading.expectancy,
               trading.system_quality, trading.kelly],
)  # fmt: skip
def test_without_trades_there_is_no_figure(figure) -> None:
    assert math.isnan(figure(np.zeros(0)))


def test_wilson_s_interval() -> None:
    # 1 of 10: centre (0.1 + z²/20) / (1 + z²/10), published limits 0.0179 and 0.4042
    found = trading.wilson(1, 10)
    assert found.share == 0.1
    assert found.low == pytest.approx(0.0179, abs=5e-5)
    assert found.high == pytest.approx(0.4042, abs=5e-5)
    assert math.isnan(trading.wilson(0, 0).share)
