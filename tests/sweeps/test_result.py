"""The best trial, its neighbours, its deflated Sharpe ratio and its picture, on a table made by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from backtest.errors import UsageError
from backtest.sweeps.constraint import Constraint, constraints
from backtest.sweeps.deflation import deflated_sharpe, expected_maximum
from backtest.sweeps.metrics import NAMES
from backtest.sweeps.result import SweepResult


def made(sharpe: list[list[float]], *, stepped: bool = True) -> SweepResult:
    """Rows are `fast` 10, 20, …, columns `slow` 100, 200, …; liquidations where the ratio is above 2."""
    table = np.array(sharpe)
    fast, slow = np.indices(table.shape)
    frame = pd.DataFrame({"trial": range(table.size), "fast": 10 * fast.ravel() + 10, "slow": 100 * slow.ravel() + 100})
    frame = frame.assign(**dict.fromkeys(NAMES, 0.0), error="")
    frame["sharpe"], frame["kurtosis"], frame["return_days"] = table.ravel(), 3.0, 365.0
    frame["liquidations"] = (table.ravel() > 2.0).astype(float)
    return SweepResult(frame=frame, strategy="Cross", varied=("fast", "slow"), fixed={}, stepped=stepped)


GRID = [[0.1, 0.2, 0.3, 0.0], [0.4, 1.5, 0.5, 0.0], [0.6, 0.7, 0.8, 9.0]]


def test_the_best_comes_with_the_median_of_its_neighbours() -> None:
    best = made(GRID).best(where="liquidations == 0")
    assert dict(best.parameters) == {"fast": 20, "slow": 200}
    assert (best.value, best.neighbours) == (1.5, 8)
    assert best.neighbourhood == pytest.approx(0.45)  # of 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8
    assert made(GRID).best().value == 9.0
    assert made(GRID).best("sharpe", goal="min").value == 0.0


def test_a_corner_has_three_neighbours() -> None:
    assert made(GRID).neighbourhood(0)["sharpe"].tolist() == [0.2, 0.4, 1.5]


def test_after_draws_the_nearest_trials_are_the_neighbours() -> None:
    near = made(GRID, stepped=False).neighbourhood(0)["trial"].tolist()
    assert near[:2] == [1, 4]  # a third of slow's range away, half of fast's
    assert len(near) == 4


def test_no_trial_that_fulfils_the_constraint_is_said() -> None:
    with pytest.raises(UsageError, match="no trial fulfils liquidations > 5 and has a value of sharpe"):
        made(GRID).best(where="liquidations > 5")
    with pytest.raises(UsageError, match="did you mean 'sharpe'"):
        made(GRID).best("sharp")
    with pytest.raises(UsageError, match="did you mean 'trades'"):
        made(GRID).best(where="trade>3")


def test_constraints_are_read_from_text() -> None:
    assert constraints(["liquidations==0", "max_drawdown>=-20%, trades > 10"]) == (
        Constraint(name="liquidations", sign="==", limit=0.0),
        Constraint(name="max_drawdown", sign=">=", limit=-0.2),
        Constraint(name="trades", sign=">", limit=10.0),
    )
    assert len(made(GRID).feasible("fast >= 20 and slow != 100")) == 6


def test_unknown_figures_fulfil_no_constraint() -> None:
    result = made([[math.nan, 1.0]])
    assert result.feasible("sharpe != 5")["trial"].tolist() == [1]


def test_the_deflated_sharpe_ratio_is_that_of_the_paper() -> None:
    """Bailey and López de Prado (2014): 2.5 a year over 1,250 days of 250 a year, skew −3, kurtosis 10, the best of 100
    trials whose yearly ratios vary by ½: the benchmark is 0.1132 a day and the probability 0.9004; of 46 trials 0.9505.
    """
    ratio, variance = 2.5 / math.sqrt(250), 0.5 / 250
    assert expected_maximum(variance, 100) == pytest.approx(0.1132, abs=5e-5)
    figures = {"variance": variance, "periods": 1250, "skew": -3.0, "kurtosis": 10.0}
    assert deflated_sharpe(ratio, trials=100, **figures) == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe(ratio, trials=46, **figures) == pytest.approx(0.9505, abs=5e-5)


def test_a_single_trial_is_not_deflated() -> None:
    result = made([[1.0]])
    ratio = 1.0 / math.sqrt(365)
    z = ratio * math.sqrt(364) / math.sqrt(1 + 0.5 * ratio**2)  # normal returns: skewness 0, kurtosis 3
    assert result.deflated_sharpe == pytest.approx(0.5 * (1 + math.erf(z / math.sqrt(2))))


def test_more_trials_deflate_more() -> None:
    few, many = made([[0.0, 1.0]]), made([[0.0, 1.0] * 20])
    assert many.deflated_sharpe_of(1) < few.deflated_sharpe_of(1)


def test_the_heatmap_is_drawn(tmp_path: Path) -> None:
    figure = made(GRID).heatmap("slow", "fast", "sharpe", where="liquidations==0")
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("slow", "fast")
    assert [label.get_text() for label in axes.get_xticklabels()] == ["100", "200", "300", "400"]
    shown = axes.images[0].get_array()
    assert shown.shape == (3, 4)
    assert bool(np.ma.getmaskarray(np.ma.masked_invalid(shown))[2, 3])
    figure.savefig(tmp_path / "map.svg")
    figure.savefig(tmp_path / "map.png")
    with pytest.raises(UsageError, match="'leverage' did not vary"):
        made(GRID).heatmap("leverage", "fast")


def test_many_values_are_gathered_into_classes() -> None:
    result = made(np.random.default_rng(1).normal(size=(40, 3)).tolist())
    axes = result.heatmap("slow", "fast", "sharpe").axes[0]
    assert len(axes.get_yticklabels()) == 10
