"""`backtest calc liquidation`: where a position is liquidated, what it needs, and what it is worth at the mark."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import click

from backtest.calculator import Assessment, Position, assess, break_even, endurance
from backtest.cli.calc.position import MARK, POSITION, SHOWN, optional, position_of
from backtest.cli.calc.showing import amount, change, price_text, show, times
from backtest.cli.options import several
from backtest.enums import LiquidationStyle
from backtest.report.numbers import percent, price


@click.command()
@several(POSITION, MARK, SHOWN)
def liquidation(as_json: bool, explained: bool, mark: str | None, **given: Any) -> None:
    """Where a position is liquidated, what it needs, and what it is worth at the mark price."""
    position = position_of(given)
    at = optional(mark, "--mark")
    found = assess(position, at)
    even = break_even(position)
    show(
        {**asdict(found), "break_even_price": even},
        screen(position, found, even),
        position.terms,
        as_json=as_json,
        explained=position if explained else None,
        mark_price=at,
    )


def screen(position: Position, found: Assessment, even: float | None) -> list[str]:
    """The figures of a position, for a reader."""
    cap = f" (the tier allows {found.leverage_cap:.6g}x)" if math.isfinite(found.leverage_cap) else ""
    reserve = f" of which {amount(found.fee_reserve)} for the fee to close" if found.fee_reserve else ""
    shown = found.liquidation_price_printed
    printed = f", shown as {price(shown)}" if shown not in (None, found.liquidation_price) else ""
    due = "   LIQUIDATED at this mark" if found.liquidated else ""
    return [
        f"Notional {amount(found.notional)}   margin {amount(found.margin)}{reserve}   "
        f"maintenance {amount(found.maintenance_margin)} ({percent(found.maintenance_rate)})",
        f"Liquidation {price_text(found.liquidation_price)}"
        f"{change(found.liquidation_price, found.mark_price)}{printed}   "
        f"bankruptcy {price_text(found.bankruptcy_price)}   break-even incl. fees {price_text(even)}",
        f"At mark {price(found.mark_price)}: unrealised {amount(found.unrealised_pnl)} "
        f"(ROE {percent(found.roe, digits=1)})   "
        f"margin balance {amount(found.margin_balance)}   margin ratio {percent(found.margin_ratio, digits=1)}{due}",
        f"Effective leverage {times(found.effective_leverage)}{cap}   removable {amount(found.removable_margin)}",
        *([] if found.returned is None else [_taken(position, found.returned)]),
        _lasting(position, found.mark_price),
        f"Rules of {position.terms.rules.name}, tiers: {position.terms.source}",
    ]


def _taken(position: Position, returned: float) -> str:
    if position.terms.rules.liquidation_style is LiquidationStyle.BANKRUPTCY:
        return "Liquidated, it is settled at the bankruptcy price: nothing returns"
    rate = percent(float(position.terms.term["liquidation_fee"]))
    return f"Liquidated just there, {amount(returned)} returns after a liquidation fee of {rate}"


def _lasting(position: Position, mark: float) -> str:
    rates = (0.0001, 0.001) if position.quantity > 0.0 else (-0.0001, -0.001)
    parts = []
    for rate in rates:
        lasting = endurance(position, rate, mark_price=mark)
        count = "for ever" if math.isinf(lasting.intervals) else f"{math.ceil(lasting.intervals - 1e-9):,} settlements"
        parts.append(f"at {percent(rate)} {count}")
    return f"Funding: at a flat price the margin lasts {', '.join(parts)}"
