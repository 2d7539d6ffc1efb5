"""`backtest calc liquidation | top-up`: the isolated-margin calculator, on the rules that a backtest runs on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, cast

import click

from backtest import calculator
from backtest.calculator import Assessment, Position, SideText, Terms
from backtest.config import fraction, number
from backtest.errors import UsageError
from backtest.report.numbers import money, percent, price
from backtest.venues.symbols import canonical

SCHEMA_VERSION = 1
Command = Callable[..., None]

POSITION = (
    click.option("--side", required=True, help="long or short."),
    click.option("--entry", required=True, help="Entry price."),
    click.option("--size", required=True, help="Quantity in base units."),
    click.option("--leverage", help="Gives the margin, where --margin does not."),
    click.option("--margin", help="The position's own margin, quote currency, without unrealised PnL."),
    click.option("--symbol", help="Contract whose tiers hold, such as BTC/USDT:USDT."),
    click.option("--venue", default="binance", show_default=True, help="Venue of the contract."),
    click.option("--date", help="Date of the tiers, UTC.  [the latest known]"),
    click.option("--maintenance-rate", help="In place of a contract's tiers: 0.4% or 0.004."),
    click.option("--maintenance-amount", help="Goes with --maintenance-rate.  [0]"),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
)


def with_position(command: Command) -> Command:
    """Adds the options that describe a position."""
    for option in reversed(POSITION):
        command = option(command)
    return command


@click.group()
def calc() -> None:
    """Isolated-margin calculator."""


@calc.command()
@with_position
@click.option("--mark", help="Mark price.  [the entry price]")
def liquidation(as_json: bool, mark: str | None, **given: Any) -> None:
    """Where a position is liquidated, what it needs, and what it is worth at the mark price."""
    position = position_of(**given)
    found = calculator.assess(position, None if mark is None else number(mark, "--mark"))
    if as_json:
        figures = {
            name: value if value is None or math.isfinite(value) else None for name, value in asdict(found).items()
        }
        document = {"schema_version": SCHEMA_VERSION, **figures, "tiers": position.terms.source}
        click.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    for line in screen(position, found):
        click.echo(line)


@calc.command("top-up")
@with_position
@click.option("--target", help="Wanted liquidation price.")
@click.option("--distance", help="Wanted distance from the mark price: 5%.")
@click.option("--mark", help="Mark price, for --distance.  [the entry price]")
def top_up(as_json: bool, target: str | None, distance: str | None, mark: str | None, **given: Any) -> None:
    """Margin to add so that the liquidation price is at --target, or at --distance from the mark price."""
    position = position_of(**given)
    if (target is None) == (distance is None):
        raise UsageError("give one of --target (a liquidation price) and --distance (a share of the mark price)")
    at = position.entry_price if mark is None else number(mark, "--mark")
    if target is not None:
        amount = calculator.top_up_for(position, liquidation_price=number(target, "--target"))
    else:
        amount = calculator.top_up_for(position, distance=fraction(distance, "--distance"), mark_price=at)
    after = position.adding(amount)
    reached = calculator.liquidation_price(after)
    if as_json:
        values = {"amount": amount, "margin": after.margin, "liquidation_price": reached}
        click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **values}, indent=2))
        return
    verb = "Add" if amount >= 0.0 else "To spare:"
    click.echo(f"{verb} {money(abs(amount))} → margin {money(after.margin)}, liquidation {price_text(reached)}")


def position_of(
    *,
    side: str,
    entry: str,
    size: str,
    leverage: str | None,
    margin: str | None,
    symbol: str | None,
    venue: str,
    date: str | None,
    maintenance_rate: str | None,
    maintenance_amount: str | None,
) -> Position:
    """The position that the options describe; raises `UsageError` where they do not describe one."""
    if (symbol is None) == (maintenance_rate is None):
        raise UsageError("give one of --symbol (a contract with its tiers) and --maintenance-rate")
    if symbol is not None:
        if maintenance_amount is not None:
            raise UsageError("--maintenance-amount goes with --maintenance-rate; a --symbol brings its own")
        terms = Terms.of_contract(venue, canonical(symbol, venue), date)
    elif date is not None:
        raise UsageError("--date chooses the tiers of a --symbol; a --maintenance-rate has none")
    else:
        terms = Terms.of_rate(
            fraction(maintenance_rate, "--maintenance-rate"), number(maintenance_amount or 0.0, "--maintenance-amount")
        )
    return Position.opened(
        cast(SideText, side),
        number(size, "--size"),
        number(entry, "--entry"),
        terms=terms,
        leverage=None if leverage is None else number(leverage.removesuffix("x"), "--leverage"),
        margin=None if margin is None else number(margin, "--margin"),
    )


def screen(position: Position, found: Assessment) -> list[str]:
    """The figures of a position, for a reader."""
    change = (
        "" if found.liquidation_price is None else percent(found.liquidation_price / found.mark_price - 1.0, sign=True)
    )
    cap = f" (the tier allows {found.leverage_cap:g}x)" if math.isfinite(found.leverage_cap) else ""
    requirement = f"{money(found.maintenance_margin)} ({percent(found.maintenance_rate)})"
    return [
        f"Notional {money(found.notional)}   margin {money(found.margin)}   maintenance {requirement}",
        f"Liquidation {price_text(found.liquidation_price)} {f'({change})' if change else ''}"
        f"   bankruptcy {price_text(found.bankruptcy_price)}",
        f"At mark {price(found.mark_price)}: unrealised {money(found.unrealised_pnl, sign=True)}"
        f"   margin balance {money(found.margin_balance)}   margin ratio {percent(found.margin_ratio, digits=1)}",
        f"Effective leverage {found.effective_leverage:.2f}x{cap}   removable {money(found.removable_margin)}",
        f"Tiers: {position.terms.source}",
        calculator.explain(position),
    ]


def price_text(value: float | None) -> str:
    """A price, or that there is none."""
    return "none" if value is None else price(value)
