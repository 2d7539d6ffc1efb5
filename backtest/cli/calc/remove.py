"""`backtest calc remove`: how much margin the venue lets go now."""

from __future__ import annotations

from typing import Any

import click

from backtest.calculator import liquidation_price, removable_margin
from backtest.cli.calc.position import MARK, POSITION, SHOWN, optional, position_of
from backtest.cli.calc.showing import amount, price_text, show
from backtest.cli.options import several


@click.command()
@several(POSITION, MARK, SHOWN)
def remove(as_json: bool, explained: bool, mark: str | None, **given: Any) -> None:
    """How much margin may be taken out at the mark price, and where the position is then liquidated."""
    position = position_of(given)
    at = optional(mark, "--mark")
    limit = removable_margin(position, at)
    after = position.adding(-limit)
    reached = liquidation_price(after, at)
    lines = [
        f"Removable {amount(limit)} of {amount(position.margin)}; liquidation moves from "
        f"{price_text(liquidation_price(position, at))} to {price_text(reached)}"
    ]
    document = {"removable_margin": limit, "margin": after.margin, "liquidation_price": reached}
    show(document, lines, position.terms, as_json=as_json, explained=after if explained else None, mark_price=at)
