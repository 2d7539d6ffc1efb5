"""`backtest calc sequence`: a position's life step by step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from backtest.calculator import State, play
from backtest.calculator.sequence import STEPS
from backtest.cli.calc.position import SHOWN, TERMS, optional, terms_of
from backtest.cli.calc.showing import amount, price_text, show, table
from backtest.cli.options import several
from backtest.errors import UsageError
from backtest.report.numbers import percent, price

HEAD = ("step", "quantity", "entry", "margin", "mark", "balance", "ratio", "liquidation", "wallet")
EPILOG = "\b\nSteps:\n" + "\n".join(f"  {form}" for form in STEPS.values())


@click.command(epilog=EPILOG)
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--step", "steps", multiple=True, help="One step; repeated in their order.")
@click.option("--wallet", help="Free wallet balance at the start.  [enough for all]")
@several(TERMS, SHOWN)
def sequence(
    as_json: bool, explained: bool, file: Path | None, steps: Sequence[str], wallet: str | None, **given: Any
) -> None:
    """The state after each step: of --step options, or of a FILE with one step a line (# begins a remark)."""
    if (file is None) == (not steps):
        raise UsageError(f"give --step options or a FILE of steps; a step is written as in '{STEPS['open']}'")
    terms = terms_of(given)
    lines = list(steps) if file is None else _lines(file)
    free = optional(wallet, "--wallet")
    states = play(lines, terms, wallet=math.inf if free is None else free)
    last = next((state.position for state in reversed(states) if state.position is not None), None)
    shown = table(HEAD, [_row(state) for state in states])
    if states and states[-1].liquidated:
        shown.append(f"Liquidated at this mark: {len(lines) - len(states)} of {len(lines)} steps are not reached")
    document = {"steps": [_plain(state) for state in states]}
    show(document, shown, terms, as_json=as_json, explained=last if explained else None)


def _lines(file: Path) -> list[str]:
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    found = [line.partition("#")[0].strip() for line in file.read_text(encoding="utf-8").splitlines()]
    return [line for line in found if line]


def _plain(state: State) -> dict[str, Any]:
    figures = {} if state.assessment is None else asdict(state.assessment)
    figures["liquidated"] = state.liquidated
    return {
        "step": state.step,
        **figures,
        "wallet_change": state.wallet_change,
        "fees": state.fees,
        "funding": state.funding,
        "realised_pnl": state.realised_pnl,
    }


def _row(state: State) -> tuple[str, ...]:
    found = state.assessment
    if found is None:
        return (state.step, "0", *(["–"] * (len(HEAD) - 3)), amount(state.wallet_change))
    return (
        state.step,
        f"{found.quantity:,.8g}",
        price(found.entry_price),
        amount(found.margin),
        price(found.mark_price),
        amount(found.margin_balance),
        percent(found.margin_ratio, digits=1),
        price_text(found.liquidation_price),
        amount(state.wallet_change),
    )
