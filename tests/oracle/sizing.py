"""From a command to a size [1.2]: worked out at the close at which it is given."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from backtest.enums import OrderKind, PriceSource, Reason, Side, SizeKind, TimeInForce
from tests.oracle.desk import Desk
from tests.oracle.money import ONE, ZERO, exact, round_price, round_quantity
from tests.oracle.state import Contract, Order

TARGETS = (
    SizeKind.TARGET_QUANTITY,
    SizeKind.TARGET_NOTIONAL,
    SizeKind.TARGET_MARGIN,
    SizeKind.TARGET_EXPOSURE,
)

PRICELESS = (SizeKind.QUANTITY, SizeKind.POSITION, SizeKind.TARGET_QUANTITY)
"""Sizes that need no price to be known."""


def order_of(desk: Desk, command: np.void) -> Order | Reason:
    """The order that a command asks for, or why its size has no meaning."""
    leg, kind = int(command["leg"]), SizeKind(int(command["size_kind"]))
    position = desk.position(leg)
    contract, tick = desk.contract(leg), desk.contract(leg).tick
    order = Order(
        number=0,
        leg=leg,
        side=Side(int(command["side"]) or 1),
        kind=OrderKind(int(command["order_kind"])),
        quantity=ZERO,
        price=_on_tick(command["price"], tick),
        trigger=_on_tick(command["trigger"], tick),
        trigger_on=PriceSource(int(command["trigger_on"])),
        leverage=exact(command["leverage"]),
        reduce_only=bool(command["reduce_only"]),
        post_only=bool(command["post_only"]),
        stop=_on_tick(command["stop"], tick),
        take_profit=_on_tick(command["take_profit"], tick),
        trailing_stop=exact(command["trailing_stop"]),
        callback_rate=exact(command["callback_rate"]),
        callback_distance=exact(command["callback_distance"]),
        time_in_force=TimeInForce(int(command["time_in_force"])),
        expires_ns=int(command["expires_ns"]),
        group=int(command["group"]),
        is_target=kind in TARGETS,
        tag=int(command["tag"]),
    )
    size = exact(command["size"])
    price = order.price or order.trigger or desk.known(leg, PriceSource.LAST)
    if size is None or (price is None and kind not in PRICELESS):
        return Reason.SIZE_NOT_DEFINED
    price = price or ONE
    leverage = order.leverage or position.leverage or ONE
    if kind == SizeKind.RISK:
        if order.stop is None:
            return Reason.SIZE_NOT_DEFINED
        loss = -contract.gain(int(order.side), price, order.stop)
        if loss <= ZERO:
            return Reason.STOP_ON_WRONG_SIDE
        order.quantity = size * desk.equity() / loss
    elif kind in TARGETS:
        target = _target(kind, size, price, leverage, desk, contract)
        rounded = round_quantity(abs(target), contract.lot).copy_sign(target)
        if rounded * position.direction < ZERO:
            rounded = ZERO  # [1.5]
        change = rounded - position.quantity
        order.side = Side.BUY if change > ZERO else Side.SELL
        order.quantity = abs(change)
        # a target between nothing and the position only reduces
        order.reduce_only |= rounded * position.quantity >= ZERO and abs(rounded) < position.size
    elif kind == SizeKind.POSITION:
        order.side = Side(-position.side or int(order.side))
        order.quantity, order.reduce_only = size * position.size, True
    else:
        order.quantity = {
            SizeKind.QUANTITY: size,
            SizeKind.NOTIONAL: contract.quantity(size, price),
            SizeKind.MARGIN: contract.quantity(size * leverage, price),
        }[kind]
    order.reduce_only |= int(order.side) == -position.direction  # [1.5]
    return order


def _on_tick(value: float, tick: Decimal) -> Decimal | None:
    """[4.1] Limit and trigger prices are rounded to the nearest tick."""
    price = exact(value)
    return None if price is None else round_price(price, tick)


def _target(
    kind: SizeKind, size: Decimal, price: Decimal, leverage: Decimal, desk: Desk, contract: Contract
) -> Decimal:
    if kind == SizeKind.TARGET_QUANTITY:
        return size
    if kind == SizeKind.TARGET_MARGIN:
        size *= leverage
    elif kind == SizeKind.TARGET_EXPOSURE:
        size *= desk.equity()
    return contract.quantity(size, price)
