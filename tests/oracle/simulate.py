"""The order of events in a bar [2, 3], walked bar by bar."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from backtest.enums import CommandKind, Holes, LedgerKind, NoticeKind, Path, Pocket, Reason
from tests.oracle.desk import Desk
from tests.oracle.fills import replace_bracket
from tests.oracle.journal import Row
from tests.oracle.margin import obey
from tests.oracle.money import ONE, ZERO, exact
from tests.oracle.orders import act, due_at_open, is_past, take_in, trail_at_open
from tests.oracle.path_events import next_event
from tests.oracle.route import CLOSE, OPEN, START, Point
from tests.oracle.sizing import order_of
from tests.oracle.state import Account, Order, Position
from tests.oracle.takeover import frozen, is_due, liquidate, replenished
from tests.oracle.world import Settlement, World

BILLIONTH = Decimal("1e-9")


@dataclass(frozen=True, kw_only=True)
class Request:
    """An order as it was sized, or why it could not be; it waits for its symbol's next present open [1.2, 1.4]."""

    leg: int
    number: int
    tag: int
    order: Order | Reason


@dataclass(kw_only=True)
class Pending:
    """What waits for the next open, each in the order given."""

    margin: list[np.void] = field(default_factory=list)
    orders: list[Request] = field(default_factory=list)
    funding: list[Settlement] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A finished run."""

    ledger: list[Row]
    notices: list[Row]
    account: Account
    stopped_at: int | None


def simulate(world: World, *, cash: float, schedule: np.ndarray | None = None) -> Outcome:
    """Run a schedule of COMMAND rows through the world."""
    legs = range(len(world.bars))
    deposit = exact(cash)
    assert deposit is not None
    positions = [
        Position(leg=leg, rules=world.rules, inverse=world.contracts[leg].inverse, direction=_direction(world, leg))
        for leg in legs
    ]
    account = Account(wallet=deposit, positions=positions)
    desk = Desk(world=world, account=account)
    pending = Pending()
    desk.journal.book(
        desk.where(-1),
        LedgerKind.DEPOSIT,
        amounts={"wallet": deposit, "deposit": -deposit},
        after={"wallet_after": deposit},
    )
    stopped_at = None
    for bar in range(world.length):
        desk.bar = bar
        desk.point = OPEN
        if holed(desk):
            stopped_at = bar
            break
        at_open(desk, pending)
        on_path(desk)
        desk.point = CLOSE
        for command in () if schedule is None else schedule[schedule["bar"] == bar]:
            receive(desk, command, pending)
    return Outcome(ledger=desk.journal.ledger, notices=desk.journal.notices, account=account, stopped_at=stopped_at)


def _direction(world: World, leg: int) -> int:
    """[1.5] In hedge mode a symbol's long leg comes first, then its short one."""
    return 0 if world.legs == 1 else 1 - 2 * (leg % 2)


def holed(desk: Desk) -> bool:
    """[1.4] Note the holes under open positions; True when the run stops at one."""
    for position in desk.account.positions:
        if position.open and desk.present(position.leg) is None:
            before = desk.world.bars[position.leg][desk.bar - 1]
            if before is not None:
                desk.journal.note(desk.where(position.leg), NoticeKind.HOLE)
            if desk.world.holes == Holes.REFUSE:
                return True
    return False


def at_open(desk: Desk, pending: Pending) -> None:
    """[2] Stage after stage; within a stage symbol after symbol, and requests in the order given."""
    present = [leg for leg in range(len(desk.account.positions)) if desk.present(leg) is not None]
    pending.funding.extend(row for row in desk.world.funding if row.bar == desk.bar)
    for leg in range(len(desk.account.positions)):
        tiers_of_the_date(desk, leg)
    for settlement in sorted(pending.funding, key=lambda row: row.leg // desk.world.legs):
        if settlement.leg in present:
            pay_funding(desk, settlement.leg, settlement.rate)
    pending.funding = [row for row in pending.funding if row.leg not in present]
    for leg in present:
        liquidation_check(desk, leg)
    for command in pending.margin:
        if int(command["leg"]) in present:
            obey(desk, command)
    pending.margin = [command for command in pending.margin if int(command["leg"]) not in present]
    for leg in present:
        for order in desk.account.working(leg):
            if is_past(desk, order):
                desk.cancel(order, Reason.EXPIRED)
    for leg in present:
        for order in desk.account.working(leg):
            trail_at_open(desk, order)
            # an earlier one may have ended it
            if order in desk.account.working(leg) and due_at_open(desk, order):
                act(desk, order)
    for request in pending.orders:
        if request.leg in present:
            submit(desk, request)
    pending.orders = [request for request in pending.orders if request.leg not in present]
    for leg in present:
        liquidation_check(desk, leg)


def submit(desk: Desk, request: Request) -> None:
    """[2.6] One new order, or the refusal of one whose size had no meaning, or of any while the venue waits [4.10]."""
    if isinstance(request.order, Reason):
        desk.refuse(request.leg, request.order, number=request.number, tag=request.tag)
    elif frozen(desk, desk.position(request.leg)):
        if asks_for_anything(desk, request.order):
            desk.reject(request.order, Reason.POSITION_FROZEN)
    else:
        take_in(desk, request.order)
        replace_bracket(desk, request.order)


def asks_for_anything(desk: Desk, order: Order) -> bool:
    """[1.2] A target that is reached already is no order, but a bracket that it brings is."""
    bracketed = order.stop is not None or order.take_profit is not None
    return not order.is_target or order.quantity > ZERO or (bracketed and desk.position(order.leg).open)


def tiers_of_the_date(desk: Desk, leg: int) -> None:
    """[2.1] In a hole too. A change under an open position is booked, because it moves the liquidation price."""
    contract, position = desk.contract(leg), desk.position(leg)
    table = contract.tiers_at(desk.world.time_ns(desk.bar))
    changed = table != position.table
    position.table, position.tiers = table, contract.tables[table][1]
    if changed and position.open:
        desk.book(leg, LedgerKind.TIERS, {})


def pay_funding(desk: Desk, leg: int, rate: Decimal) -> None:
    """[2.2] payment = s x notional at the mark open x rate, out of the pockets of the venue's rule."""
    position, pocket = desk.position(leg), desk.world.rules.funding_pocket
    if not position.open:
        return
    mark = desk.mark(leg)
    payment = position.side * position.value(mark) * rate
    from_wallet = ZERO if pocket == Pocket.MARGIN else min(payment, max(ZERO, desk.account.free))
    from_margin = payment - from_wallet
    if pocket == Pocket.CAPPED:
        above = position.balance(mark) - position.requirement(mark) * (ONE + BILLIONTH)
        from_margin = min(from_margin, max(ZERO, above))
    desk.account.wallet -= from_wallet
    position.margin -= from_margin
    amounts = {"wallet": -from_wallet, "margin": -from_margin, "funding": from_wallet + from_margin}
    desk.book(leg, LedgerKind.FUNDING, amounts)


def liquidation_check(desk: Desk, leg: int) -> None:
    """[2.3, 2.7] Looked at until nothing is due."""
    position = desk.position(leg)
    while position.open and is_due(desk, position, desk.mark(leg)):
        if not replenished(desk, position):
            liquidate(desk, position)


def on_path(desk: Desk) -> None:
    """[3] Meet one threshold after the other, each time with the thresholds worked out anew."""
    desk.point = START
    desk.low_first = {
        leg: low_first(desk, leg) for leg in range(len(desk.account.positions)) if desk.present(leg) is not None
    }
    while (event := next_event(desk)) is not None:
        desk.point = Point(event.point.segment, event.point.fraction)
        event.act()


def low_first(desk: Desk, leg: int) -> bool:
    """[3.1] The extreme that is worse for the position; when flat, for the side of the oldest working order."""
    position, working = desk.position(leg), desk.account.working(leg)
    side = position.side or (int(working[0].side) if working else 1)
    adverse_is_low = side > 0
    return adverse_is_low if desk.world.path == Path.ADVERSE_FIRST else not adverse_is_low


def receive(desk: Desk, command: np.void, pending: Pending) -> None:
    """[1.2] A request of this close: sized at once, pending until the next open."""
    if int(command["kind"]) != CommandKind.ORDER:
        pending.margin.append(command)
        return
    order, number = order_of(desk, command), desk.account.next_number()
    if isinstance(order, Order):
        order.number = number
    pending.orders.append(Request(leg=int(command["leg"]), number=number, tag=int(command["tag"]), order=order))
