"""`backtest calc break-even`: the price that pays both fees and the funding back."""

from __future__ import annotations

from typing import Any

import click

from backtest.calculator import break_even as price_of_break_even
from backtest.cli.calc.position import POSITION, SHOWN, optional, position_of
from backtest.cli.calc.showing import change, price_text, show
from backtest.cli.options import several
from backtest.config import fraction


@click.command("break-even")
@several(POSITION)
@click.option("--funding", help="Funding paid so far, money (below 0: received).  [--funding-paid, else 0]")
@click.option("--opening-fee", help="Rate of the opening fee: 0.02%.  [the taker fee]")
@click.option("--closing-fee", help="Rate of the closing fee.  [the taker fee]")
@several(SHOWN)
def break_even(
    as_json: bool,
    explained: bool,
    funding: str | None,
    opening_fee: str | None,
    closing_fee: str | None,
    **given: Any,
) -> None:
    """The price at which closing pays back the opening fee, the closing fee and the funding."""
    if given["leverage"] is None and given["margin"] is None:
        given = {**given, "leverage": "1"}
    position = position_of(given)
    paid = optional(funding if funding is not None else given["funding_paid"], "--funding") or 0.0
    found = price_of_break_even(
        position,
        opening_fee=None if opening_fee is None else fraction(opening_fee, "--opening-fee"),
        closing_fee=None if closing_fee is None else fraction(closing_fee, "--closing-fee"),
        funding_paid=paid,
    )
    lines = [f"Break-even {price_text(found)}{change(found, position.entry_price)}"]
    document = {"break_even_price": found, "entry_price": position.entry_price, "funding_paid": paid}
    show(document, lines, position.terms, as_json=as_json, explained=position if explained else None)
