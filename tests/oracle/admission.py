"""Whether the venue takes an order [4.4, 4.5]: the check of what it opens, and what it needs free in the wallet."""

from __future__ import annotations

from decimal import Decimal

from backtest.enums import Pocket, PriceSource, Reason, TierUnit
from tests.oracle.desk import Desk
from tests.oracle.money import LAST_DIGITS, ONE, ZERO
from tests.oracle.requirement import locked_reserve, tier_number
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
    contract = desk.contract(order.leg)
    return quantity * contract.worth(price) < contract.minimum_notional * (ONE - LAST_DIGITS)


def leverage_of(desk: Desk, order: Order) -> Decimal:
    """The order's leverage; where it names none, that of the position or of the symbol's setting, else one."""
    position = desk.position(order.leg)
    return order.leverage or position.leverage or ONE


def leverage_cap(desk: Desk, leg: int, size: Decimal, price: Decimal) -> Decimal:
    """[4.5] The cap of the tier of a size at a price; a slope adds to the initial margin rate, one over the cap."""
    tiers = desk.position(leg).tiers
    by_quantity = desk.world.rules.tier_unit == TierUnit.QUANTITY
    tier = tiers[tier_number(tiers, size if by_quantity else size * desk.contract(leg).worth(price))]
    return ONE / (ONE / tier.leverage + tier.slope * size)


def leverage_refusal(desk: Desk, order: Order, opened: Decimal, price: Decimal) -> Reason:
    """[4.5] Offered at all, allowed by the tier of the resulting notional, not below that of the open position."""
    rules, position, leverage = desk.world.rules, desk.position(order.leg), leverage_of(desk, order)
    if leverage < ONE or (rules.whole_leverage and leverage != leverage.to_integral_value()):
        return Reason.LEVERAGE_NOT_ALLOWED
    same_way = position.quantity * order.side > ZERO
    resulting = opened + (position.size if same_way else ZERO)
    if leverage > leverage_cap(desk, order.leg, resulting, price):
        return Reason.LEVERAGE_ABOVE_TIER
    if same_way and leverage < position.leverage and not rules.lower_leverage:
        return Reason.LEVERAGE_CANNOT_BE_LOWERED
    return Reason.NONE


def open_loss(desk: Desk, order: Order, opened: Decimal, price: Decimal) -> Decimal:
    """[4.4] The loss at the mark of the new part, none if it is a gain."""
    mark = desk.price(order.leg, PriceSource.MARK)
    return max(ZERO, -opened * desk.contract(order.leg).gain(int(order.side), price, mark))


def locked(desk: Desk, order: Order, opened: Decimal, price: Decimal) -> Decimal:
    """[4.4] What moves into the position's margin: the initial margin and the fee reserve [4.9]."""
    contract, leverage = desk.contract(order.leg), leverage_of(desk, order)
    value = opened * contract.worth(price)
    tilt = -int(order.side) if contract.inverse else int(order.side)
    return value / leverage + locked_reserve(desk.world.rules, value, leverage, tilt)


def needed(desk: Desk, order: Order, opened: Decimal, price: Decimal, fee_rate: Decimal) -> Decimal:
    """[4.4] Initial margin, the fee reserve, the fee where the wallet pays it, and the open loss."""
    fee = opened * desk.contract(order.leg).worth(price) * fee_rate
    if desk.world.rules.opening_fee_pocket == Pocket.MARGIN:
        fee = ZERO
    return locked(desk, order, opened, price) + fee + open_loss(desk, order, opened, price)


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
    if needed(desk, order, opened, price, fee_rate) * (ONE - LAST_DIGITS) > desk.account.free:
        return Reason.INSUFFICIENT_MARGIN
    if market:
        mark = desk.price(order.leg, PriceSource.MARK)
        if abs(price - mark) > desk.contract(order.leg).price_band * mark * (ONE + LAST_DIGITS):
            return Reason.OUTSIDE_PRICE_BAND
    return Reason.NONE
