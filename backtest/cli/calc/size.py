"""`backtest calc size`: the quantity that a margin, a risk at a stop, or a wanted liquidation price allows."""

from __future__ import annotations

from typing import Any

import click

from backtest.calculator import (
    Position,
    assess,
    liquidation_price,
    size_for_liquidation,
    size_for_margin,
    size_for_risk,
)
from backtest.cli.calc.position import SHOWN, SIDE, TERMS, leverage_of, optional, terms_of
from backtest.cli.calc.showing import amount, price_text, show
from backtest.cli.options import several
from backtest.config import number
from backtest.errors import UsageError


@click.command()
@several(SIDE)
@click.option("--margin", help="Margin to commit, with --leverage or --target.")
@click.option("--leverage", help="With --margin: its quantity at this leverage. With --risk: the margin it then takes.")
@click.option("--risk", help="Money to lose at --stop, without fees.")
@click.option("--stop", help="Price of the stop, for --risk.")
@click.option("--target", "--target-liq", help="Wanted liquidation price, with --margin.")
@several(TERMS, SHOWN)
def size(
    as_json: bool,
    explained: bool,
    side: str,
    entry: str,
    margin: str | None,
    leverage: str | None,
    risk: str | None,
    stop: str | None,
    target: str | None,
    **given: Any,
) -> None:
    """The quantity: of --margin and --leverage, of --risk at --stop, or of --margin kept until --target."""
    terms = terms_of(given)
    price, own, lever = number(entry, "--entry"), optional(margin, "--margin"), leverage_of(leverage)
    loss, at, wanted = optional(risk, "--risk"), optional(stop, "--stop"), optional(target, "--target")
    if loss is not None and at is not None and own is None and wanted is None:
        quantity = size_for_risk(side, price, terms, loss=loss, stop=at)
    elif own is not None and wanted is not None and lever is None and loss is None:
        quantity = size_for_liquidation(side, price, terms, margin=own, liquidation_price=wanted)
    elif own is not None and lever is not None and wanted is None and loss is None:
        quantity = size_for_margin(side, price, terms, margin=own, leverage=lever)
    else:
        raise UsageError("give --margin and --leverage, or --risk and --stop, or --margin and --target")
    if quantity == 0.0:
        raise UsageError(f"that is less than one lot ({terms.lot:g})")
    kept = own if wanted is not None else None
    position = None
    if lever is not None or kept is not None:
        position = Position.opened(side, quantity, price, terms=terms, leverage=lever, margin=kept)
    document: dict[str, Any] = {"quantity": quantity}
    line = f"Quantity {quantity:,.8g}"
    if position is not None:
        reached = liquidation_price(position)
        document |= {"notional": position.notional(price), "margin": position.margin, "leverage": position.leverage}
        document |= {"liquidation_price": reached, "leverage_cap": (cap := assess(position).leverage_cap)}
        line += f"   notional {amount(position.notional(price))}   margin {amount(position.margin)}   "
        allowed = f" (the tier allows {cap:.6g}x)" if position.leverage > cap * (1.0 + 1e-9) else ""
        line += f"leverage {position.leverage:.4g}x{allowed}   liquidation {price_text(reached)}"
    show(document, [line], terms, as_json=as_json, explained=position if explained else None)
