"""`backtest calc max-leverage`: the highest leverage that keeps the liquidation price beyond a stop."""

from __future__ import annotations

import math
from typing import Any

import click

from backtest.calculator import Position, liquidation_price
from backtest.calculator import max_leverage as highest
from backtest.cli.calc.position import SHOWN, SIDE, SIZE, TERMS, terms_of
from backtest.cli.calc.showing import price_text, show
from backtest.cli.options import several
from backtest.config import fraction, number
from backtest.report.numbers import percent


@click.command("max-leverage")
@several(SIDE, SIZE)
@click.option("--stop", required=True, help="Price of the stop that must come first.")
@click.option("--buffer", default="0", show_default=True, help="How far beyond it, as a share of the stop: 1%.")
@several(TERMS, SHOWN)
def max_leverage(as_json: bool, explained: bool, stop: str, buffer: str, **given: Any) -> None:
    """The highest leverage with which a stop still comes before the liquidation."""
    terms = terms_of(given)
    quantity, entry, at = number(given["size"], "--size"), number(given["entry"], "--entry"), number(stop, "--stop")
    found = highest(given["side"], quantity, entry, terms, stop=at, buffer=fraction(buffer, "--buffer"))
    reached = liquidation_price(found.position)
    exact = "any" if math.isinf(found.exact) else f"exact {found.exact:.2f}"
    lines = [
        f"{found.leverage:g}x ({exact}): liquidation {price_text(reached)}"
        + (f", {percent(_beyond(found.position, reached, at))} beyond the stop" if reached is not None else "")
    ]
    if found.next_leverage is None:
        lines.append(f"The tier allows no more than {found.cap:g}x")
    else:
        following = Position.opened(given["side"], quantity, entry, terms=terms, leverage=found.next_leverage)
        left = _beyond(following, liquidation_price(following), at)
        lines.append(f"{found.next_leverage:g}x would leave {percent(left)}")
    document = {
        "leverage": found.leverage,
        "exact": found.exact,
        "leverage_cap": found.cap,
        "margin": found.position.margin,
        "liquidation_price": reached,
    }
    show(document, lines, terms, as_json=as_json, explained=found.position if explained else None)


def _beyond(position: Position, liquidated: float | None, stop: float) -> float:
    if liquidated is None:
        return math.inf
    return (stop - liquidated) / stop * (1.0 if position.quantity > 0.0 else -1.0)
