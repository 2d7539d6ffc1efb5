"""A working order is met on the path: it acts, or, a trailing stop, follows; and whether the path decided the outcome.

Sections 3.3, 3.4 and 3.7 of `docs/order-of-events.md`.
"""

from __future__ import annotations

from backtest.broker.book import fires_below, level_of, reads_mark
from backtest.broker.codes import (
    HIGH,
    LIMIT,
    LOW,
    MAKER,
    MARK_HIGH,
    MARK_LOW,
    NO_ORDER,
    NO_REASON,
    NOTE_AMBIGUOUS,
    TRAILING_STOP,
)
from backtest.broker.ledger import note
from backtest.broker.matching import act
from backtest.broker.trailing import beats, take_best, waits
from backtest.compiling import kernel


@kernel
def meet_order(account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, leg, slot):
    position = positions[leg]
    index = book[leg, slot]
    order = orders[index]
    if order["kind"] == TRAILING_STOP and beats(
        order, position["mark_price"] if reads_mark(order) else position["last_price"]
    ):
        _follow(account, position, terms[leg], order)
        return
    if not reads_mark(order) and not _strictly_passed(order, position["last_price"]):
        position["last_price"] = level_of(order)
    elif reads_mark(order) and not _strictly_passed(order, position["mark_price"]):
        position["mark_price"] = level_of(order)
    if waits(order):
        _follow(account, position, terms[leg], order)
        return
    held = position["quantity"]
    entered = position["entered_bar"] == account["bar"]
    closes = held * order["side"] < 0.0 and order["kind"] != LIMIT
    if closes and (
        order["moved_bar"] == account["bar"]
        or decided_by_order(positions, orders, book, prices, account["bar"], leg, slot)
    ):
        note_ambiguous(account, settings, position, notices, leg)
    act(
        account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, leg, index,
        position["last_price"], MAKER,
    )  # fmt: skip
    if entered and held != 0.0 and held * position["quantity"] <= 0.0:
        note_ambiguous(account, settings, position, notices, leg)


@kernel
def _follow(account, position, term, order):
    """Let a trailing stop take the price of this point as its best."""
    position["stale"] = 1
    watched = position["mark_price"] if reads_mark(order) else position["last_price"]
    take_best(order, watched, term["tick"], account["bar"])


@kernel
def _strictly_passed(order, price):
    """Whether `price` lies past the order's level, and not only at it (but for the rounding of the crossing)."""
    level = level_of(order)
    slack = 1e-12 * level
    return price < level - slack if fires_below(order) else price > level + slack


@kernel
def decided_by_order(positions, orders, book, prices, bar, leg, acting):
    """Whether the trigger that is about to act and another one that would close the position lie within the bar's
    range.

    `acting` is the slot of the order that is about to act, -1 for the liquidation.
    """
    position = positions[leg]
    symbol = position["symbol"]
    liquidation = position["liquidation_price"]
    triggers = 1 if prices[bar, symbol, MARK_LOW] <= liquidation <= prices[bar, symbol, MARK_HIGH] else 0
    acts = acting < 0 and triggers == 1
    for slot in range(position["orders"]):
        order = orders[book[leg, slot]]
        if order["kind"] == LIMIT or waits(order) or order["side"] * position["quantity"] >= 0.0:
            continue
        low, high = (MARK_LOW, MARK_HIGH) if reads_mark(order) else (LOW, HIGH)
        if prices[bar, symbol, low] <= level_of(order) <= prices[bar, symbol, high]:
            triggers += 1
            acts = acts or slot == acting
    return acts and triggers > 1


@kernel
def note_ambiguous(account, settings, position, notices, leg):
    """Note, once a bar, that the order of two triggers decided the outcome."""
    if position["ambiguous_bar"] == account["bar"]:
        return
    position["ambiguous_bar"] = account["bar"]
    note(account, settings, position, notices, leg, NOTE_AMBIGUOUS, NO_REASON, NO_ORDER, 0, 0, 0.0, 0.0)
