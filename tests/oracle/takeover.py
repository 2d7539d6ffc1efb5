"""Liquidation [2.3, 5.1-5.4]."""

from __future__ import annotations

from decimal import Decimal

from backtest.enums import LedgerKind, LiquidationStyle, Liquidity, Reason
from tests.oracle.desk import Desk
from tests.oracle.money import ZERO
from tests.oracle.requirement import bankruptcy_price
from tests.oracle.state import Position


def is_due(desk: Desk, position: Position, mark: Decimal) -> bool:
    """[2.3] The mark is at or beyond the liquidation price; strictly beyond where the venue is strict.

    Read on the balance itself, so that a position without a liquidation price needs no case of its own.
    """
    gap = position.balance(mark) - position.maintenance(mark)
    return gap < ZERO if desk.world.rules.strict else gap <= ZERO


def liquidate(desk: Desk, position: Position) -> None:
    """[5.2, 5.3] Cancel the orders, close at mark or at the bankruptcy price, take the fee, return the rest."""
    leg, size, side = position.leg, position.size, position.side
    for order in desk.account.working(leg):
        desk.cancel(order, Reason.POSITION_LIQUIDATED)
    mark = desk.mark(leg)
    bankruptcy = bankruptcy_price(position.quantity, position.entry, position.margin)
    taken_over = desk.world.rules.liquidation_style == LiquidationStyle.BANKRUPTCY
    lost = position.margin
    if taken_over or side * (bankruptcy - mark) > ZERO:
        price, realised, left = bankruptcy, -lost, ZERO
    else:
        price, realised = mark, position.quantity * (mark - position.entry)
        left = lost + realised
    fee = min(left, desk.contract(leg).liquidation_fee * size * price)
    returned = left - fee
    position.quantity, position.entry, position.margin = ZERO, ZERO, ZERO
    desk.account.wallet += returned
    desk.book(
        leg,
        LedgerKind.LIQUIDATION,
        {
            "wallet": returned,
            "margin": -lost,
            "pnl": -realised,
            "liquidation_fee": fee,
        },
        price=price,
        quantity=-side * size,
        liquidity=Liquidity.TAKER,
        reason=Reason.LIQUIDATION,
    )
