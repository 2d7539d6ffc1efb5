"""What a sweep leaves behind: a row a trial, the best of them, and how much to believe in it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtest.errors import UsageError, near
from backtest.report.performance import DAYS
from backtest.sweeps.constraint import constraints
from backtest.sweeps.deflation import deflated_sharpe
from backtest.sweeps.metrics import NAMES, RETURN_DAYS
from backtest.sweeps.trial import ERROR, TRIAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Goal(Enum):
    """Which end of a metric is the good one."""

    MAX = "max"
    MIN = "min"


@dataclass(frozen=True, kw_only=True)
class Best:
    """The chosen trial, and what stands around it.

    neighbourhood: the median of `metric` over the neighbours (NaN: there are none); a lone peak among bad neighbours is
    chance. deflated_sharpe: probability that its Sharpe ratio is more than the luck of the best of all trials.
    """

    trial: int
    parameters: Mapping[str, Any]
    metric: str
    value: float
    neighbours: int
    neighbourhood: float
    deflated_sharpe: float
    metrics: Mapping[str, float]

    def __str__(self) -> str:
        settings = " ".join(f"{name}={value}" for name, value in self.parameters.items())
        around = f"median of {self.neighbours} neighbours {self.neighbourhood:.4g}"
        return f"{settings}  {self.metric} {self.value:.4g} ({around})"


@dataclass(frozen=True, kw_only=True, eq=False)
class SweepResult:
    """A sweep's trials. `frame` has a row each: `trial`, the parameters that varied, the metrics, `error`.

    varied: names of the parameters that varied. stepped: whether their values lie on a grid. resumed: how many rows
    were there before. folder: where it was kept, None where nothing was written.
    """

    frame: pd.DataFrame
    strategy: str
    varied: tuple[str, ...]
    fixed: Mapping[str, Any]
    stepped: bool
    objective: tuple[str, Goal] = ("sharpe", Goal.MAX)
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    resumed: int = 0
    folder: Path | None = None

    def feasible(self, where: str = "") -> pd.DataFrame:
        """The trials that ran and fulfil the constraints, as in "liquidations == 0 and trades >= 10"."""
        found: NDArray[np.bool_] = self.frame[ERROR].to_numpy() == ""
        for each in constraints(where):
            found &= each.checked((*self._numeric(), *NAMES)).holds(self.frame)
        return _rows(self.frame, np.flatnonzero(found))

    def best(self, metric: str | None = None, *, where: str = "", goal: Goal | str | None = None) -> Best:
        """The trial with the highest (`goal="min"`: lowest) value of a metric among those that fulfil `where`.

        Of equal ones the first. Without a metric the sweep's own objective is taken.
        """
        name = metric or self.objective[0]
        wanted = Goal(goal) if goal is not None else self.objective[1] if metric is None else Goal.MAX
        self._known(name)
        candidates = self.feasible(where)
        values = candidates[name].to_numpy(np.float64)
        if not np.isfinite(values).any():
            said = f" fulfils {where} and" if where else ""
            raise UsageError(f"no trial{said} has a value of {name}; relax the constraint or widen the sweep")
        place = int(np.nanargmax(values) if wanted is Goal.MAX else np.nanargmin(values))
        row = candidates.iloc[place]
        around = self.neighbourhood(int(row[TRIAL]))[name].to_numpy(np.float64)
        known = around[np.isfinite(around)]
        return Best(
            trial=int(row[TRIAL]),
            parameters={key: row[key] for key in self.varied},
            metric=name,
            value=float(row[name]),
            neighbours=len(known),
            neighbourhood=float(np.median(known)) if len(known) else math.nan,
            deflated_sharpe=self.deflated_sharpe_of(int(row[TRIAL])),
            metrics={key: float(row[key]) for key in NAMES},
        )

    def neighbourhood(self, trial: int) -> pd.DataFrame:
        """The trials around one, itself left out.

        On a grid: those at most one step away in every parameter (texts and flags must be equal). After draws: the
        nearest ones, two for each parameter, distances measured in shares of each parameter's range.
        """
        at = self.frame[TRIAL].to_numpy() == trial
        if not at.any():
            raise UsageError(f"there is no trial {trial}; they are numbered 0 to {len(self.frame) - 1}")
        one, numeric = int(np.flatnonzero(at)[0]), self._numeric()
        same = ~at
        for name in self.varied:
            if name not in numeric:
                same &= (self.frame[name] == self.frame[name].iloc[one]).to_numpy()
        if not numeric:
            return _rows(self.frame, np.flatnonzero(same))
        places = np.column_stack([self._places(name) for name in numeric])
        away = np.abs(places - places[one])
        if self.stepped:
            return _rows(self.frame, np.flatnonzero(same & (away <= 1.0).all(axis=1)))
        order = np.argsort(np.where(same, np.sqrt((away**2).sum(axis=1)), np.inf), kind="stable")
        return _rows(self.frame, order[: min(2 * len(numeric), int(same.sum()))])

    def _numeric(self) -> tuple[str, ...]:
        kinds = {name: self.frame[name].dtype for name in self.varied}
        return tuple(name for name, kind in kinds.items() if kind.kind in "if")

    def _places(self, name: str) -> NDArray[np.float64]:
        values = self.frame[name].to_numpy(np.float64)
        if self.stepped:
            return np.asarray(np.searchsorted(np.unique(values), values), np.float64)
        return np.asarray((values - values.min()) / (float(np.ptp(values)) or 1.0), np.float64)

    @property
    def deflated_sharpe(self) -> float:
        """Of the trial with the highest Sharpe ratio; NaN where no trial has one."""
        ratios = self.frame["sharpe"].to_numpy(np.float64)
        if not np.isfinite(ratios).any():
            return math.nan
        return self.deflated_sharpe_of(int(self.frame[TRIAL].iloc[int(np.nanargmax(ratios))]))

    def deflated_sharpe_of(self, trial: int) -> float:
        """Probability that a trial's true Sharpe ratio exceeds what chance gives the best of all trials (0 to 1)."""
        per_day = self.frame["sharpe"].to_numpy(np.float64) / math.sqrt(DAYS)
        known = per_day[np.isfinite(per_day)]
        row = int(np.flatnonzero(self.frame[TRIAL].to_numpy() == trial)[0])
        figures = self.frame.iloc[row]
        if not np.isfinite(per_day[row]):
            return math.nan
        return deflated_sharpe(
            float(per_day[row]),
            variance=float(np.var(known, ddof=1)) if len(known) > 1 else 0.0,
            trials=len(known),
            periods=int(figures[RETURN_DAYS]),
            skew=float(figures["skew"]),
            kurtosis=float(figures["kurtosis"]),
        )

    def heatmap(self, x: str, y: str, metric: str | None = None, *, where: str = "") -> Figure:
        """A picture of a metric over two parameters, the median taken over the others; `savefig` keeps it."""
        from backtest.sweeps.heatmap import heatmap

        name = metric or self.objective[0]
        self._known(name)
        for each in (x, y):
            if each not in self.varied:
                raise UsageError(
                    f"'{each}' did not vary in this sweep; {near(each, self.varied)}these did: {', '.join(self.varied)}"
                )
        if x == y:
            raise UsageError("a heatmap needs two different parameters")
        return heatmap(self, x, y, name, where)

    def _known(self, metric: str) -> None:
        if metric not in NAMES:
            raise UsageError(f"a sweep has no metric '{metric}'; {near(metric, NAMES)}it has {', '.join(NAMES)}")

    def __repr__(self) -> str:
        failed = int((self.frame[ERROR] != "").sum())
        said = f", {failed} failed" if failed else ""
        try:
            best = f"\nbest: {self.best()}"
        except UsageError:
            best = ""
        return f"sweep of {self.strategy}: {len(self.frame)} trials over {', '.join(self.varied)}{said}{best}"


def _rows(frame: pd.DataFrame, places: NDArray[np.intp]) -> pd.DataFrame:
    chosen: pd.DataFrame = frame.iloc[places]
    return chosen
