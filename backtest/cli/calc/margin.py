"""`backtest calc margin`: what opening a position costs, or which margin a wanted liquidation price needs."""

from __future__ import annotations

from typing import Any

import click

from backtest.broker.fees import fee
from backtest.broker.margin import open_loss
from backtest.calculator import liquidation_price, margin_for
from backtest.calculator.wanted import target_of
from backtest.cli.calc.position import MARK, POSITION, SHOWN, optional, with_margin
from backtest.cli.calc.showing import amount, price_text, show
from backtest.cli.options import several
from backtest.config import fraction


@click.command()
@several(POSITION, MARK)
@click.option("--target", "--target-liq", help="Wanted liquidation price: the margin that brings it.")
@click.option("--distance", help="Wanted distance of it from the mark price: 5%.")
@several(SHOWN)
def margin(
    as_json: bool, explained: bool, mark: str | None, target: str | None, distance: str | None, **given: Any
) -> None:
    """What opening a position costs: initial margin, fee to close, opening fee, open loss against the mark.

    With --target or --distance: the margin with which the position is liquidated there.
    """
    position = with_margin(given)
    at = position.entry_price if mark is None else optional(mark, "--mark") or 0.0
    if target is not None or distance is not None:
        wanted = target_of(
            position,
            optional(target, "--target"),
            None if distance is None else fraction(distance, "--distance"),
            at,
        )
        needed = margin_for(position, wanted, at)
        reached = position.adding(needed - position.margin)
        price = liquidation_price(reached, at)
        lines = [f"A margin of {amount(needed)} puts the liquidation price at {price_text(price)}"]
        document: dict[str, Any] = {"margin": needed, "liquidation_price": price}
        show(document, lines, position.terms, as_json=as_json, explained=reached if explained else None)
        return
    term = position.terms.term
    opening = float(fee(term["taker"], position.quantity, position.entry_price, term["inverse"]))
    side = 1.0 if position.quantity > 0.0 else -1.0
    lost = float(open_loss(side, abs(position.quantity), position.entry_price, at, term["inverse"]))
    document = {
        "notional": position.notional(position.entry_price),
        "initial_margin": position.initial_margin,
        "fee_reserve": position.fee_reserve,
        "opening_fee": opening,
        "open_loss": lost,
        "margin": position.margin,
        "needed": position.initial_margin + position.fee_reserve + opening + lost,
    }
    lines = [
        f"Notional {amount(document['notional'])}   initial margin {amount(document['initial_margin'])}   "
        f"fee to close {amount(document['fee_reserve'])}   opening fee {amount(opening)}   open loss {amount(lost)}",
        f"Opening needs {amount(document['needed'])} in the wallet; "
        f"{amount(position.margin)} is then the position's own",
    ]
    show(document, lines, position.terms, as_json=as_json, explained=position if explained else None)
