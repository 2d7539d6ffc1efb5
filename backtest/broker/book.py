"""The working orders of each position: `book[leg, k]` is the row in `orders` of its k-th, in the order of their
numbers.
"""

from __future__ import annotations

import math

from backtest.broker.codes import (
    BUY,
    BY_ORDER,
    BY_STOP,
    BY_TAKE_PROFIT,
    BY_TRAILING_STOP,
    CANCELLED,
    EXPIRED,
    LIMIT,
    MARKET,
    NEVER,
    NOTE_CANCELLATION,
    NOTE_REJECTION,
    ON_LAST,
    PENDING,
    REJECTED,
    REPLACED,
    SELL,
    STOP,
    STOP_LIMIT,
    TAKE_PROFIT,
    TAKE_PROFIT_LIMIT,
    TOO_MANY_ORDERS,
    TRAILING_STOP,
    WORKING,
)
from backtest.broker.ledger import note
from backtest.broker.rounding import round_nearest
from backtest.broker.trailing import take_best, waits
from backtest.compiling import kernel


@kernel
def fires_below(order):
    """Whether the order acts when its price falls to its level (a buy limit, a sell stop), not when it rises to it."""
    kind = order["kind"]
    with_the_fall = kind == LIMIT or kind == TAKE_PROFIT or kind == TAKE_PROFIT_LIMIT or waits(order)
    return (order["side"] == BUY) == with_the_fall


@kernel
def level_of(order):
    """The price at which a working order acts: the limit price of a limit order, else the trigger."""
    return order["price"] if order["kind"] == LIMIT else order["trigger"]


@kernel
def reads_mark(order):
    """Whether the order's level is read on the mark path; limit prices are always read on the last path."""
    return order["kind"] != LIMIT and order["trigger_on"] != ON_LAST


@kernel
def enter(position, book, orders, leg, index):
    """Start working: place order `index` behind those with smaller numbers."""
    slot = position["orders"]
    while slot > 0 and orders[book[leg, slot - 1]]["number"] > orders[index]["number"]:
        book[leg, slot] = book[leg, slot - 1]
        slot -= 1
    book[leg, slot] = index
    position["orders"] += 1
    position["stale"] = 1
    orders[index]["status"] = WORKING


@kernel
def leave(account, position, book, orders, leg, index):
    """Stop working, if the order was, and free what it reserved."""
    order = orders[index]
    account["reserved"] -= order["reserved"]
    order["reserved"] = 0.0
    if order["status"] != WORKING:
        return
    slot = 0
    while book[leg, slot] != index:
        slot += 1
    position["orders"] -= 1
    position["stale"] = 1
    if position["orders"] == 0:
        position["expires_bar"] = NEVER
    order["status"] = PENDING
    for k in range(slot, position["orders"]):
        book[leg, k] = book[leg, k + 1]


@kernel
def refuse(account, settings, position, book, orders, notices, leg, index, reason):
    """The venue refuses order `index`, new or working."""
    leave(account, position, book, orders, leg, index)
    order = orders[index]
    order["status"] = REJECTED
    order["reason"] = reason
    order["done_bar"] = account["bar"]
    note(account, settings, position, notices, leg, NOTE_REJECTION, reason, order["number"], 0, order["tag"], 0.0, 0.0)


@kernel
def cancel(account, settings, position, book, orders, notices, leg, index, reason):
    """End working order `index` without a fill."""
    leave(account, position, book, orders, leg, index)
    order = orders[index]
    order["status"] = CANCELLED
    order["reason"] = reason
    order["done_bar"] = account["bar"]
    note(
        account, settings, position, notices, leg, NOTE_CANCELLATION, reason, order["number"], 0, order["tag"], 0.0, 0.0
    )


@kernel
def cancel_orders(account, settings, position, book, orders, notices, leg, reason, reduce_only, bracket):
    """Cancel the working orders of a leg, oldest first: all, only the reduce-only ones, or only those of brackets."""
    slot = 0
    while slot < position["orders"]:
        index = book[leg, slot]
        order = orders[index]
        if (not reduce_only or order["reduce_only"] == 1) and (not bracket or order["bracket"] == 1):
            cancel(account, settings, position, book, orders, notices, leg, index, reason)
        else:
            slot += 1


@kernel
def expire(account, settings, position, book, orders, notices, leg):
    """Cancel the leg's orders whose time has come, oldest first."""
    position["expires_bar"] = NEVER
    slot = 0
    while slot < position["orders"]:
        index = book[leg, slot]
        if orders[index]["expires_bar"] <= account["bar"]:
            cancel(account, settings, position, book, orders, notices, leg, index, EXPIRED)
        else:
            position["expires_bar"] = min(position["expires_bar"], orders[index]["expires_bar"])
            slot += 1


@kernel
def working(position, book, orders, leg, number):
    """Row in `orders` of the leg's working order of that number, -1 where there is none."""
    for slot in range(position["orders"]):
        if orders[book[leg, slot]]["number"] == number:
            return book[leg, slot]
    return -1


@kernel
def reason_of(kind):
    """Why an order of that kind fills, when it does."""
    if kind == STOP or kind == STOP_LIMIT:
        return BY_STOP
    if kind == TAKE_PROFIT or kind == TAKE_PROFIT_LIMIT:
        return BY_TAKE_PROFIT
    if kind == TRAILING_STOP:
        return BY_TRAILING_STOP
    return BY_ORDER


@kernel
def new_order(account, orders, leg, number, side, kind, quantity, price, trigger, tag):
    """Append an order of that number and return its row."""
    index = account["order_rows"]
    account["order_rows"] += 1
    order = orders[index]
    order["number"] = number
    order["leg"] = leg
    order["side"] = side
    order["kind"] = kind
    order["status"] = 0
    order["trigger_on"] = ON_LAST
    order["reduce_only"] = 0
    order["post_only"] = 0
    order["bracket"] = 0
    order["group"] = 0
    order["parent"] = 0
    order["reason"] = reason_of(kind)
    order["tag"] = tag
    order["bar"] = account["bar"]
    order["done_bar"] = -1
    order["time_in_force"] = 0
    order["expires_bar"] = NEVER
    order["moved_bar"] = -1
    order["quantity"] = quantity
    order["price"] = price
    order["trigger"] = trigger
    order["leverage"] = math.nan
    order["stop"] = math.nan
    order["take_profit"] = math.nan
    order["trailing_stop"] = math.nan
    order["callback_rate"] = math.nan
    order["callback_distance"] = math.nan
    order["best"] = math.nan
    order["reserved"] = 0.0
    order["filled"] = 0.0
    order["filled_price"] = math.nan
    return index


@kernel
def _child(
    account, settings, position, term, book, orders, notices, leg, parent, kind, quantity, level, trigger_on, group,
    tag,
):  # fmt: skip
    account["orders"] += 1
    side = SELL if position["quantity"] > 0.0 else BUY
    trigger = math.nan if kind == TRAILING_STOP else round_nearest(level, term["tick"])
    index = new_order(account, orders, leg, account["orders"], side, kind, quantity, math.nan, trigger, tag)
    order = orders[index]
    order["trigger_on"] = trigger_on
    order["reduce_only"] = 1
    order["bracket"] = 1
    order["parent"] = parent
    order["group"] = group
    if kind == TRAILING_STOP:
        order["callback_rate"] = level
        watched = position["mark_price"] if reads_mark(order) else position["last_price"]
        take_best(order, watched, term["tick"], account["bar"] if account["segment"] > 0 else -1)
    if position["orders"] >= term["order_limit"]:
        refuse(account, settings, position, book, orders, notices, leg, index, TOO_MANY_ORDERS)
    else:
        enter(position, book, orders, leg, index)


@kernel
def has_bracket(levels):
    """Whether an order or a command gives any level of a bracket."""
    return not (
        math.isnan(levels["stop"]) and math.isnan(levels["take_profit"]) and math.isnan(levels["trailing_stop"])
    )


@kernel
def attach_bracket(account, settings, position, term, book, orders, notices, leg, parent, quantity, levels):
    """Put the bracket of `levels` (an order or a command: stop, take_profit, trailing_stop; NaN: none) of `quantity`
    under the position; of its orders one cancels the others.
    """
    group = account["orders"] + 1
    trigger_on, tag = levels["trigger_on"], levels["tag"]
    if not math.isnan(levels["stop"]):
        _child(
            account, settings, position, term, book, orders, notices, leg, parent, STOP, quantity, levels["stop"],
            trigger_on, group, tag,
        )  # fmt: skip
    if not math.isnan(levels["take_profit"]):
        _child(
            account, settings, position, term, book, orders, notices, leg, parent, TAKE_PROFIT, quantity,
            levels["take_profit"], trigger_on, group, tag,
        )  # fmt: skip
    if not math.isnan(levels["trailing_stop"]):
        _child(
            account, settings, position, term, book, orders, notices, leg, parent, TRAILING_STOP, quantity,
            levels["trailing_stop"], trigger_on, group, tag,
        )  # fmt: skip


@kernel
def replace_bracket(account, settings, position, term, book, orders, notices, leg, command):
    """Cancel the brackets that stand under the position and put the command's, of its whole quantity, in their
    place.
    """
    cancel_orders(account, settings, position, book, orders, notices, leg, REPLACED, False, True)
    attach_bracket(
        account, settings, position, term, book, orders, notices, leg, command["number"], abs(position["quantity"]),
        command,
    )  # fmt: skip


@kernel
def pays_market(order):
    """Whether the order fills at whatever the market gives (and so slips): market orders and triggered ones."""
    kind = order["kind"]
    return kind == MARKET or kind == STOP or kind == TAKE_PROFIT or kind == TRAILING_STOP
