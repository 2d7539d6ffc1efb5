"""`backtest calc top-up`: margin to add for a wanted liquidation price or distance."""

from __future__ import annotations

from typing import Any

import click

from backtest.calculator import assess, top_up_for
from backtest.cli.calc.position import MARK, POSITION, SHOWN, optional, position_of
from backtest.cli.calc.showing import amount, change, price_text, show, times
from backtest.cli.options import several
from backtest.config import fraction


@click.command("top-up")
@several(POSITION)
@click.option("--target", "--target-liq", help="Wanted liquidation price.")
@click.option("--distance", help="Wanted distance from the mark price: 5%.")
@several(MARK, SHOWN)
def top_up(
    as_json: bool, explained: bool, mark: str | None, target: str | None, distance: str | None, **given: Any
) -> None:
    """Margin to add so that the liquidation price is at --target, or at --distance from the mark price."""
    position = position_of(given)
    at = position.entry_price if mark is None else optional(mark, "--mark") or 0.0
    needed = top_up_for(
        position,
        liquidation_price=optional(target, "--target"),
        distance=None if distance is None else fraction(distance, "--distance"),
        mark_price=at,
    )
    after = position.adding(needed)
    found = assess(after, at)
    verb = "Add" if needed >= 0.0 else "To spare:"
    lines = [
        f"{verb} {amount(abs(needed))} → margin {amount(after.margin)}, effective leverage "
        f"{times(found.effective_leverage)}, liquidation {price_text(found.liquidation_price)}"
        f"{change(found.liquidation_price, at)}"
    ]
    document = {
        "amount": needed,
        "margin": after.margin,
        "effective_leverage": found.effective_leverage,
        "liquidation_price": found.liquidation_price,
    }
    show(document, lines, position.terms, as_json=as_json, explained=after if explained else None, mark_price=at)
