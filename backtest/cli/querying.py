"""The work behind `backtest data sql`: a query over the store, printed as a table, as CSV or as one JSON document."""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from backtest.market import sql
from backtest.market.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 40
"""Rows of a table for people; CSV and JSON have all of them."""


def document(store: Store, query: str) -> dict[str, object]:
    """The rows as a part of a JSON document: an object a row, times as UTC text, what is no number as null."""
    reader = sql.select(store, query)
    names = list(reader.schema.names)
    rows = [dict(zip(names, map(_plain, row), strict=True)) for row in _rows(reader)]
    return {"columns": names, "rows": rows}


def table(store: Store, query: str) -> str:
    """The first rows as a table for people; says when there are more."""
    reader = sql.select(store, query)
    rows = [[_text(value) for value in row] for row in islice(_rows(reader), SHOWN + 1)]
    more = len(rows) > SHOWN
    grid = [list(reader.schema.names), *rows[:SHOWN]]
    if len(grid) == 1:
        return f"{'  '.join(grid[0])}\n(no rows)"
    widths = [max(len(row[column]) for row in grid) for column in range(len(grid[0]))]
    right = [_is_number(field.type) for field in reader.schema]
    lines = [
        "  ".join(
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in grid
    ]
    return "\n".join([*lines, *([f"(the first {SHOWN} rows; --csv or --json prints all)"] if more else [])])


def print_csv(store: Store, query: str, out: TextIO | None = None) -> None:
    """Write the rows as CSV, as they come; times as UTC text, null as nothing."""
    reader = sql.select(store, query)
    writer = csv.writer(out or sys.stdout, lineterminator="\n")
    writer.writerow(reader.schema.names)
    for row in _rows(reader):
        writer.writerow([_time(value) if isinstance(value, datetime) else value for value in row])


def _rows(reader: pa.RecordBatchReader) -> Iterator[tuple[object, ...]]:
    try:
        for batch in reader:
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)
    except Exception as error:
        told = sql.explained(error)
        if told is None:
            raise
        raise told from error


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _text(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.10g}"
    return _time(value) if isinstance(value, datetime) else str(value)


def _time(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M" if not when.second and not when.microsecond else "%Y-%m-%d %H:%M:%S.%f")


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
