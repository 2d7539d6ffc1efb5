"""`backtest calc batch FILE`: a whole file of positions at once."""

from __future__ import annotations

from pathlib import Path

import click

from backtest.calculator import answers
from backtest.calculator.batch import COLUMNS
from backtest.cli.calc.showing import SCHEMA_VERSION, amount, price_text, table
from backtest.cli.documents import printed
from backtest.report.numbers import percent

HEAD = ("id", "liquidation", "bankruptcy", "initial margin", "maintenance", "balance", "ratio")
EPILOG = "Columns, in any order; others are left unread: " + ", ".join(COLUMNS) + "."
WRONG = 2


@click.command(epilog=EPILOG)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def batch(file: Path, as_json: bool) -> int:
    """The liquidation price and margins of every position in FILE (.csv with a header, or .jsonl; - for
    standard input).

    Quantity counts base units of linear and quote units of inverse contracts; margin is the position's whole own
    wallet, and where it is blank it follows from entry and leverage. What is blank takes the venue's rule of that date.
    A row that cannot be answered is reported with its line, the others are answered, and the exit code is 2.
    """
    found = answers(file)
    if as_json:
        click.echo(printed({"schema_version": SCHEMA_VERSION, **found.document}))
    else:
        for line in table(HEAD, [_row(each) for each in found.positions]):
            click.echo(line)
    for error in found.errors:
        click.echo(f"error: {file}, line {error['line']}: {error['error']}", err=True)
    return WRONG if found.errors else 0


def _row(answer: dict[str, object]) -> tuple[str, ...]:
    def figure(name: str) -> float | None:
        value = answer[name]
        return value if isinstance(value, float) else None

    def money(name: str) -> str:
        value = figure(name)
        return "–" if value is None else amount(value)

    ratio = figure("margin_ratio")
    return (
        str(answer["id"]),
        price_text(figure("liquidation_price")),
        price_text(figure("bankruptcy_price")),
        money("initial_margin"),
        money("maintenance_margin"),
        money("margin_balance"),
        "–" if ratio is None else percent(ratio, digits=1),
    )
