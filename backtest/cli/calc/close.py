"""`backtest calc close`: what closing a part brings, or which part restores a distance."""

from __future__ import annotations

from typing import Any

import click

from backtest.calculator import close_for, closing, liquidation_price
from backtest.calculator.wanted import distance_of
from backtest.cli.calc.position import POSITION, SHOWN, optional, position_of
from backtest.cli.calc.showing import amount, change, price_text, show
from backtest.cli.options import several
from backtest.config import fraction, number
from backtest.errors import UsageError
from backtest.report.numbers import percent


@click.command()
@several(POSITION)
@click.option("--mark", required=True, help="Price at which the part is closed, and the mark.")
@click.option("--distance", help="Wanted distance from the mark price: the smallest part that restores it.")
@click.option("--quantity", help="Part to close.")
@several(SHOWN)
def close(as_json: bool, explained: bool, mark: str, distance: str | None, quantity: str | None, **given: Any) -> None:
    """Closes a part and puts what it sets free back as margin.

    Closing alone releases margin in proportion and leaves the liquidation price where it is, within a tier.
    """
    position = position_of(given)
    at = number(mark, "--mark")
    if (distance is None) == (quantity is None):
        raise UsageError("give one of --distance (the smallest part that restores it) and --quantity (a part)")
    if distance is not None:
        found = close_for(position, at, fraction(distance, "--distance"))
    else:
        found = closing(position, optional(quantity, "--quantity") or 0.0, at)
    reached = liquidation_price(found.position, at)
    alone = found.position.adding(-found.released)
    lines = [
        f"Close {found.quantity:,.8g} at {price_text(at)}: realised {amount(found.pnl)}, "
        f"set free {amount(found.released)}",
        f"Put back as margin: {abs(found.position.quantity):,.8g} left with {amount(found.position.margin)}, "
        f"liquidation {price_text(reached)}{change(reached, at)}, distance {percent(distance_of(found.position, at))}",
        f"Taken to the wallet instead: liquidation {price_text(liquidation_price(alone, at))}",
    ]
    document = {
        "quantity": found.quantity,
        "realised_pnl": found.pnl,
        "released": found.released,
        "quantity_left": abs(found.position.quantity),
        "margin": found.position.margin,
        "liquidation_price": reached,
        "distance": distance_of(found.position, at),
        "liquidation_price_without_putting_back": liquidation_price(alone, at),
    }
    show(
        document, lines, position.terms, as_json=as_json, explained=found.position if explained else None, mark_price=at
    )
