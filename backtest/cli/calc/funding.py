"""`backtest calc funding`: how long a margin lasts at a funding rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from backtest.calculator import Endurance, endurance
from backtest.calculator.position import Position
from backtest.cli.calc.position import MARK, POSITION, SHOWN, optional, position_of
from backtest.cli.calc.showing import amount, show
from backtest.cli.options import several
from backtest.clock import DAY_NS, interval_ns
from backtest.config import fraction
from backtest.report.numbers import percent


@click.command()
@several(POSITION, MARK)
@click.option("--rate", "rates", multiple=True, help="Funding rate of one settlement; may be repeated.  [0.01%, 0.1%]")
@click.option("--interval", default="8h", show_default=True, help="Time between two settlements.")
@click.option("--wallet", help="Free wallet balance, which pays first at some venues.  [0]")
@several(SHOWN)
def funding(
    as_json: bool,
    explained: bool,
    mark: str | None,
    rates: Sequence[str],
    interval: str,
    wallet: str | None,
    **given: Any,
) -> None:
    """How many settlements of a rate bring the position to its liquidation, at a price that stands still."""
    position = position_of(given)
    days = interval_ns(interval) / DAY_NS
    usual = ("0.01%", "0.1%") if position.quantity > 0.0 else ("-0.01%", "-0.1%")
    found = [
        endurance(
            position,
            fraction(rate, "--rate"),
            mark_price=optional(mark, "--mark"),
            wallet=optional(wallet, "--wallet") or 0.0,
        )
        for rate in rates or usual
    ]
    document = {
        "rates": [
            {**asdict(each), "settlements": _settlements(each, position), "days": each.intervals * days}
            for each in found
        ],
        "interval": interval,
    }
    lines = [_line(each, position, days) for each in found]
    show(document, lines, position.terms, as_json=as_json, explained=position if explained else None)


def _settlements(found: Endurance, position: Position) -> float:
    """The settlement at which the position is liquidated: the balance has then met the requirement (or fallen below
    it, where the venue's rule is strict).
    """
    if math.isinf(found.intervals):
        return math.inf
    whole = math.ceil(found.intervals - 1e-9)
    met = position.terms.rules.strict and abs(found.intervals - whole) < 1e-9
    return float(whole + 1 if met else whole)


def _line(found: Endurance, position: Position, days: float) -> str:
    moved = "" if found.shift is None else f"   {found.shift:+,.6g} price a settlement"
    paid = f"{percent(found.rate, digits=4)}: {amount(found.payment)} a settlement{moved}"
    if math.isinf(found.intervals):
        return f"{paid}   lasts for ever ({found.reason})"
    first = f", of which the wallet pays {found.from_wallet:,.2f}" if found.from_wallet else ""
    return (
        f"{paid}   lasts {found.intervals:,.2f} settlements ({found.intervals * days:,.1f} d{first}), liquidated at "
        f"the {_settlements(found, position):,.0f}."
    )
