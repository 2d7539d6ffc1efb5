"""`backtest calc cross`: isolated margin beside cross margin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from backtest.calculator import Held, Position, Terms, side_by_side
from backtest.cli.calc.position import MARK, POSITION, SHOWN, optional, with_margin
from backtest.cli.calc.showing import amount, price_text, show, table
from backtest.cli.options import several
from backtest.config import fraction, number
from backtest.errors import UsageError, near

HEAD = ("position", "isolated: margin", "liquidation", "bankruptcy", "cross: margin", "liquidation", "bankruptcy")
OTHER = ("side", "size", "entry", "mark", "leverage", "margin", "symbol", "maintenance_rate", "maintenance_amount")


@click.command()
@several(POSITION, MARK)
@click.option(
    "--wallet", required=True, help="Whole wallet balance that answers in cross mode, without unrealised PnL."
)
@click.option(
    "--other",
    "others",
    multiple=True,
    metavar="side=…,size=…,entry=…,mark=…",
    help="Another position of the account; also leverage=, margin=, symbol=, maintenance_rate=, maintenance_amount=.",
)
@several(SHOWN)
def cross(
    as_json: bool,
    explained: bool,
    mark: str | None,
    wallet: str,
    others: Sequence[str],
    **given: Any,
) -> None:
    """Where positions are liquidated and what they can lose, isolated and cross, the other marks standing still."""
    position = with_margin(given)
    at = position.entry_price if mark is None else optional(mark, "--mark") or 0.0
    held = [Held(position=position, mark_price=at), *(_other(text, given, position.terms) for text in others)]
    found = side_by_side(held, number(wallet, "--wallet"))
    rows = [
        (
            f"{each.position.side} {abs(each.position.quantity):,.8g} {each.position.terms.symbol}".strip(),
            amount(row.margin),
            price_text(row.liquidation_price),
            price_text(row.bankruptcy_price),
            amount(row.cross_margin),
            price_text(row.cross_liquidation_price),
            price_text(row.cross_bankruptcy_price),
        )
        for each, row in zip(held, found, strict=True)
    ]
    document = {"wallet": number(wallet, "--wallet"), "positions": [asdict(row) for row in found]}
    show(document, table(HEAD, rows), position.terms, as_json=as_json, explained=position if explained else None)


def _other(text: str, given: dict[str, Any], first: Terms) -> Held:
    """A position of `key=value` words, at the venue and date of the first one."""
    words: dict[str, str] = {}
    for word in text.split(","):
        name, sign, value = (part.strip() for part in word.partition("="))
        name = name.replace("-", "_")
        if not sign or name not in OTHER:
            raise UsageError(
                f"'--other {text}': '{name}' is none of its words; {near(name, OTHER)}they are {', '.join(OTHER)}"
            )
        words[name] = value
    missing = [name for name in ("side", "size", "entry") if name not in words]
    if missing:
        raise UsageError(f"'--other {text}' names no {missing[0]}; write side=long,size=1,entry=100,mark=95")
    rate = words.get("maintenance_rate")
    terms = Terms.of(
        venue=None if first.rules.id == "given" else first.rules.id,
        symbol=words.get("symbol"),
        date=given["date"],
        inverse=first.inverse if "symbol" not in words else None,
        maintenance_rate=None if rate is None else fraction(rate, "maintenance_rate"),
        maintenance_amount=optional(words.get("maintenance_amount"), "maintenance_amount"),
    )
    margin = optional(words.get("margin"), "margin")
    leverage = number(words.get("leverage", "1").lower().removesuffix("x"), "leverage") if margin is None else None
    position = Position.opened(
        words["side"], number(words["size"], "size"), number(words["entry"], "entry"),
        terms=terms, leverage=leverage, margin=margin,
    )  # fmt: skip
    return Held(position=position, mark_price=number(words.get("mark", words["entry"]), "mark"))
