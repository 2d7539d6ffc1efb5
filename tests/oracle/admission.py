"""Whether the venue takes an order [4.4, 4.5]: the check of what it opens, and what it needs free in the wallet."""

from __future__ import annotations

from decimal import Decimal

from backtest.enums import Pocket, PriceSource, Reason
from tests.oracle.desk import Desk
from tests.oracle.money import ONE, ZERO
from tests.oracle.requirement import tier_of
from tests.oracle.state import Order


def opening_part(desk: Desk, order: Order, quantity: Decimal) -> Decimal:
    """[4.3] What remains of a quantity after it has reduced an opposite position."""
    position = desk.position(order.leg)
    if order.reduce_only:
        return ZERO
    if position.quantity * order.side < ZERO:
        return max(ZERO, quantity - position.size)
    return quantity


def below_minimum(desk: Desk, order: Order, quantity: Decimal, price: Decimal) -> bool:
    """[4.5] Reduce-only orders and those that close the whole position are exempt from the minimum notional."""
    position = desk.position(order.leg)
    closes_all = position.quantity * order.side < ZERO and quantity == position.size
    if order.reduce_only or closes_all:
        return False
    return quantity * price < desk.contract(order.leg).minimum_notional


def leverage_of(desk: Desk, order: Order) -> Decimal:
    """The order's leverage; where it names none, that of the position or of the symbol's setting, else one."""
    position = desk.position(order.leg)
    return order.leverage or position.leverage or ONE


def leverage_refusal(desk: Desk, order: Order, opened: Decimal, price: Decimal) -> Reason:
    """[4.5] Offered at all, allowed by the tier of the resulting notional, not below that of the open position."""
    rules, position, leverage = desk.world.rules, desk.position(order.leg), leverage_of(desk, order)
    if leverage < ONE or (rules.whole_leverage and leverage != leverage.to_integral_value()):
        return Reason.LEVERAGE_NOT_ALLOWED
    same_way = position.quantity * order.side > ZERO
    resulting = opened + (position.size if same_way else ZERO)
    if leverage > tier_of(position.tiers, resulting * price).leverage:
        return Reason.LEVERAGE_ABOVE_TIER
    if same_way and leverage < position.leverage and not rules.lower_leverage:
        return Reason.LEVERAGE_CANNOT_BE_LOWERED
    return Reason.NONE


def open_loss(desk: Desk, order: Order, opened: Decimal, price: Decimal) -> Decimal:
    """[4.4] max(0, s x q x (p - mark))."""
    return max(ZERO, order.side * opened * (price - desk.price(order.leg, PriceSource.MARK)))


def needed(desk: Desk, order: Order, opened: Decimal, price: Decimal, fee_rate: Decimal) -> Decimal:
    """[4.4] Initial margin, the fee where the wallet pays it, and the open loss."""
    if desk.world.rules.opening_fee_pocket == Pocket.MARGIN:
        fee_rate = ZERO
    return opened * price * (ONE / leverage_of(desk, order) + fee_rate) + open_loss(desk, order, opened, price)


def reserve(desk: Desk, order: Order, opened: Decimal, price: Decimal) -> Decimal:
    """[4.7] What a resting order holds back: what 4.4 needs, at the taker's fee."""
    return needed(desk, order, opened, price, desk.contract(order.leg).taker)


def opening_refusal(
    desk: Desk, order: Order, opened: Decimal, price: Decimal, fee_rate: Decimal, *, market: bool
) -> Reason:
    """[4.5] Why the part that opens is refused; NONE if it is not. The minimum notional is asked of the whole order."""
    reason = leverage_refusal(desk, order, opened, price)
    if reason:
        return reason
    if needed(desk, order, opened, price, fee_rate) > desk.account.free:
        return Reason.INSUFFICIENT_MARGIN
    if market:
        mark = desk.price(order.leg, PriceSource.MARK)
        if abs(price - mark) > desk.contract(order.leg).price_band * mark:
            return Reason.OUTSIDE_PRICE_BAND
    return Reason.NONE
