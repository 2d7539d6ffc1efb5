"""The next thing that the paths meet [3.2, 3.3]."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from backtest.enums import NoticeKind, PriceSource
from tests.oracle.desk import Desk
from tests.oracle.margin import call_price, margin_call, rearm_level, top_up, top_up_price
from tests.oracle.money import ONE, ZERO
from tests.oracle.orders import act
from tests.oracle.requirement import EDGE
from tests.oracle.route import Point
from tests.oracle.state import Order, Position
from tests.oracle.takeover import frozen, is_due, liquidate, replenished
from tests.oracle.trailing import follow, next_best


@dataclass(frozen=True, kw_only=True)
class Event:
    """A threshold met at a point, and what follows from it."""

    point: Point
    act: Callable[[], None]


def next_event(desk: Desk) -> Event | None:
    """[3.3] The earliest; at one point the first symbol, and within it the first in the order of `events`."""
    first: Event | None = None
    for position in desk.account.positions:
        if desk.present(position.leg) is None:
            continue
        for event in events(desk, position):
            if first is None or event.point < first.point:
                first = event
    return first


def events(desk: Desk, position: Position) -> Iterator[Event]:
    """[3.3] Liquidation, then orders by number, then the top-up, then the margin call (or its coming into force)."""
    leg, side = position.leg, position.side
    mark = desk.route(leg, PriceSource.MARK)
    if position.open:
        point = None
        if is_due(desk, position, mark.at(desk.point)):
            point = desk.point
        elif (price := position.liquidation) is not None and not frozen(desk, position):
            point = mark.meets(price, -side, desk.point, strict=desk.world.rules.strict)
        if point is not None:
            yield Event(point=point, act=partial(_liquidate, desk, position))
    for order in desk.account.working(leg):
        if order.awaits_trigger:
            route = desk.route(leg, order.trigger_on)
            assert order.trigger is not None
            point = route.meets(order.trigger, order.trigger_direction, desk.point)
        else:
            assert order.price is not None
            point = desk.route(leg, PriceSource.LAST).meets(order.price, -int(order.side), desk.point)
        if point is not None:
            yield Event(point=point, act=partial(_order, desk, order))
        if order.is_trailing and (point := next_best(desk.route(leg, order.trigger_on), order, desk.point)) is not None:
            yield Event(point=point, act=partial(_trail, desk, order))
    if not position.open:
        return
    policy = desk.account.top_ups.get(leg)
    if policy is not None and policy.ready_bar <= desk.bar:
        price = top_up_price(position, policy)
        point = None if price is None else mark.meets(price, -side, desk.point)
        if point is not None:
            yield Event(point=point, act=partial(top_up, desk, position, policy))
    if position.call_armed:
        price = call_price(position, desk.world.margin_call)
        point = None if price is None else mark.meets(price, -side, desk.point)
        if point is not None:
            yield Event(point=point, act=partial(margin_call, desk, position))
    elif (point := _rearming(desk, position)) is not None:
        yield Event(point=point, act=partial(_rearm, position))


def _rearming(desk: Desk, position: Position) -> Point | None:
    """[3.8] Where the ratio is a tenth better than the level of the margin call."""
    mark = desk.route(position.leg, PriceSource.MARK)
    level = rearm_level(desk.world.margin_call)
    price = call_price(position, level)
    if price is None:
        # the ratio is better at every mark
        return desk.point
    if desk.world.rules.whole_tiers:
        # where one jump of the requirement meets both levels, back means back to the edge
        price *= ONE + position.side * EDGE / 2
    return mark.meets(price, position.side, desk.point)


def _rearm(position: Position) -> None:
    position.call_armed = True


def _liquidate(desk: Desk, position: Position) -> None:
    if replenished(desk, position):
        return
    _note_rival(desk, position, None)
    liquidate(desk, position)
    if position.entered_bar == desk.bar:
        _note_once(desk, position)


def _trail(desk: Desk, order: Order) -> None:
    """[4.13] The price of this point is the best."""
    follow(order, desk.price(order.leg, order.trigger_on), desk.contract(order.leg).tick)
    order.moved_bar = desk.bar


def _order(desk: Desk, order: Order) -> None:
    if order.awaits_activation:
        return _trail(desk, order)
    position = desk.position(order.leg)
    held = position.trade if position.open else 0
    entered = position.entered_bar == desk.bar
    if order.awaits_trigger and position.quantity * order.side < ZERO:
        _note_rival(desk, position, order)
        if order.moved_bar == desk.bar:
            # [3.7] the trailing stop moved on this path
            _note_once(desk, position)
    act(desk, order)
    if held and entered and (not position.open or position.trade != held):
        # [3.7] both opened and closed on this path
        _note_once(desk, position)
    return None


def _note_rival(desk: Desk, position: Position, acting: Order | None) -> None:
    """[3.7] Whether the trigger that acts and another that would close the position both lie within the bar's range.

    `acting` is None for the liquidation.
    """
    within: list[Order | None] = []
    mark = desk.route(position.leg, PriceSource.MARK)
    price = position.liquidation
    if price is not None and mark.low <= price <= mark.high:
        within.append(None)
    for order in desk.account.working(position.leg):
        if order.awaits_trigger and not order.awaits_activation and position.quantity * order.side < ZERO:
            route = desk.route(position.leg, order.trigger_on)
            assert order.trigger is not None
            if route.low <= order.trigger <= route.high:
                within.append(order)
    if acting in within and len(within) >= 2:
        _note_once(desk, position)


def _note_once(desk: Desk, position: Position) -> None:
    if (desk.bar, position.leg) not in desk.ambiguous:
        desk.ambiguous.add((desk.bar, position.leg))
        desk.journal.note(desk.where(position.leg), NoticeKind.AMBIGUOUS)
