"""The options that describe a position and what it is judged by, shared by the calculator's commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from backtest.calculator import Costs, Position, Terms
from backtest.calculator.naming import is_inverse, venue_named
from backtest.config import fraction, number
from backtest.errors import UsageError

Command = Callable[..., Any]

TERMS = (
    click.option("--venue", help="A venue's id, or the path of a TOML file of your own.  [binance]"),
    click.option("--symbol", help="Contract, such as BTC/USDT:USDT or BTCUSDT.  [the venue's usual one]"),
    click.option("--date", help="Date of rules and tiers, UTC.  [the latest known]"),
    click.option("--contract-type", help="linear or inverse, where no symbol says it."),
    click.option("--maintenance-rate", help="In place of a contract's tiers: 0.4% or 0.004."),
    click.option("--maintenance-amount", help="Goes with --maintenance-rate.  [0]"),
    click.option("--taker", help="Taker fee, in place of the contract's: 0.05%."),
    click.option("--strict", is_flag=True, help="Tiers of the date are needed; nearest ones do not do."),
)
SIDE = (
    click.option("--side", default="long", show_default=True, help="long or short."),
    click.option("--entry", required=True, help="Entry price."),
)
SIZE = (
    click.option(
        "--size", default="1", show_default=True, help="Quantity: base units; quote units of an inverse contract."
    ),
)
OWN = (
    click.option("--leverage", help="Gives the margin, where --margin does not: 10x."),
    click.option("--margin", help="The position's whole own wallet, without unrealised PnL."),
    click.option("--added-margin", help="Added to a margin that follows from the leverage.  [0]"),
    click.option("--funding-paid", help="Paid out of a margin that follows from the leverage.  [0]"),
)
MARK = (click.option("--mark", help="Mark price.  [the entry price]"),)
COSTS = (
    click.option("--funding", help="Funding paid so far, money (below 0: received).  [--funding-paid, else 0]"),
    click.option("--opening-fee", help="Rate of the opening fee: 0.02%.  [the taker fee]"),
    click.option("--closing-fee", help="Rate of the closing fee.  [the taker fee]"),
)
SHOWN = (
    click.option("--explain", "explained", is_flag=True, help="Show the formula with the figures put in."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document."),
)
POSITION = (*SIDE, *SIZE, *OWN, *TERMS)


def optional(text: str | None, name: str) -> float | None:
    """The number of an option; None where it is not given."""
    return None if text is None else number(text, name)


def leverage_of(text: str | None) -> float | None:
    """A leverage from `10` or `10x`."""
    return None if text is None else number(text.lower().removesuffix("x"), "--leverage")


def costs_of(given: dict[str, Any]) -> Costs:
    """The fees and the funding that the options name; taken out of `given`."""
    rates = {name: given.pop(name) for name in ("opening_fee", "closing_fee")}
    opening, closing = (
        None if rate is None else fraction(rate, f"--{name.replace('_', '-')}") for name, rate in rates.items()
    )
    funding = given.pop("funding")
    paid = optional(given["funding_paid"] if funding is None else funding, "--funding")
    return Costs(opening_fee=opening, closing_fee=closing, funding_paid=paid or 0.0)


def terms_of(given: Mapping[str, Any]) -> Terms:
    """The terms that the options name."""
    rate, taker = given["maintenance_rate"], given["taker"]
    venue = given["venue"]
    return Terms.of(
        venue=None if venue is None else venue_named(venue),
        symbol=given["symbol"],
        date=given["date"],
        inverse=is_inverse(given["contract_type"] or ""),
        maintenance_rate=None if rate is None else fraction(rate, "--maintenance-rate"),
        maintenance_amount=optional(given["maintenance_amount"], "--maintenance-amount"),
        taker=None if taker is None else fraction(taker, "--taker"),
        strict=given["strict"],
    )


def position_of(given: Mapping[str, Any]) -> Position:
    """The position that the options describe; raises `UsageError` where they describe none."""
    margin = optional(given["margin"], "--margin")
    if margin is not None:
        for name in ("added_margin", "funding_paid"):
            if given[name] is not None:
                flag = name.replace("_", "-")
                raise UsageError(
                    f"--{flag} changes a margin that follows from --leverage; --margin is the whole already"
                )
    return Position.opened(
        given["side"],
        number(given["size"], "--size"),
        number(given["entry"], "--entry"),
        terms=terms_of(given),
        leverage=leverage_of(given["leverage"]),
        margin=margin,
        added_margin=optional(given["added_margin"], "--added-margin") or 0.0,
        funding_paid=optional(given["funding_paid"], "--funding-paid") or 0.0,
    )


def with_margin(given: Mapping[str, Any]) -> Position:
    """The position that the options describe; at a leverage of 1 where neither margin nor leverage is given."""
    if given["leverage"] is None and given["margin"] is None:
        given = {**given, "leverage": "1"}
    return position_of(given)
