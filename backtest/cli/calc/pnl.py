"""`backtest calc pnl`: what closing at a price brings, or which price brings a wanted profit."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from backtest.calculator import outcome, price_for
from backtest.cli.calc.position import COSTS, POSITION, SHOWN, costs_of, optional, with_margin
from backtest.cli.calc.showing import amount, price_text, show
from backtest.cli.options import several
from backtest.config import fraction
from backtest.errors import UsageError
from backtest.report.numbers import percent


@click.command()
@several(POSITION)
@click.option("--exit", "at", help="Price at which the position is closed.")
@click.option("--profit", help="Wanted profit after fees and funding, money (below 0: a loss).")
@click.option("--roe", help="Wanted profit as a share of the initial margin: 50%.")
@several(COSTS, SHOWN)
def pnl(as_json: bool, explained: bool, at: str | None, profit: str | None, roe: str | None, **given: Any) -> None:
    """Profit after fees and funding of closing at --exit, or the price for a --profit or an --roe."""
    costs = costs_of(given)
    position = with_margin(given)
    if sum(each is not None for each in (at, profit, roe)) != 1:
        raise UsageError("give one of --exit (a price), --profit (money) and --roe (a share of the initial margin)")
    price = optional(at, "--exit")
    if price is None:
        wanted = optional(profit, "--profit")
        if wanted is None:
            wanted = fraction(roe, "--roe") * position.initial_margin
        price = price_for(position, wanted, costs)
        if price is None:
            raise UsageError(f"no price brings {wanted:,.8g}: the position cannot gain that much")
    found = outcome(position, price, costs)
    lines = [
        f"At {price_text(found.price)} ({percent(found.return_price, sign=True)}): price {amount(found.pnl)}   "
        f"fees {amount(-found.opening_fee - found.closing_fee)}   funding {amount(-found.funding_paid)}",
        f"Net {amount(found.net)}   ROE {percent(found.roe, sign=True)}",
    ]
    show(asdict(found), lines, position.terms, as_json=as_json, explained=position if explained else None)
