"""A trial's figures are those of the run's result, and the curve that is not walked is the one that is."""

from __future__ import annotations

import math

import numpy as np
import pytest

import backtest as bt
from backtest.sweeps import metrics
from backtest.sweeps.sweep import sweep
from tests.sweeps.worlds import Cross, Decided, market


@pytest.mark.parametrize("legs", [1, 3])
@pytest.mark.parametrize("leverage", [2.0, 40.0])
def test_the_figures_of_a_trial_are_those_of_its_result(legs: int, leverage: float) -> None:
    history = market(legs=legs, volatility=0.02)
    row = sweep(Cross, history, grid={"fast": [5, 12], "slow": 40, "leverage": leverage}, jobs=1).frame.iloc[1]
    result = bt.run(Cross, history, fast=12, slow=40, leverage=leverage)
    assert (result.metrics["liquidations"] > 0) == (leverage == 40.0)
    for name in metrics.NAMES:
        if name != metrics.RETURN_DAYS:
            assert row[name] == pytest.approx(result.metrics[name], rel=1e-12, abs=1e-9, nan_ok=True), name
    assert row[metrics.RETURN_DAYS] == math.ceil(history.length / 24)


def test_a_ruined_account_has_the_figures_of_its_result() -> None:
    history = market(volatility=0.03, seed=9)
    row = sweep(Cross, history, grid={"fast": [4, 5], "slow": 20, "leverage": 10.0}, cash=30.0, jobs=1).frame.iloc[0]
    wanted = bt.run(Cross, history, fast=4, slow=20, leverage=10.0, cash=30.0).metrics
    for name in ("equity", "max_drawdown", "sharpe", "ruined", "trades"):
        assert row[name] == pytest.approx(wanted[name], rel=1e-12, nan_ok=True), name


def test_a_hole_under_no_position_leaves_the_figures_alone() -> None:
    history = market()
    prices = np.array(history.prices)
    prices[:, :, 3:9] = np.nan
    holed = type(history)(**{**{n: getattr(history, n) for n in history.__dataclass_fields__}, "prices": prices})
    row = sweep(Decided, holed, grid={"fast": [5, 6], "slow": 40}, jobs=1).frame.iloc[0]
    wanted = bt.run(Decided, holed, fast=5, slow=40).metrics
    assert row["max_drawdown"] == pytest.approx(wanted["max_drawdown"], rel=1e-12)
    assert row["equity"] == pytest.approx(wanted["equity"], rel=1e-12)
