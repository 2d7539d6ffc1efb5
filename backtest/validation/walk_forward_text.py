"""A walk forward on one screen: how the choice did in and out of sample, then a line a fold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from backtest.clock import DAY_NS, interval_text
from backtest.report.definitions import DEFINITIONS
from backtest.report.numbers import figure, percent
from backtest.validation.montecarlo_text import aligned

if TYPE_CHECKING:
    from backtest.validation.walk_forward_result import WalkForwardResult


def walk_forward_text(result: WalkForwardResult) -> str:
    """The screen of a walk forward."""
    history, plan, metrics = result.history, result.plan, result.metrics
    metric, unit = result.choice.metric, DEFINITIONS[result.choice.metric].unit
    fixed = {name: value for name, value in result.settings[0].items() if name not in result.varied}
    embargo = f", embargo {interval_text(plan.embargo_ns)}" if plan.embargo_ns else ""
    days = len(result.folds) * plan.test_ns / DAY_NS
    used = result.folds[-1].fold.test_end_ns
    lines = [
        f"{result.strategy}({', '.join(f'{name}={value}' for name, value in fixed.items())})",
        f"{' '.join(history.symbols)}  {history.venue}{', synthetic market' if history.synthetic else ''}",
        f"{len(result.folds)} {'anchored' if plan.anchored else 'rolling'} folds: "
        f"train {interval_text(plan.train_ns)}, test {interval_text(plan.test_ns)}{embargo}, "
        f"step {interval_text(plan.step_ns)}; {len(result.settings):,} "
        f"settings, the {result.choice} chosen",
        "",
        f"In sample {metric} {figure(metrics['in_sample'], unit)} → "
        f"out of sample {figure(metrics['out_of_sample'], unit)} "
        f"(means of the folds; walk-forward efficiency {percent(metrics['efficiency'], digits=0)}, "
        f"of the yearly return {percent(metrics['return_efficiency'], digits=0)})",
        f"Out of sample, {days:,.0f} days chained: return {percent(metrics['total_return'], sign=True)}, "
        f"max drawdown {percent(metrics['max_drawdown'], digits=1)}, sharpe {figure(metrics['sharpe'], 'factor')}",
        f"Folds with a profit {metrics['folds_profitable']:.0f}/{len(result.folds)}   "
        f"liquidations out of sample {metrics['liquidations']:.0f}   parameter switches {metrics['switches']:.0f}",
        "",
        *aligned(_rows(result)),
        "",
    ]
    if metrics["folds_tested"] < len(result.folds):
        out = len(result.folds) - metrics["folds_tested"]
        lines.append(f"! in {out:.0f} folds no setting met the constraints; they stayed out of the market")
    failed = result.trials[result.trials["error"] != ""]
    if len(failed):
        lines.append(f"! {len(failed)} of {len(result.trials)} trials could not be run: {failed['error'].iloc[0]}")
    if history.end_ns > used:
        lines.append(f"! the last {(history.end_ns - used) / DAY_NS:,.1f} days make no whole fold and were not used")
    lines.append(
        f"! out of sample each fold begins with {result.config.deposit:,.8g} {result.history.currencies[0]} and no "
        "position, knows the bars since its training range began, and marks what is open at its end"
    )
    lines += [f"! {note}" for note in history.notes]
    return "\n".join(lines)


def _rows(result: WalkForwardResult) -> list[list[str]]:
    metric, unit = result.choice.metric, DEFINITIONS[result.choice.metric].unit
    head = ["fold", "train", "test", *result.varied, f"{metric} in", "out", "return in", "out", "drawdown out"]
    rows = [[*head, "trades out", "liquidations in / out"]]
    for row in result.table.to_dict("records"):
        rows.append(
            [
                f"{row['fold']}",
                _range(row, "train"),
                _range(row, "test"),
                *("–" if row[name] is None else _plain(row[name]) for name in result.varied),
                figure(row[f"{metric}_in"], unit),
                figure(row[f"{metric}_out"], unit),
                percent(row["total_return_in"], sign=True, digits=1),
                percent(row["total_return_out"], sign=True, digits=1),
                percent(row["max_drawdown_out"], digits=1),
                figure(row["trades_out"], "count"),
                f"{figure(row['liquidations_in'], 'count')} / {figure(row['liquidations_out'], 'count')}",
            ]
        )
    return rows


def _plain(value: Any) -> str:
    if isinstance(value, float) and math.isnan(value):
        return "–"
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _range(row: dict[Any, Any], name: str) -> str:
    start, end = (pd.Timestamp(row[f"{name}_{side}"]) for side in ("start", "end"))
    form = "%Y-%m-%d" if start == start.normalize() and end == end.normalize() else "%Y-%m-%d %H:%M"
    return f"{start.strftime(form)}..{end.strftime(form)}"
