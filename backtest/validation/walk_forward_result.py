"""What walking forward came to: folds in and out of sample, the chained equity, how much of the promise was kept.

The walk-forward efficiency compares a fold's metric out of sample with that in sample; of the yearly return it is that
of R. Pardo, "The Evaluation and Optimization of Trading Strategies" (2008).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from backtest.config import RunConfig
from backtest.market.history import MarketHistory
from backtest.report.performance import daily_equity, daily_returns, drawdown, sharpe, total_return
from backtest.result import Result
from backtest.strategy.parameters import Value
from backtest.sweeps.result import Goal
from backtest.validation.choice import Choice
from backtest.validation.folds import Fold, FoldPlan

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = ("total_return", "max_drawdown", "trades", "liquidations")
"""Metrics that the table has beside the one that is chosen by."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldOutcome:
    """One fold: the setting chosen (its number in the grid; None: none met the constraints) and what it came to."""

    fold: Fold
    setting: int | None
    trained: Mapping[str, float]
    """Metrics of the chosen setting on the training range; empty where none was chosen."""
    tested: Result | None
    """The run on the test range."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WalkForwardResult:
    """What walking forward came to.

    strategy: its name. settings: the grid. varied: names of the parameters in it. choice: metric and constraints.
    folds: one outcome a fold. trials: every setting on every training range, with all metrics.
    """

    strategy: str
    history: MarketHistory
    config: RunConfig
    plan: FoldPlan
    settings: tuple[Mapping[str, Value], ...]
    varied: tuple[str, ...]
    choice: Choice
    folds: tuple[FoldOutcome, ...]
    trials: pd.DataFrame

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a fold: its ranges (UTC, ends exclusive), the parameters chosen, metrics in and out of sample."""
        return pd.DataFrame([self._row(each) for each in self.folds])

    @cached_property
    def equity(self) -> pd.DataFrame:
        """Out-of-sample equity of the folds one after the other, at the closes of decision bars; with its drawdown."""
        cash = level = self.config.deposit
        times, values, numbers = [self.folds[0].fold.test_start_ns], [cash], [self.folds[0].fold.number]
        for each in self.folds:
            if each.tested is None:
                closes, equity = np.array([each.fold.test_end_ns]), np.array([cash])
            else:
                closes = pd.DatetimeIndex(each.tested.equity.index).asi8
                equity = each.tested.equity["equity"].to_numpy()
            times += closes.tolist()
            values += (level / cash * equity).tolist()
            numbers += [each.fold.number] * len(closes)
            level = values[-1]
        index = pd.DatetimeIndex(np.array(times).view("M8[ns]"), tz="UTC", name="time")
        peak = np.maximum.accumulate(values)
        return pd.DataFrame({"equity": values, "drawdown": values / peak - 1.0, "fold": numbers}, index=index)

    @cached_property
    def metrics(self) -> Mapping[str, float]:
        """Figures of the whole walk; see the summary for their meaning."""
        table, equity = self.table, self.equity["equity"].to_numpy()
        closes, cash = pd.DatetimeIndex(self.equity.index).asi8, self.config.deposit
        daily = daily_returns(daily_equity(closes[1:], equity[1:], cash))
        inside, outside = (table[f"{self.choice.metric}_{side}"] for side in ("in", "out"))
        both = inside.notna() & outside.notna()
        return {
            "folds": len(self.folds),
            "folds_tested": sum(each.tested is not None for each in self.folds),
            "folds_profitable": int((table["total_return_out"] > 0.0).sum()),
            "in_sample": float(inside[both].mean()),
            "out_of_sample": float(outside[both].mean()),
            "efficiency": self._efficiency(float(inside[both].mean()), float(outside[both].mean())),
            "return_efficiency": self._return_efficiency(),
            "total_return": total_return(float(equity[-1]), cash),
            "sharpe": sharpe(daily),
            "max_drawdown": drawdown(closes, equity, equity, cash).depth,
            "liquidations": int(table["liquidations_out"].sum()),
            "switches": self.switches,
        }

    @property
    def efficiency(self) -> float:
        """Mean of the metric out of sample over its mean in sample; NaN where the latter is not positive."""
        return self.metrics["efficiency"]

    @property
    def liquidations(self) -> int:
        """Positions that the venue took over out of sample."""
        return int(self.metrics["liquidations"])

    @property
    def switches(self) -> int:
        """How often a fold chose another setting than the last fold that chose one."""
        chosen = [each.setting for each in self.folds if each.setting is not None]
        return sum(one != other for one, other in itertools.pairwise(chosen))

    def figure(self) -> Figure:
        """Chained equity out of sample with its folds; below, the metric of each fold in and out of sample."""
        from backtest.validation.figures import walk_forward_figure  # matplotlib is loaded only for a picture

        return walk_forward_figure(self)

    def __repr__(self) -> str:
        from backtest.validation.walk_forward_text import walk_forward_text

        return walk_forward_text(self)

    def _efficiency(self, inside: float, outside: float) -> float:
        return outside / inside if inside > 0.0 and self.choice.goal is Goal.MAX else math.nan

    def _return_efficiency(self) -> float:
        tested = self.table[self.table["total_return_in"].notna()]
        inside = _per_day(tested["total_return_in"], tested["train_end"] - tested["train_start"])
        outside = _per_day(tested["total_return_out"], tested["test_end"] - tested["test_start"])
        return outside / inside if inside > 0.0 else math.nan

    def _row(self, each: FoldOutcome) -> dict[str, Any]:
        fold = each.fold
        row: dict[str, Any] = {"fold": fold.number}
        for name in ("train_start", "train_end", "test_start", "test_end"):
            row[name] = pd.Timestamp(getattr(fold, f"{name}_ns"), unit="ns", tz="UTC")
        row |= {name: None if each.setting is None else self.settings[each.setting][name] for name in self.varied}
        outside = {} if each.tested is None else each.tested.metrics
        for name in dict.fromkeys((self.choice.metric, *SHOWN)):
            row[f"{name}_in"] = each.trained.get(name, math.nan)
            row[f"{name}_out"] = outside.get(name, math.nan)
        return row


def _per_day(returns: pd.Series[float], lengths: pd.Series[Any]) -> float:
    days = pd.Timedelta(lengths.sum()) / pd.Timedelta(days=1)
    return float(returns.sum()) / days if days else math.nan
