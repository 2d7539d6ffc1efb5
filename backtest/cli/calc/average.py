"""`backtest calc average`: adding to a position at another price."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from backtest.calculator import assess
from backtest.calculator.wanted import add_for_entry, enlarge
from backtest.cli.calc.position import POSITION, SHOWN, leverage_of, optional, position_of
from backtest.cli.calc.showing import amount, change, price_text, show
from backtest.cli.options import several
from backtest.config import number
from backtest.errors import UsageError
from backtest.report.numbers import price


@click.command()
@several(POSITION)
@click.option("--at", required=True, help="Price of the addition.")
@click.option("--add", help="Quantity to add.")
@click.option("--to-entry", help="Wanted entry price: the quantity that brings it.")
@click.option("--at-leverage", help="Leverage of the addition.  [that of the position]")
@several(SHOWN)
def average(
    as_json: bool,
    explained: bool,
    at: str,
    add: str | None,
    to_entry: str | None,
    at_leverage: str | None,
    **given: Any,
) -> None:
    """Entry price, margin and liquidation price after adding to a position."""
    position = position_of(given)
    where = number(at, "--at")
    if (add is None) == (to_entry is None):
        raise UsageError("give one of --add (a quantity) and --to-entry (a wanted entry price)")
    if to_entry is not None:
        added = add_for_entry(position, where, number(to_entry, "--to-entry"))
    else:
        added = optional(add, "--add") or 0.0
    after = enlarge(position, added, where, leverage_of(at_leverage))
    before, found = assess(position, where), assess(after, where)
    lines = [
        f"Add {added:,.8g} at {price(where)}: entry {price(position.entry_price)} → {price(after.entry_price)}, "
        f"margin {amount(position.margin)} → {amount(after.margin)}",
        f"Liquidation {price_text(before.liquidation_price)} → {price_text(found.liquidation_price)}"
        f"{change(found.liquidation_price, where)}",
    ]
    document = {"added": added, "liquidation_price_before": before.liquidation_price, **asdict(found)}
    show(document, lines, position.terms, as_json=as_json, explained=after if explained else None, mark_price=where)
