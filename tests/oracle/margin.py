"""Margin on the move: commands at an open [6], top-ups and margin calls on the path [3.5, 3.8, 6.4]."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

import numpy as np

from backtest.enums import CommandKind, LedgerKind, LeverageChange, NoticeKind, Reason, Removable, ThresholdKind
from tests.oracle.admission import leverage_cap
from tests.oracle.desk import Desk
from tests.oracle.money import CRUMB, ONE, TENTH, ZERO, exact
from tests.oracle.requirement import locked_reserve
from tests.oracle.state import Position, TopUp


def obey(desk: Desk, command: np.void) -> None:
    """[2.4] Carry out one margin command or cancel."""
    kind, leg = CommandKind(int(command["kind"])), int(command["leg"])
    tag = int(command["tag"])
    reason = Reason.NONE
    if kind == CommandKind.ADD_MARGIN:
        reason = add_margin(desk, leg, _number(command["amount"]), tag)
    elif kind == CommandKind.REMOVE_MARGIN:
        reason = remove_margin(desk, leg, _number(command["amount"]), tag)
    elif kind == CommandKind.SET_LEVERAGE:
        reason = set_leverage(desk, leg, _number(command["leverage"]), tag)
    elif kind == CommandKind.SET_TOP_UP:
        set_top_up(desk, leg, command)
    elif kind == CommandKind.SET_AUTO_MARGIN:
        reason = set_auto_margin(desk, leg, _number(command["amount"]) > ZERO)
    elif kind == CommandKind.CANCEL:
        reason = cancel(desk, leg, int(command["order"]))
    elif kind == CommandKind.CANCEL_ALL:
        for order in desk.account.working(leg):
            desk.cancel(order, Reason.CANCELLED_BY_STRATEGY)
    if reason:
        desk.refuse(leg, reason, number=int(command["order"]) if kind == CommandKind.CANCEL else 0, tag=tag)


def _number(value: float) -> Decimal:
    number = exact(value)
    assert number is not None
    return number


def cancel(desk: Desk, leg: int, number: int) -> Reason:
    """Cancel a working order of the symbol."""
    for order in desk.account.working(leg):
        if order.number == number:
            desk.cancel(order, Reason.CANCELLED_BY_STRATEGY)
            return Reason.NONE
    return Reason.UNKNOWN_ORDER


def add_margin(desk: Desk, leg: int, amount: Decimal, tag: int) -> Reason:
    """[6.1] Only as far as the wallet's free balance covers it, else refused whole."""
    position = desk.position(leg)
    if not position.open:
        return Reason.NO_POSITION
    if amount > desk.account.free:
        return Reason.AMOUNT_ABOVE_WALLET
    move(desk, position, amount, LedgerKind.ADD_MARGIN, tag)
    return Reason.NONE


def remove_margin(desk: Desk, leg: int, amount: Decimal, tag: int) -> Reason:
    """[6.2] Up to what the venue lets go, else refused whole."""
    position = desk.position(leg)
    if not position.open:
        return Reason.NO_POSITION
    if amount > removable(desk, position, desk.mark(leg)):
        return Reason.REMOVAL_ABOVE_LIMIT
    move(desk, position, -amount, LedgerKind.REMOVE_MARGIN, tag)
    return Reason.NONE


def removable(desk: Desk, position: Position, mark: Decimal) -> Decimal:
    """[6.2] The most that may be taken out at a mark."""
    rule, balance, value = desk.world.rules.removable, position.balance(mark), position.value(mark)
    requirement = position.requirement(mark)
    if rule == Removable.INITIAL_MARGIN:
        return min(position.margin - requirement, balance - value / position.leverage - position.reserve)
    if rule == Removable.TENTH:
        return min(balance - requirement, balance - value * max(ONE / position.leverage, TENTH))
    return ZERO


def move(desk: Desk, position: Position, amount: Decimal, kind: LedgerKind, tag: int = 0) -> None:
    """From the wallet to the margin; a negative amount goes the other way."""
    desk.account.wallet -= amount
    position.margin += amount
    desk.book(position.leg, kind, {"wallet": -amount, "margin": amount}, tag=tag)


def set_leverage(desk: Desk, leg: int, leverage: Decimal, tag: int) -> Reason:
    """[6.3] Up to the cap of the tier of the present notional; what it does to posted margin is the venue's rule."""
    rules, position = desk.world.rules, desk.position(leg)
    if leverage < ONE or (rules.whole_leverage and leverage != leverage.to_integral_value()):
        return Reason.LEVERAGE_NOT_ALLOWED
    mark = desk.mark(leg)
    if leverage > leverage_cap(desk, leg, position.size, mark):
        return Reason.LEVERAGE_ABOVE_TIER
    if not position.open:
        position.leverage = leverage
        return Reason.NONE
    if leverage < position.leverage and not rules.lower_leverage:
        return Reason.LEVERAGE_CANNOT_BE_LOWERED
    moved = moved_by_leverage(position, leverage)
    if moved > desk.account.free:
        return Reason.INSUFFICIENT_MARGIN
    changed = replace(position, leverage=leverage, margin=position.margin + moved)
    if moved < ZERO and changed.balance(mark) <= changed.requirement(mark):
        return Reason.LEVERAGE_WOULD_LIQUIDATE
    position.leverage = leverage
    move(desk, position, moved, LedgerKind.LEVERAGE, tag)
    return Reason.NONE


def moved_by_leverage(position: Position, leverage: Decimal) -> Decimal:
    """[6.3] From the wallet into the margin: nothing, the way to the new initial margin and reserve, or a shortfall."""
    value = position.value(position.entry)
    short = value / leverage + locked_reserve(position.rules, value, leverage, position.tilt) - position.margin
    rule = position.rules.leverage_change
    if rule == LeverageChange.RESETS:
        return short
    return max(ZERO, short) if rule == LeverageChange.DRAWS else ZERO


def set_auto_margin(desk: Desk, leg: int, wanted: bool) -> Reason:
    """[5.5] Asked for, or no longer, where the venue offers it."""
    if not desk.world.rules.auto_margin:
        return Reason.AUTO_MARGIN_NOT_OFFERED
    desk.position(leg).auto_margin = wanted
    return Reason.NONE


def set_top_up(desk: Desk, leg: int, command: np.void) -> None:
    """[6.4] Replace the standing policy; no threshold ends it."""
    threshold = ThresholdKind(int(command["threshold"]))
    if threshold == ThresholdKind.NONE:
        desk.account.top_ups.pop(leg, None)
        return
    desk.account.top_ups[leg] = TopUp(
        threshold=threshold,
        level=_number(command["level"]),
        amount=_number(command["amount"]),
        budget=_number(command["budget"]),
        cooldown_bars=int((_number(command["cooldown_ns"]) / desk.world.bar_ns).to_integral_value(ROUND_CEILING)),
    )


def top_up_price(position: Position, policy: TopUp) -> Decimal | None:
    """[6.4] The mark at which a policy's quantity reaches its level."""
    if policy.threshold == ThresholdKind.MARGIN_RATIO:
        return call_price(position, policy.level)
    liquidation = position.liquidation
    # [3.8] |mark - liquidation| / mark = level
    return None if liquidation is None else liquidation / (ONE - position.side * policy.level)


def top_up(desk: Desk, position: Position, policy: TopUp) -> None:
    """[6.4] Add min(amount, budget left, free wallet), or note that nothing was there; the cooldown runs either way.

    A policy whose budget is spent ends with that note.
    """
    amount = min(policy.amount, policy.budget - policy.spent, desk.account.free)
    policy.ready_bar = desk.bar + max(1, policy.cooldown_bars)  # [3.5] at most one per base bar
    crumb = CRUMB * policy.amount
    if amount > crumb:
        policy.spent += amount
        move(desk, position, amount, LedgerKind.TOP_UP)
        return
    reason = Reason.BUDGET_SPENT if policy.budget - policy.spent <= crumb else Reason.WALLET_EMPTY
    if reason == Reason.BUDGET_SPENT:
        del desk.account.top_ups[position.leg]
    desk.journal.note(desk.where(position.leg), NoticeKind.TOP_UP_FAILED, reason=reason, mark=desk.mark(position.leg))


def call_price(position: Position, level: Decimal) -> Decimal | None:
    """[3.8] The mark at which requirement / balance rises to `level`, looked for as the liquidation price is [5.1]."""
    return position.ratio_price(level, position.since)


def rearm_level(level: Decimal) -> Decimal:
    """[3.8] A ratio a tenth better than the level."""
    return level * (ONE - TENTH)


def margin_call(desk: Desk, position: Position) -> None:
    """[3.8] Given once; `value` is the ratio of this point."""
    mark = desk.mark(position.leg)
    position.call_armed = False
    balance = position.balance(mark)
    desk.journal.note(
        desk.where(position.leg),
        NoticeKind.MARGIN_CALL,
        value=position.requirement(mark) / balance if balance > ZERO else None,
        level=desk.world.margin_call,
        mark=mark,
    )
