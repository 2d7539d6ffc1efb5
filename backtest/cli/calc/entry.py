"""`backtest calc entry`: the entry price with which a leverage outlives a price."""

from __future__ import annotations

from typing import Any

import click

from backtest.calculator import Position, entry_for
from backtest.cli.calc.position import SHOWN, SIZE, TERMS, leverage_of, terms_of
from backtest.cli.calc.showing import change, price_text, show
from backtest.cli.options import several
from backtest.config import number


@click.command()
@click.option("--side", default="long", show_default=True, help="long or short.")
@several(SIZE)
@click.option("--leverage", required=True, help="Leverage of the position: 10x.")
@click.option("--target", "--target-liq", required=True, help="Price that the position must outlive.")
@several(TERMS, SHOWN)
def entry(as_json: bool, explained: bool, side: str, size: str, leverage: str, target: str, **given: Any) -> None:
    """The furthest entry price with which a position of --leverage is not liquidated before --target."""
    terms = terms_of(given)
    quantity, lever, wanted = number(size, "--size"), leverage_of(leverage) or 0.0, number(target, "--target")
    price = entry_for(side, quantity, terms, leverage=lever, liquidation_price=wanted)
    position = Position.opened(side, quantity, price, terms=terms, leverage=lever)
    lines = [f"Entry {price_text(price)}{change(price, wanted)} puts the liquidation price at {price_text(wanted)}"]
    document = {"entry_price": price, "liquidation_price": wanted, "margin": position.margin}
    show(document, lines, terms, as_json=as_json, explained=position if explained else None)
