"""Trailing stops: the trigger that follows the best price [4.13]."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from tests.oracle.money import ONE, ZERO, round_to
from tests.oracle.route import Point, Route
from tests.oracle.state import Order


def level(order: Order, best: Decimal, tick: Decimal) -> Decimal:
    """The trigger behind a best price, rounded to the tick away from it."""
    if order.callback_distance is not None:
        behind = order.callback_distance
    else:
        assert order.callback_rate is not None
        behind = best * order.callback_rate
    return round_to(max(ZERO, best + order.side * behind), tick, ROUND_CEILING if order.side > 0 else ROUND_FLOOR)


def is_better(order: Order, price: Decimal) -> bool:
    """Whether the price is a new best: lower for a buy, higher for a sell."""
    return order.best is not None and (order.best - price) * order.side > ZERO


def follow(order: Order, price: Decimal, tick: Decimal) -> None:
    """Take the price as the best; the trigger follows."""
    order.best, order.trigger = price, level(order, price, tick)


def next_best(route: Route, order: Order, since: Point) -> Point | None:
    """The end of the first leg of the path that ends at a new best."""
    for segment in range(max(since.segment, 1), 4):
        if is_better(order, route.stations[segment]):
            return Point(segment, ONE)
    return None
