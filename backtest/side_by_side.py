"""Runs side by side: the same strategy on the same data, where one thing differs. Exported as `bt.compare`.

comparison = bt.compare(isolated=result, cross=bt.rerun(result, margin_mode="cross"))
comparison.table, comparison.fates, comparison.plot()
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest.errors import UsageError
from backtest.report.definitions import DEFINITIONS
from backtest.report.numbers import figure, money, price
from backtest.venues.symbols import settlement

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from backtest.result import Result

FIGURES = (
    "net_pnl", "total_return", "max_drawdown", "sharpe", "trades", "win_rate", "worst_trade", "pnl_price", "pnl_fees",
    "pnl_funding", "margin_calls", "top_ups", "margin_added", "liquidations", "liquidation_loss", "min_distance",
    "rejections", "ambiguous_bars",
)  # fmt: skip
"""The metrics that runs are compared by."""
LOWEST = "lowest_equity"
"""Beside the metrics: the lowest equity at the close of a base bar, the deposit counted."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Results by name."""

    results: Mapping[str, Result]

    @property
    def table(self) -> pd.DataFrame:
        """Metric × run, as numbers; `lowest_equity` stands below the metrics."""
        import pandas as pd

        columns = {name: _figures(result) for name, result in self.results.items()}
        return pd.DataFrame(columns)

    @property
    def fates(self) -> pd.DataFrame:
        """What became of every position of every run: mode, symbol, side, times, margin, exit reason, PnL."""
        import pandas as pd

        shown = [
            "symbol", "side", "open_time", "close_time", "quantity", "open_price", "close_price", "margin_posted",
            "exit_reason", "pnl",
        ]  # fmt: skip
        parts = [
            result.trades.reset_index(drop=True)[shown].assign(run=name).set_index("run")
            for name, result in self.results.items()
        ]
        return pd.concat(parts)

    def figures(self) -> list[str]:
        """The table as aligned lines, each figure in its unit."""
        table, currency = self.table, next(iter(self.results.values())).heading.currency
        rows = [["", *self.results]]
        for metric in table.index:
            unit = "money" if metric == LOWEST else DEFINITIONS[metric].unit
            rows.append([metric, *(figure(float(table[name][metric]), unit, currency) for name in self.results)])
        return _aligned(rows)

    def text(self) -> str:
        """The comparison as a page of text: figures side by side, then who was liquidated in which run."""
        first = next(iter(self.results.values())).heading
        currency = first.currency
        lines = [
            first.title,
            first.market.removesuffix(first.margin_mode).rstrip(),
            f"{first.range}{f'  money in {currency}' if currency else ''}",
            "",
            *self.figures(),
        ]
        lines += ["", "Liquidated positions"]
        fates = self.fates
        dead = fates[fates["exit_reason"] == "liquidation"]
        if dead.empty:
            return "\n".join([*lines, "  none in any run"])
        told = [["run", "symbol", "side", "opened", "liquidated", "at", "margin", "pnl"]]
        for run, row in dead.iterrows():
            told.append(
                [
                    str(run), row["symbol"], row["side"], f"{row['open_time']:%Y-%m-%d %H:%M}",
                    f"{row['close_time']:%Y-%m-%d %H:%M}", price(row["close_price"]),
                    money(row["margin_posted"], settlement(row["symbol"])),
                    money(row["pnl"], settlement(row["symbol"])),
                ]
            )  # fmt: skip
        return "\n".join([*lines, *(f"  {line}" for line in _aligned(told, left=3))])

    def document(self) -> dict[str, object]:
        """The comparison as plain values; null for what is no number."""
        table, fates = self.table, self.fates.reset_index()
        for name in ("open_time", "close_time"):
            fates[name] = fates[name].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "runs": {name: {metric: _plain(value) for metric, value in table[name].items()} for name in self.results},
            "positions": [{key: _plain(value) for key, value in row.items()} for row in fates.to_dict("records")],
        }

    def plot(self) -> Figure:
        """Equity of all runs over one time axis, and below it how far each stood under its highest point."""
        from backtest.report.comparing import comparison

        return comparison(self.results)


def compare(**results: Result) -> Comparison:
    """Set finished runs side by side, each under a name of yours.

    Raises UsageError for fewer than two runs, and where their markets or times differ.
    """
    if len(results) < 2:
        raise UsageError("a comparison takes two runs or more: compare(isolated=one, cross=other)")
    prints = {name: (each.history.symbols, each.history.start_ns, each.length) for name, each in results.items()}
    if len(set(prints.values())) > 1:
        told = "; ".join(
            f"{name}: {' '.join(each.history.symbols)} {each.heading.range}" for name, each in results.items()
        )
        raise UsageError(f"the runs are not of one market and time, so their figures do not compare ({told})")
    return Comparison(results=dict(results))


def _figures(result: Result) -> dict[str, float]:
    lowest = float(min(result.extremes.equity.min(), result.deposit)) if result.length else math.nan
    return {**{name: float(result.metrics[name]) for name in FIGURES}, LOWEST: lowest}


def _plain(value: object) -> object:
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    if isinstance(value, np.integer):
        return int(value)
    return None if value is None or value != value else str(value)


def _aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            f"{text:<{width}}" if column < left else f"{text:>{width}}"
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
