"""`backtest calc ladder`: a position at several leverages."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from backtest.calculator import ladder as rungs_of
from backtest.cli.calc.position import SHOWN, SIDE, SIZE, TERMS, terms_of
from backtest.cli.calc.showing import amount, price_text, show, table
from backtest.cli.options import several
from backtest.config import number
from backtest.report.numbers import percent

HEAD = ("leverage", "margin", "liquidation", "distance", "bankruptcy", "round-trip fee of margin")


@click.command()
@several(SIDE, SIZE)
@click.option("--leverages", help="Such as 2,3,5,10.  [usual ones that the tier allows]")
@several(TERMS, SHOWN)
def ladder(as_json: bool, explained: bool, leverages: str | None, **given: Any) -> None:
    """Margin, liquidation price and distance of one position at several leverages."""
    terms = terms_of(given)
    chosen = None
    if leverages is not None:
        chosen = [number(each.strip().lower().removesuffix("x"), "--leverages") for each in leverages.split(",")]
    rungs = rungs_of(given["side"], number(given["size"], "--size"), number(given["entry"], "--entry"), terms, chosen)
    rows = [
        (
            f"{rung.leverage:g}x" + ("" if rung.offered else " (not offered)"),
            amount(rung.margin),
            price_text(rung.liquidation_price),
            "–" if rung.distance is None else percent(rung.distance),
            price_text(rung.bankruptcy_price),
            percent(rung.fees_on_margin, digits=1),
        )
        for rung in rungs
    ]
    lines = [*table(HEAD, rows), f"Tiers: {terms.source}"]
    show({"rungs": [asdict(rung) for rung in rungs]}, lines, terms, as_json=as_json)
