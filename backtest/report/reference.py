"""The reference page of results: every table with its columns, every metric with its definition, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from backtest.report.definitions import GROUPS
from backtest.tables.columns import COLUMNS

_UNITS = {
    "money": "money",
    "ratio": "ratio",
    "factor": "number",
    "count": "count",
    "days": "days",
    "hours": "hours",
    "flag": "0 or 1",
}


def reference_page(tables: Mapping[str, pd.DataFrame]) -> str:
    """The page; `tables` are those of any result, by the names of its attributes."""
    return "\n".join(_lines(tables)) + "\n"


def _lines(tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    yield "# Tables and metrics of a result"
    yield ""
    yield "Every table is a pandas DataFrame indexed by `time` (UTC, nanoseconds). Events carry the open of the base"
    yield "bar in which they happened, curves the close of the bar they describe. Money is the currency that"
    yield "the contract is settled in: USDT, USDC, or the coin of an inverse contract. Quantities are base units, of an"
    yield "inverse contract quote units; ratios are plain fractions (0.05 is five percent). `table.attrs['columns']`"
    yield "says the same."
    for name, table in tables.items():
        yield from ("", f"## `result.{name}`", "", "| column | type | meaning |", "|---|---|---|")
        for column, dtype in table.dtypes.items():
            yield f"| `{column}` | {dtype} | {COLUMNS[str(column)].replace('|', chr(92) + '|')} |"
    yield ""
    yield "## `result.metrics`"
    yield ""
    yield "Daily figures use mark-to-market equity at the close of UTC days and a year of 365 days. What cannot be"
    yield "worked out is NaN. `result.metrics.help(name)` gives the definition of one."
    for group, members in GROUPS.items():
        yield from ("", f"### {group}", "", "| metric | unit | definition |", "|---|---|---|")
        for metric, one in members.items():
            yield f"| `{metric}` | {_UNITS[one.unit]} | {one.sentence.replace('|', chr(92) + '|')} |"
