"""Guided search by a tree-structured Parzen estimator (Optuna, extra `search`), in rounds of a fixed size.

Sets are asked for in rounds, so that the search is the same however many workers do the trials, and the same again when
it is resumed: what was found is told in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from backtest.errors import UsageError
from backtest.strategy.parameters import Value
from backtest.sweeps.result import Goal
from backtest.sweeps.space import Choice, Space

ROUND = 10
"""Sets asked for at a time."""


class Search:
    """Asks for sets, is told what they gave."""

    def __init__(self, space: Space, goal: Goal, seed: int) -> None:
        try:
            import optuna
        except ImportError as error:
            raise UsageError("guided search needs Optuna; install it with: pip install 'isomargin[search]'") from error
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._optuna = optuna
        self._space = space
        direction = optuna.study.StudyDirection.MAXIMIZE if goal is Goal.MAX else optuna.study.StudyDirection.MINIMIZE
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=2 * ROUND)
        self._study = optuna.create_study(direction=direction, sampler=sampler)
        self._asked: list[Any] = []

    def rounds(self, number: int) -> Iterator[list[dict[str, Value]]]:
        """Rounds of sets, `number` of them in all; each round's values must be told before the next is asked for."""
        while number > 0:
            self._asked = [self._study.ask() for _ in range(min(ROUND, number))]
            number -= len(self._asked)
            yield [self._drawn(trial) for trial in self._asked]

    def tell(self, values: list[float]) -> None:
        """What the sets of the last round gave, in their order; NaN: nothing, or a constraint was broken."""
        for trial, value in zip(self._asked, values, strict=True):
            if math.isfinite(value):
                self._study.tell(trial, value)
            else:
                self._study.tell(trial, state=self._optuna.trial.TrialState.PRUNED)

    def _drawn(self, trial: Any) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for name, each in self._space.dimensions.items():
            if isinstance(each, Choice):
                place = self._place(trial, name, each)
                found[name] = each.values[place]
            elif each.whole:
                found[name] = int(trial.suggest_int(name, int(each.low), int(each.high)))
            else:
                found[name] = float(trial.suggest_float(name, each.low, each.high))
        return found

    def _place(self, trial: Any, name: str, choice: Choice) -> int:
        """Numbers are in order, so that their neighbours count as near; texts and flags are not."""
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in choice.values):
            return int(trial.suggest_int(name, 0, len(choice.values) - 1))
        return int(trial.suggest_categorical(name, list(range(len(choice.values)))))


def told(row: Mapping[str, Any], metric: str, feasible: bool) -> float:
    """What a trial's row tells the search."""
    return float(row[metric]) if feasible else math.nan
