"""The pictures of a validation: the fan of a Monte Carlo and its ruin curve; folds in and out of sample."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from backtest.enums import LedgerKind, label
from backtest.report import figures as house
from backtest.report.decimate import kept_points

if TYPE_CHECKING:
    from backtest.validation.montecarlo import MonteCarloResult
    from backtest.validation.walk_forward_result import WalkForwardResult

BANDS = ((0.05, 0.95, 0.18), (0.25, 0.75, 0.30))
"""Lower and upper quantile of each band of the fan, and how dark it is."""
LEVELS = 101
"""Points of a ruin curve."""


def montecarlo_figure(result: MonteCarloResult, setting: int) -> Figure:
    """Left the fan of equity of one setting, right the probability of ruin by its level, a line a setting."""
    with rc_context(house.STYLE):
        figure = Figure(figsize=(house.WIDTH, 4.0), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2, width_ratios=(1.3, 1.0))
        _fan(left, result, setting)
        _ruin(right, result)
    return figure


def _fan(axes: Any, result: MonteCarloResult, setting: int) -> None:
    curves = result.curves(setting).to_numpy()
    day = (result.times.asi8 - result.bootstrap.history.start_ns) / house.DAY_NS
    name = result.named(setting)
    axes.set_title(f"Equity on {result.paths:,} paths{': ' * bool(name)}{name}")
    for low, high, dark in BANDS:
        lower, upper = np.quantile(curves, (low, high), axis=1)
        told = f"{round(100 * (high - low))} % of the paths"
        axes.fill_between(day, lower, upper, color=house.BLUE, alpha=dark, linewidth=0, label=told)
    axes.plot(day, np.median(curves, axis=1), color=house.BLUE, label="median")
    axes.plot(day, result.actual[setting].curve, color=house.ORANGE, linewidth=1.0, label="the history itself")
    axes.axhline(result.config.deposit, color=house.GREY, linewidth=0.8)
    ruin = result.ruin_share * result.config.deposit
    axes.axhline(ruin, color=house.RED, linewidth=0.9, linestyle=house.DASHES[1], label="ruin")
    highest = np.quantile(curves, BANDS[0][1], axis=1).max()
    axes.set_ylim(bottom=0.0, top=1.05 * float(max(highest, result.config.deposit)))
    axes.set_xlim(0.0, float(day[-1]))
    axes.set_xlabel("days")
    axes.set_ylabel(result.bootstrap.history.currencies[0] or "money")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if result.config.deposit >= 10 else f"{value:,.4g}")
    _legend(axes, 3)


def _ruin(axes: Any, result: MonteCarloResult) -> None:
    axes.set_title("Probability that equity falls to a level")
    levels = np.linspace(0.0, 1.0, LEVELS)
    for setting in range(len(result.settings)):
        style = {"color": house.CYCLE[setting % len(house.CYCLE)]}
        dash = house.DASHES[setting // len(house.CYCLE) % len(house.DASHES)]
        known = np.array([result.ruin(float(level))[setting] for level in levels])
        axes.fill_between(levels, known[:, 1], known[:, 2], alpha=0.18, linewidth=0, **style)
        axes.plot(levels, known[:, 0], linestyle=dash, label=result.named(setting) or None, **style)
    axes.axvline(result.ruin_share, color=house.RED, linewidth=0.9, linestyle=house.DASHES[1])
    axes.set_xlim(1.0, 0.0)
    axes.set_ylim(0.0, 1.0)
    axes.set_xlabel("level, as a share of the deposit")
    axes.set_ylabel("share of the paths, with 95 % interval")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(xmax=1.0, decimals=0, symbol=" %"))
    if result.varied:
        _legend(axes, 3)


def _legend(axes: Any, columns: int) -> None:
    """The legend between the title and the panel, so that it covers neither."""
    entries = len(axes.get_legend_handles_labels()[1])
    axes.set_title(axes.get_title(loc="left"), loc="left", pad=5.0 + 13.5 * -(-entries // columns))
    legend = axes.legend(
        loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, borderaxespad=0.1, borderpad=0.1, handlelength=1.6,
        columnspacing=1.0, labelspacing=0.3,
    )  # fmt: skip
    legend.set_in_layout(False)


def walk_forward_figure(result: WalkForwardResult) -> Figure:
    """Chained equity out of sample, every other fold shaded; below, the chosen metric of each fold in and out."""
    with rc_context(house.STYLE):
        figure = Figure(figsize=(house.WIDTH, 4.8), layout="constrained")
        FigureCanvasAgg(figure)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1.6, 1.0))
        ends = [(each.fold.test_start_ns / house.DAY_NS, each.fold.test_end_ns / house.DAY_NS) for each in result.folds]
        for axes in (top, bottom):
            for number, (start, end) in enumerate(ends):
                if number % 2 == 0:
                    axes.axvspan(start, end, color=house.GRID, alpha=0.45, linewidth=0)
        _walked(top, result)
        _metrics(bottom, result, ends)
        locator = AutoDateLocator(tz=UTC, minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
        bottom.xaxis.set_major_locator(locator)
        bottom.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]
        bottom.set_xlabel("time (UTC)")
        bottom.set_xlim(ends[0][0], ends[-1][1])
    return figure


def _walked(axes: Any, result: WalkForwardResult) -> None:
    axes.set_title("Equity out of sample, folds chained")
    equity, times = result.equity["equity"].to_numpy(), pd.DatetimeIndex(result.equity.index).asi8
    kept = kept_points(equity)
    axes.axhline(result.config.deposit, color=house.GREY, linewidth=0.8)
    axes.plot(times[kept] / house.DAY_NS, equity[kept], color=house.BLUE)
    taken = [each for each in result.folds if each.tested is not None and each.tested.metrics["liquidations"]]
    for number, each in enumerate(taken):
        assert each.tested is not None
        at = each.tested.ledger.index[each.tested.ledger["kind"] == label(LedgerKind.LIQUIDATION)]
        when = pd.DatetimeIndex(at).asi8
        level = np.interp(when, times, equity)
        axes.scatter(
            when / house.DAY_NS, level, marker="X", s=42, color=house.RED, edgecolors="white", linewidths=0.6, zorder=4,
            label="liquidation" if number == 0 else None,
        )  # fmt: skip
    axes.set_ylabel(result.history.currencies[0] or "money")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if result.config.deposit >= 10 else f"{value:,.4g}")
    if taken:
        _legend(axes, 4)


def _metrics(axes: Any, result: WalkForwardResult, ends: list[tuple[float, float]]) -> None:
    metric = result.choice.metric
    axes.set_title(f"{metric} of the chosen setting")
    middle = np.array([(start + end) / 2.0 for start, end in ends])
    width = 0.36 * float(min(end - start for start, end in ends))
    for side, shift, color, name in (("in", -0.5, house.GREY, "in sample"), ("out", 0.5, house.BLUE, "out of sample")):
        values = result.table[f"{metric}_{side}"].to_numpy(float)
        axes.bar(middle + shift * width, values, width=width, color=color, label=name)
    axes.axhline(0.0, color=house.INK, linewidth=0.8)
    axes.set_ylabel(metric)
    _legend(axes, 4)
