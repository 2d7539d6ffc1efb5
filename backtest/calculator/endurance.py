"""How long a margin lasts at a funding rate, while the price stands still."""

from __future__ import annotations

import math
from dataclasses import dataclass

from backtest.broker import funding
from backtest.calculator.assessment import is_liquidated, liquidation_price, margin_balance, requirement
from backtest.calculator.position import Position, above
from backtest.calculator.wanted import margin_for
from backtest.enums import Pocket


@dataclass(frozen=True, kw_only=True)
class Endurance:
    """How long a margin lasts at a mark price that stands still and a funding rate that stays.

    `payment` is what one settlement takes (negative: gives), `intervals` how many of them bring the balance to the
    requirement (infinite: never), `shift` how far one moves the liquidation price, `from_wallet` how many of them the
    wallet pays before the margin does.
    """

    rate: float
    payment: float
    intervals: float
    from_wallet: float
    shift: float | None
    reason: str = ""


def endurance(position: Position, rate: float, *, mark_price: float | None = None, wallet: float = 0.0) -> Endurance:
    """How many settlements of `rate` the position lasts; `wallet` pays first where the venue's rule says so.

    >>> from backtest.calculator.terms import Terms
    >>> position = Position.opened("long", 0.5, 60_000, leverage=10, terms=Terms.of_rate(0.004))
    >>> round(endurance(position, 0.0001).intervals)
    960
    """
    mark = above("mark price", position.entry_price if mark_price is None else mark_price)
    inverse = position.terms.term["inverse"]
    paid = float(funding.payment(position.quantity, mark, float(rate), inverse))
    pocket = position.terms.rules.funding_pocket
    before = liquidation_price(position, mark)
    _, change = funding.pockets(paid, int(pocket), 0.0, margin_balance(position, mark) - requirement(position, mark))
    after = liquidation_price(position.adding(float(change)), mark)
    shift = None if before is None or after is None else after - before
    from_wallet = 0.0 if pocket is Pocket.MARGIN or paid <= 0.0 else max(0.0, wallet) / paid
    if is_liquidated(position, mark):
        return Endurance(
            rate=rate, payment=paid, intervals=0.0, from_wallet=0.0, shift=shift, reason="past liquidation"
        )
    reason = ""
    if paid <= 0.0:
        reason = "the position receives funding at this rate, or pays none"
    elif pocket is Pocket.CAPPED:
        reason = f"{position.terms.rules.name} takes no funding that would liquidate a position"
    intervals = math.inf if reason else from_wallet + (position.margin - margin_for(position, mark)) / paid
    return Endurance(rate=rate, payment=paid, intervals=intervals, from_wallet=from_wallet, shift=shift, reason=reason)
