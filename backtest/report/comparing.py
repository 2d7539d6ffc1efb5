"""The picture of a comparison: the equity of several runs over one time axis, and how far each fell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from backtest.enums import LedgerKind, label
from backtest.report.figures import CYCLE, DASHES, GREY, RED, curve, days, legend, money_axis, panels, percent_axis
from backtest.tables.curves import close_ns

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from backtest.result import Result


def comparison(results: Mapping[str, Result]) -> Figure:
    """Equity above, drawdown below; a cross marks each liquidation on the curve of its run."""
    first = next(iter(results.values()))
    with panels(first, 4.6, 2.4, 1.0) as (figure, (top, bottom)):
        top.set_title("Equity")
        bottom.set_title("Drawdown")
        for number, (name, result) in enumerate(results.items()):
            style = {"color": CYCLE[number % len(CYCLE)], "linestyle": DASHES[number % len(DASHES)]}
            cash, bars = result.deposit, np.arange(result.length)
            at = np.concatenate(([result.history.start_ns], close_ns(result.history, bars)))
            equity = np.concatenate(([cash], result.extremes.equity))
            curve(top, at, equity, label=name, **style)
            high = np.maximum(np.maximum.accumulate(equity), 1e-12)
            curve(bottom, at, equity / high - 1.0, **style)
            dead = result.ledger[result.ledger["kind"] == label(LedgerKind.LIQUIDATION)]["bar"].to_numpy()
            top.scatter(
                days(close_ns(result.history, dead)), result.extremes.equity[dead], marker="X", s=42, color=RED,
                zorder=4, edgecolors="white", linewidths=0.6,
                label="liquidation" if len(dead) and number == len(results) - 1 else None,
            )  # fmt: skip
        top.axhline(first.deposit, color=GREY, linewidth=0.8)
        top.set_ylabel(first.currency or "money")
        money_axis(top)
        legend(top)
        bottom.set_ylabel("below high")
        percent_axis(bottom)
    return figure
