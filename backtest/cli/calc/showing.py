"""How the calculator's commands answer: lines for a reader, or one JSON document."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from backtest.calculator import Position, Terms, explain
from backtest.cli.documents import printed
from backtest.report.numbers import NONE, percent, price

SCHEMA_VERSION = 1


def show(
    document: Mapping[str, Any],
    lines: Iterable[str],
    terms: Terms,
    *,
    as_json: bool,
    explained: Position | None = None,
    mark_price: float | None = None,
) -> None:
    """Print the document, or the lines; with where the tiers are from, and the formula of `explained`."""
    formula = [] if explained is None else explain(explained, mark_price).splitlines()
    if as_json:
        more = {"explanation": formula} if formula else {}
        told = {"venue": terms.rules.id, "symbol": terms.symbol or None, "tiers": terms.source, "notes": terms.notes}
        click.echo(printed({"schema_version": SCHEMA_VERSION, **document, **told, **more}))
        return
    for line in lines:
        click.echo(line)
    for note in terms.notes:
        click.echo(f"Note: {note}")
    for line in formula:
        click.echo(line)


def price_text(value: float | None) -> str:
    """A price, or that there is none."""
    return "none" if value is None else price(value)


def change(value: float | None, base: float) -> str:
    """How far a price lies from another, in brackets; nothing where there is none."""
    return "" if value is None else f" ({percent(value / base - 1.0, sign=True)})"


def amount(value: float) -> str:
    """Money of any currency: two decimals, or six digits where it is small (coin).

    >>> amount(1234.5), amount(0.00268058)
    ('1,234.50', '0.00268058')
    """
    if not math.isfinite(value):
        return NONE if math.isnan(value) else "∞"
    if value == 0.0 or abs(value) >= 10.0:
        return f"{value + 0.0:,.2f}"
    return f"{value:.6g}"


def times(leverage: float) -> str:
    """An effective leverage; infinite where no balance is left."""
    return f"{leverage:.2f}x" if math.isfinite(leverage) else "∞"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table whose columns are as wide as they must be, numbers to the right."""
    cells = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
