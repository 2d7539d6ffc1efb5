"""What a fill does to a position and to the wallet [4.3, 4.4, 4.6, 4.8]."""

from __future__ import annotations

from decimal import Decimal

from backtest.enums import LedgerKind, Liquidity, OrderKind, OrderStatus, Pocket, Reason, Side
from tests.oracle.admission import below_minimum, leverage_of, locked, opening_part, opening_refusal
from tests.oracle.desk import Desk
from tests.oracle.money import ZERO, round_fill
from tests.oracle.requirement import unit_of
from tests.oracle.state import Order, Position
from tests.oracle.trailing import follow
from tests.oracle.world import slipped


def fill(desk: Desk, order: Order, price: Decimal, liquidity: Liquidity) -> None:
    """Fill an order at a price; a market order pays slippage on it [4.2]."""
    contract, position = desk.contract(order.leg), desk.position(order.leg)
    order.reserved = ZERO
    opposite = position.quantity * order.side < ZERO
    if order.reduce_only and not opposite:
        return desk.reject(order, Reason.REDUCE_ONLY_WITHOUT_POSITION)
    quantity = min(order.quantity, position.size) if order.reduce_only else order.quantity
    market = not order.is_limit
    if market:
        bar = desk.present(order.leg)
        assert bar is not None
        worse = slipped(desk.world, price, quantity, order.side, bar.volume, contract.inverse)
        price = round_fill(worse, contract.tick, order.side)
    # [4.5] a limit order that rested was asked for the minimum then, at its own price
    if not order.rested and below_minimum(desk, order, quantity, price):
        return desk.reject(order, Reason.NOTIONAL_BELOW_MINIMUM)
    fee_rate = contract.maker if liquidity == Liquidity.MAKER else contract.taker
    opened = opening_part(desk, order, quantity)
    reduced = quantity - opened
    if not reduced:
        reason = opening_refusal(desk, order, opened, price, fee_rate, market=market)
        if reason:
            return desk.reject(order, reason)
    order.status = OrderStatus.FILLED
    if reduced:
        reduce(desk, order, reduced, price, fee_rate, liquidity)
    if opened:
        if reduced:
            reason = opening_refusal(desk, order, opened, price, fee_rate, market=market)
            if reason:
                desk.refuse(order.leg, reason, number=order.number, tag=order.tag)
                return None
        enlarge(desk, order, opened, price, fee_rate, liquidity)
    return None


def enlarge(desk: Desk, order: Order, size: Decimal, price: Decimal, fee_rate: Decimal, liquidity: Liquidity) -> None:
    """[4.4] Open or add: initial margin and reserve go to the position, its entry price becomes the average."""
    account, position, contract = desk.account, desk.position(order.leg), desk.contract(order.leg)
    margin, fee = locked(desk, order, size, price), size * contract.worth(price) * fee_rate
    if not position.open:
        position.trade = account.next_trade()
        position.call_armed = True
        position.margin, position.entry, position.part_bar = ZERO, price, None
        if desk.point.segment > 0:
            position.entered_bar = desk.bar
    worth = (position.value(position.entry) + size * contract.worth(price)) / (position.size + size)
    position.entry = unit_of(worth, contract.inverse)
    position.leverage = leverage_of(desk, order)
    position.quantity += order.side * size
    from_margin = desk.world.rules.opening_fee_pocket == Pocket.MARGIN
    to_margin = margin - fee if from_margin else margin
    from_wallet = margin if from_margin else margin + fee
    account.wallet -= from_wallet
    position.margin += to_margin
    desk.book(
        order.leg,
        LedgerKind.OPEN,
        {"wallet": -from_wallet, "margin": to_margin, "fees": fee},
        price=price,
        quantity=order.side * size,
        order=order,
        liquidity=liquidity,
        reason=order.fill_reason,
    )
    cancel_others(desk, order)
    if not order.is_target:
        place_bracket(desk, order, size)


def reduce(desk: Desk, order: Order, size: Decimal, price: Decimal, fee_rate: Decimal, liquidity: Liquidity) -> None:
    """[4.6] Realise the PnL of the share, release that of the margin, pay the fee; never at the wallet's cost."""
    position = desk.position(order.leg)
    side = position.side
    share = size / position.size
    realised = share * position.pnl(price)
    released = position.margin if size == position.size else share * position.margin
    fee = share * position.value(price) * fee_rate
    remains = position.margin - released
    proceeds = released + realised - fee
    from_margin = min(max(ZERO, -proceeds), max(ZERO, remains))
    from_fund = max(ZERO, -proceeds) - from_margin
    to_wallet = max(ZERO, proceeds)
    desk.account.wallet += to_wallet
    position.quantity -= side * size
    position.margin = remains - from_margin
    desk.book(
        order.leg,
        LedgerKind.CLOSE,
        {
            "wallet": to_wallet,
            "margin": -released - from_margin,
            "fees": fee,
            "pnl": -realised,
            "insurance": -from_fund,
        },
        price=price,
        quantity=-side * size,
        order=order,
        liquidity=liquidity,
        reason=order.fill_reason,
    )
    cancel_others(desk, order)
    if not position.open:
        closed(desk, position)


def cancel_others(desk: Desk, order: Order) -> None:
    """[4.8, 4.11] When one of a bracket or a group is filled the others are cancelled."""
    for other in desk.account.groups_with(order):
        if other.status == OrderStatus.WORKING:
            desk.cancel(other, Reason.SIBLING_FILLED)


def closed(desk: Desk, position: Position) -> None:
    """[4.8] When a position is closed, its reduce-only orders are cancelled."""
    position.entry = ZERO
    for order in desk.account.working(position.leg):
        if order.reduce_only:
            desk.cancel(order, Reason.POSITION_CLOSED)


def replace_bracket(desk: Desk, order: Order) -> None:
    """[4.8] A target's stop or take-profit replaces the bracket that stands, for the whole position that is reached."""
    position = desk.position(order.leg)
    if not order.is_target or (order.stop, order.take_profit, order.trailing_stop) == (None, None, None):
        return
    for standing in desk.account.working(order.leg):
        if standing.bracket:
            desk.cancel(standing, Reason.REPLACED)
    if position.open:
        place_bracket(desk, order, position.size)


def place_bracket(desk: Desk, order: Order, size: Decimal) -> None:
    """[4.8] Stop, take-profit and trailing stop come into force as reduce-only orders of the filled quantity."""
    group = desk.account.numbers + 1
    for kind, trigger in (
        (OrderKind.STOP, order.stop),
        (OrderKind.TAKE_PROFIT, order.take_profit),
        (OrderKind.TRAILING_STOP, order.trailing_stop),
    ):
        if trigger is None:
            continue
        child = Order(
            number=desk.account.next_number(),
            leg=order.leg,
            side=Side(-desk.position(order.leg).side),
            kind=kind,
            quantity=size,
            price=None,
            trigger=trigger,
            trigger_on=order.trigger_on,
            leverage=None,
            reduce_only=True,
            bracket=True,
            group=group,
            tag=order.tag,
        )
        if kind == OrderKind.TRAILING_STOP:
            child.callback_rate = trigger
            follow(child, desk.price(order.leg, order.trigger_on), desk.contract(order.leg).tick)
            child.moved_bar = desk.bar if desk.point.segment else -1
        if len(desk.account.working(order.leg)) >= desk.world.rules.order_limit:
            desk.reject(child, Reason.TOO_MANY_ORDERS)
            continue
        child.status = OrderStatus.WORKING
        desk.account.orders.append(child)
