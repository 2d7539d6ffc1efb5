"""Folds of known ranges, counted on the fingers."""

from __future__ import annotations

import pytest

from backtest.clock import DAY_NS, HOUR_NS, moment_ns, time_text
from backtest.errors import UsageError
from backtest.validation.folds import Fold, FoldPlan

START = moment_ns("2024-01-01")


def days(fold: Fold) -> tuple[int, ...]:
    """The four bounds as days from the start."""
    bounds = (fold.train_start_ns, fold.train_end_ns, fold.test_start_ns, fold.test_end_ns)
    return tuple((bound - START) // DAY_NS for bound in bounds)


def laid(plan: FoldPlan, length: int) -> list[tuple[int, ...]]:
    return [days(fold) for fold in plan.folds(START, START + length * DAY_NS, HOUR_NS)]


def test_rolling_folds_step_by_the_test_range() -> None:
    # 10 days, train 4, test 2: tests of days 4-6, 6-8, 8-10
    assert laid(FoldPlan.of("4d", "2d"), 10) == [(0, 4, 4, 6), (2, 6, 6, 8), (4, 8, 8, 10)]


def test_an_anchored_training_range_grows_from_the_start() -> None:
    assert laid(FoldPlan.of("4d", "2d", anchored=True), 10) == [(0, 4, 4, 6), (0, 6, 6, 8), (0, 8, 8, 10)]


def test_an_embargo_lies_between_training_and_test_range() -> None:
    # a whole fold takes 4 + 1 + 2 = 7 days, so that the second ends on day 9 and a third would end on day 11
    assert laid(FoldPlan.of("4d", "2d", embargo="1d"), 10) == [(0, 4, 5, 7), (2, 6, 7, 9)]


def test_a_longer_step_leaves_days_out_between_test_ranges() -> None:
    assert laid(FoldPlan.of("4d", "2d", step="3d"), 10) == [(0, 4, 4, 6), (3, 7, 7, 9)]


def test_folds_are_numbered_from_one_and_exact() -> None:
    folds = FoldPlan.of("180d", "30d").folds(START, moment_ns("2024-09-01"), HOUR_NS)
    # 2024 is a leap year: 180 days from 1 January end on 29 June; 244 days in all, so folds end on days 210 and 240
    assert [fold.number for fold in folds] == [1, 2]
    assert time_text(folds[0].test_start_ns) == "2024-06-29 00:00"
    assert time_text(folds[1].test_end_ns) == "2024-08-28 00:00"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"train": "4d", "test": "2d", "step": "1d"}, "would overlap"),
        ({"train": "9d", "test": "2d"}, "not one fold"),
        ({"train": "90m", "test": "2h"}, "no whole number of decision bars"),
        ({"train": "soon", "test": "2d"}, "is no interval"),
    ],
)
def test_what_cannot_be_laid_is_refused(arguments: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        FoldPlan.of(**arguments).folds(START, START + 10 * DAY_NS, HOUR_NS)  # type: ignore[arg-type]
