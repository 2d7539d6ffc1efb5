"""Which setting is taken: the one with the best value of a metric among those that meet the constraints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from backtest.errors import UsageError, near
from backtest.sweeps.constraint import Constraint, constraints
from backtest.sweeps.metrics import NAMES
from backtest.sweeps.result import Goal


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The highest or lowest value of a metric under constraints.

    >>> trials = pd.DataFrame({"sharpe": [2.0, 1.0], "liquidations": [1, 0]})
    >>> Choice.of("sharpe", "max", "liquidations==0").best(trials)
    1
    """

    metric: str
    goal: Goal
    constraints: tuple[Constraint, ...]

    @classmethod
    def of(cls, metric: str, goal: Goal | str, constraint: str | Sequence[str]) -> Choice:
        """From texts, as a sweep takes them."""
        if metric not in NAMES:
            raise UsageError(f"'{metric}' is no metric of a trial; {near(metric, NAMES)}known are {', '.join(NAMES)}")
        needed = tuple(each.checked(NAMES) for each in constraints(constraint))
        return cls(metric=metric, goal=Goal(goal), constraints=needed)

    def best(self, trials: pd.DataFrame) -> int | None:
        """Row of the best trial, the first of equals; None where none meets the constraints with a known value."""
        values = trials[self.metric].to_numpy(np.float64)
        possible = np.isfinite(values)
        for each in self.constraints:
            possible &= each.holds(trials)
        if not possible.any():
            return None
        sign = 1.0 if self.goal is Goal.MAX else -1.0
        return int(np.argmax(np.where(possible, sign * values, -np.inf)))

    def __str__(self) -> str:
        under = f" with {', '.join(map(str, self.constraints))}" if self.constraints else ""
        return f"{'highest' if self.goal is Goal.MAX else 'lowest'} {self.metric}{under}"
