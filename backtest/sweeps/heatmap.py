"""A metric over two parameters as a picture.

The colours are Matplotlib's `cividis`, which readers with and without colour blindness see alike and which keeps its
order in grey. Cells without a trial that fulfils the constraints are hatched; the best one is framed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from backtest.report.definitions import DEFINITIONS
from backtest.report.figures import INK, STYLE
from backtest.report.numbers import figure as written
from backtest.sweeps.result import Goal

if TYPE_CHECKING:
    from backtest.sweeps.result import SweepResult

MOST_NUMBERS = 200
"""Cells up to which each shows its number."""
MOST_VALUES = 30
"""Different values of a parameter up to which each has a row; more are gathered into classes of equal width."""


def heatmap(result: SweepResult, x: str, y: str, metric: str, where: str) -> Figure:
    """The picture; columns are values of `x`, rows of `y`, the median is taken over the other parameters."""
    frame = result.feasible(where)
    columns, at_x = _classes(result.frame[x].to_numpy(), frame[x].to_numpy())
    rows, at_y = _classes(result.frame[y].to_numpy(), frame[y].to_numpy())
    values = frame[metric].to_numpy(np.float64)
    table = np.full((len(rows), len(columns)), np.nan)
    for row in range(len(rows)):
        for column in range(len(columns)):
            inside = values[(at_y == row) & (at_x == column) & np.isfinite(values)]
            if inside.size:
                table[row, column] = np.median(inside)
    with rc_context(STYLE):
        drawn = Figure(
            figsize=(min(14.0, 2.6 + 0.62 * max(5, len(columns))), min(11.0, 1.7 + 0.42 * max(4, len(rows))))
        )
        FigureCanvasAgg(drawn)
        axes = drawn.add_subplot()
        _draw(drawn, axes, table, metric, (metric, Goal.MIN) == result.objective)
        axes.set_xticks(range(len(columns)), columns, rotation=45 if max(map(len, columns)) > 6 else 0)
        axes.set_yticks(range(len(rows)), rows)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        others = [name for name in result.varied if name not in (x, y)]
        parts = [result.strategy, f"median over {', '.join(others)}" if others else "", where]
        axes.set_title(" · ".join([metric, *filter(None, parts)]))
        drawn.tight_layout()
    return drawn


def _draw(drawn: Figure, axes: Any, table: np.ndarray[Any, Any], metric: str, lowest: bool) -> None:
    axes.patch.set(hatch="////", facecolor="white", edgecolor="#b8c0c8")
    shades = axes.imshow(table, cmap="cividis", aspect="auto", origin="lower", interpolation="nearest")
    axes.set_xticks(np.arange(-0.5, table.shape[1]), minor=True)
    axes.set_yticks(np.arange(-0.5, table.shape[0]), minor=True)
    axes.grid(visible=False, which="major")
    axes.grid(which="minor", color="white", linewidth=1.0)
    axes.tick_params(which="minor", length=0)
    unit = DEFINITIONS[metric].unit if metric in DEFINITIONS else "count"
    drawn.colorbar(shades, ax=axes, label=metric, format=lambda value, _: written(value, unit))
    if table.size <= MOST_NUMBERS:
        for (row, column), value in np.ndenumerate(table):
            if np.isfinite(value):
                dark = shades.norm(value) < 0.5
                text = written(float(value), unit)
                axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color="white" if dark else INK)
    if np.isfinite(table).any():
        best = np.nanargmin(table) if lowest else np.nanargmax(table)
        row, column = np.unravel_index(int(best), table.shape)
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor="#d55e00", linewidth=2.2))


def _classes(every: Any, values: Any) -> tuple[list[str], Any]:
    """Labels of the rows, and in which row each of `values` lies."""
    known = np.unique(every)
    if len(known) <= MOST_VALUES or known.dtype.kind not in "if":
        labels = [f"{value:g}" if known.dtype.kind in "if" else str(value) for value in known]
        return labels, np.searchsorted(known, values)
    edges = np.linspace(float(known[0]), float(known[-1]), 11)
    labels = [f"{low:.3g}–{high:.3g}" for low, high in pairwise(edges)]
    return labels, np.clip(np.searchsorted(edges, values, side="right") - 1, 0, 9)
