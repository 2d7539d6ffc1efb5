"""A walk forward small enough to be done by hand."""

from __future__ import annotations

import math

import pytest

import backtest as bt
from backtest.errors import UsageError
from backtest.sweeps.executors import Serial, Threads
from backtest.validation.walk_forward import walk_forward
from backtest.validation.walk_forward_result import WalkForwardResult
from tests import builders
from tests.builders import HOUR_NS, START_NS

CLOSES = (100.0, 101.0, 102.0, 103.0, 105.0, 110.0, 108.0, 104.0, 100.0, 96.0, 98.0, 100.0)


class OneSided(bt.Strategy):
    """Half the equity long (1) or short (−1), bought after the first bar it is asked at."""

    side = bt.Param(1, low=-1, high=1)

    def plan(self) -> bt.Schedule:
        return bt.Schedule.of_targets([0], [0], exposure=[0.5 * self.side], leverage=1)


def walked(**options: object) -> WalkForwardResult:
    settings: dict[str, object] = {
        "train": "4h", "test": "2h", "grid": {"side": [1, -1]}, "metric": "total_return", "executor": Serial(),
    }  # fmt: skip
    return walk_forward(OneSided, builders.history(CLOSES), **(settings | options))  # type: ignore[arg-type]


# Trained from the first bar's close to the last one's, tested from the training range's last close to the test's last:
#   fold 1  long   103 / 100 − 1 =  3.0000 %    110 / 103 − 1 =  6.7961 %
#   fold 2  long   110 / 102 − 1 =  7.8431 %    104 / 110 − 1 = −5.4545 %
#   fold 3  short  1 − 104 / 105 =  0.9524 %    1 − 96 / 104  =  7.6923 %
#   fold 4  short  1 − 96 / 108  = 11.1111 %    1 − 100 / 96  = −4.1667 %
# and half of each, as half of the equity is in the market.
INSIDE = (0.015000, 0.039216, 0.004762, 0.055556)
OUTSIDE = (0.033981, -0.027273, 0.038462, -0.020833)


def test_each_fold_chooses_on_its_training_range_and_is_tried_on_its_test_range() -> None:
    table = walked().table
    assert table["side"].tolist() == [1, 1, -1, -1]
    assert table["total_return_in"].tolist() == pytest.approx(INSIDE, abs=2e-5)
    assert table["total_return_out"].tolist() == pytest.approx(OUTSIDE, abs=2e-5)
    assert [each.value for each in table["test_start"]] == [START_NS + bar * HOUR_NS for bar in (4, 6, 8, 10)]


def test_equity_is_chained_in_proportion() -> None:
    result = walked()
    expected = 10_000.0 * math.prod(1.0 + each for each in OUTSIDE)
    assert result.equity["equity"].iloc[-1] == pytest.approx(expected, abs=0.5)
    assert result.equity.index[0].value == START_NS + 4 * HOUR_NS
    assert result.equity["fold"].tolist() == [1, 1, 1, 2, 2, 3, 3, 4, 4]
    assert result.metrics["total_return"] == pytest.approx(expected / 10_000.0 - 1.0, abs=5e-5)


def test_the_efficiency_is_what_is_left_out_of_sample() -> None:
    result = walked()
    # 0.024336 / 0.114533: the sums of the two columns above
    assert result.efficiency == pytest.approx(0.024336 / 0.114533, abs=2e-3)
    # the same returns over 8 hours of test ranges and 16 of training ranges: twice as much
    assert result.metrics["return_efficiency"] == pytest.approx(2.0 * 0.024336 / 0.114533, abs=4e-3)
    assert result.switches == 1
    assert result.metrics["folds_profitable"] == 2
    assert result.liquidations == 0


def test_anchored_folds_train_from_the_beginning() -> None:
    # from 100: 103, 110, 104, 96: three times long, then short
    table = walked(anchored=True).table
    assert table["side"].tolist() == [1, 1, 1, -1]
    assert {each.value for each in table["train_start"]} == {START_NS}


def test_the_lowest_value_is_chosen_where_that_is_the_goal() -> None:
    assert walked(goal="min").table["side"].tolist() == [-1, -1, 1, 1]


def test_a_fold_without_a_setting_that_meets_the_constraints_stays_out() -> None:
    # only folds 2 and 4 reach 3 % in sample
    result = walked(constraint="total_return>=3%")
    assert result.table["side"].fillna(0).tolist() == [0, 1, 0, -1]
    expected = 10_000.0 * (1.0 + OUTSIDE[1]) * (1.0 + OUTSIDE[3])
    assert result.equity["equity"].iloc[-1] == pytest.approx(expected, abs=0.5)
    assert "in 2 folds no setting met the constraints" in repr(result)


def test_every_trial_is_kept_and_threads_find_the_same() -> None:
    result, again = walked(), walked(executor=Threads(2))
    assert len(result.trials) == 8
    assert result.trials.equals(again.trials)
    assert result.equity.equals(again.equity)


def test_the_screen_names_folds_figures_and_what_was_not_used() -> None:
    text = repr(walk_forward(
        OneSided, builders.history((*CLOSES, 101.0)), train="4h", test="2h", grid={"side": "-1,1"},
        metric="total_return", executor=Serial(),
    ))  # fmt: skip
    assert "4 rolling folds: train 4h, test 2h, step 2h; 2 settings, the highest total_return chosen" in text
    assert "walk-forward efficiency 21 %" in text
    assert "Folds with a profit 2/4" in text
    assert "parameter switches 1" in text
    assert "make no whole fold" in text


def test_the_figure_shows_equity_and_folds() -> None:
    top, bottom = walked().figure().axes
    assert top.get_title(loc="left") == "Equity out of sample, folds chained"
    assert len(bottom.patches) == 2 * 4 + 2  # a bar in and one out for each fold, and two of four folds shaded


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"metric": "sharp"}, "did you mean 'sharpe'"),
        ({"constraint": "liquidations"}, "is no constraint"),
        ({"grid": {"sid": [1, -1]}}, "did you mean 'side'"),
        ({"train": "400h"}, "not one fold"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        walked(**options)


def test_where_no_fold_has_a_choice_the_account_stays_as_it_is() -> None:
    result = walked(constraint="trades>=100")
    assert result.table["side"].isna().all()
    assert (result.equity["equity"] == 10_000.0).all()
    assert result.metrics["folds_tested"] == result.switches == result.liquidations == 0
    assert math.isnan(result.efficiency)
    assert "in 4 folds no setting met the constraints" in repr(result)
    assert len(result.figure().axes) == 2
