"""The life of an order: taken in at an open, triggered, filled [2.5, 2.6, 3.4]."""

from __future__ import annotations

from decimal import Decimal

from backtest.enums import Liquidity, OrderKind, OrderStatus, Reason, TimeInForce
from tests.oracle.admission import below_minimum, leverage_refusal, opening_part, reserve
from tests.oracle.desk import Desk
from tests.oracle.fills import fill
from tests.oracle.money import LAST_DIGITS, ZERO, round_quantity
from tests.oracle.state import Order
from tests.oracle.trailing import follow, is_better


def triggered(order: Order, price: Decimal) -> bool:
    """Whether a price has reached the order's trigger."""
    assert order.trigger is not None
    return (price - order.trigger) * order.trigger_direction >= -LAST_DIGITS * price


def limit_passed(order: Order, price: Decimal) -> bool:
    """Whether a price has reached the order's limit: at or below it for a buy, at or above it for a sell."""
    assert order.price is not None
    return (order.price - price) * order.side >= -LAST_DIGITS * price


def take_in(desk: Desk, order: Order) -> None:
    """[2.6] A new order meets the open: it fills, acts, is refused or starts working."""
    contract, position = desk.contract(order.leg), desk.position(order.leg)
    order.quantity = round_quantity(order.quantity, contract.lot)
    if order.is_target and order.quantity <= ZERO:
        order.status = OrderStatus.FILLED
        return None
    if is_past(desk, order):
        return desk.cancel(order, Reason.EXPIRED)
    if any(other.status == OrderStatus.FILLED for other in desk.account.groups_with(order)):
        return desk.cancel(order, Reason.SIBLING_FILLED)
    if order.quantity <= ZERO:
        return desk.reject(order, Reason.QUANTITY_BELOW_LOT)
    if order.reduce_only and position.quantity * order.side >= ZERO:
        return desk.reject(order, Reason.REDUCE_ONLY_WITHOUT_POSITION)
    desk.account.orders.append(order)
    if order.awaits_trigger:
        watched = desk.price(order.leg, order.trigger_on)
        if order.is_trailing and (order.trigger is None or triggered(order, watched)):
            follow(order, watched, contract.tick)
        if triggered(order, watched):
            return act(desk, order)
        return rest(desk, order)
    if order.kind == OrderKind.MARKET:
        return fill(desk, order, desk.last(order.leg), Liquidity.TAKER)
    return come_into_force(desk, order)


def rest(desk: Desk, order: Order) -> None:
    """Join the working orders, of which a symbol has only so many; a limit order that would open reserves [4.7]."""
    if len(desk.account.working(order.leg)) >= desk.world.rules.order_limit and order.status == OrderStatus.PENDING:
        return desk.reject(order, Reason.TOO_MANY_ORDERS)
    if not order.awaits_trigger:
        assert order.price is not None
        if below_minimum(desk, order, order.quantity, order.price):
            return desk.reject(order, Reason.NOTIONAL_BELOW_MINIMUM)
        opened = opening_part(desk, order, order.quantity)
        if opened:
            reason = leverage_refusal(desk, order, opened, order.price)
            held_back = reserve(desk, order, opened, order.price)
            if not reason and held_back > desk.account.free:
                reason = Reason.INSUFFICIENT_MARGIN
            if reason:
                return desk.reject(order, reason)
            order.reserved = held_back
        order.rested = True
    order.status = OrderStatus.WORKING
    return None


def come_into_force(desk: Desk, order: Order) -> None:
    """[2.6, 3.4] A limit order that the price has passed fills at the last price as taker; any other rests."""
    last = desk.last(order.leg)
    if not limit_passed(order, last):
        if order.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
            return desk.cancel(order, Reason.NOT_FILLED_AT_ONCE)
        return rest(desk, order)
    if order.post_only:
        return desk.reject(order, Reason.POST_ONLY_WOULD_TAKE)
    return fill(desk, order, last, Liquidity.TAKER)


def act(desk: Desk, order: Order) -> None:
    """[2.5, 3.4] What a working (or a new) order does when the price reaches its trigger or its limit."""
    if not order.awaits_trigger:
        last = desk.last(order.leg)
        # on the path a resting limit order meets its own price; at an open it may have been passed
        return fill(desk, order, last, Liquidity.MAKER)
    order.triggered = True
    if order.is_limit:
        return come_into_force(desk, order)
    return fill(desk, order, desk.last(order.leg), Liquidity.TAKER)


def is_past(desk: Desk, order: Order) -> bool:
    """[4.12] Whether the time until which an order is good has come."""
    return order.time_in_force == TimeInForce.GTD and order.expires_ns <= desk.world.time_ns(desk.bar)


def trail_at_open(desk: Desk, order: Order) -> None:
    """[2.5] An open that meets the activation price of a trailing stop, or that is a new best, is its best."""
    if not order.is_trailing:
        return
    watched = desk.price(order.leg, order.trigger_on)
    if is_better(order, watched) or (order.awaits_activation and triggered(order, watched)):
        follow(order, watched, desk.contract(order.leg).tick)


def due_at_open(desk: Desk, order: Order) -> bool:
    """[2.5] Whether the open has reached a working order's price or trigger."""
    if order.awaits_trigger:
        return triggered(order, desk.price(order.leg, order.trigger_on))
    return limit_passed(order, desk.last(order.leg))
