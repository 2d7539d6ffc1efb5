"""`backtest calc break-even`: the price that pays both fees and the funding back."""

from __future__ import annotations

from typing import Any

import click

from backtest.calculator import break_even as price_of_break_even
from backtest.cli.calc.position import COSTS, POSITION, SHOWN, costs_of, with_margin
from backtest.cli.calc.showing import change, price_text, show
from backtest.cli.options import several


@click.command("break-even")
@several(POSITION, COSTS, SHOWN)
def break_even(as_json: bool, explained: bool, **given: Any) -> None:
    """The price at which closing pays back the opening fee, the closing fee and the funding."""
    costs = costs_of(given)
    position = with_margin(given)
    found = price_of_break_even(position, costs)
    lines = [f"Break-even {price_text(found)}{change(found, position.entry_price)}"]
    document = {"break_even_price": found, "entry_price": position.entry_price, "funding_paid": costs.funding_paid}
    show(document, lines, position.terms, as_json=as_json, explained=position if explained else None)
