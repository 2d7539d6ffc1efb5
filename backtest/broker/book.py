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
    CANCELLED,
    LIMIT,
    MARKET,
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
    WORKING,
)
from backtest.broker.ledger import note
from backtest.broker.rounding import round_nearest
from backtest.compiling import kernel


@kernel
def fires_below(order):
    """Whether the order acts when its price falls to its level (a buy limit, a sell stop), not when it rises to it."""
    kind = order["kind"]
    with_the_fall = kind == LIMIT or kind == TAKE_PROFIT or kind == TAKE_PROFIT_LIMIT
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
    order["sibling"] = 0
    order["parent"] = 0
    order["reason"] = reason_of(kind)
    order["tag"] = tag
    order["bar"] = account["bar"]
    order["done_bar"] = -1
    order["quantity"] = quantity
    order["price"] = price
    order["trigger"] = trigger
    order["leverage"] = math.nan
    order["stop"] = math.nan
    order["take_profit"] = math.nan
    order["reserved"] = 0.0
    order["filled"] = 0.0
    order["filled_price"] = math.nan
    return index


@kernel
def _child(
    account, settings, position, term, book, orders, notices, leg, parent, kind, quantity, trigger, trigger_on, sibling,
    tag,
):  # fmt: skip
    account["orders"] += 1
    side = SELL if position["quantity"] > 0.0 else BUY
    level = round_nearest(trigger, term["tick"])
    index = new_order(account, orders, leg, account["orders"], side, kind, quantity, math.nan, level, tag)
    order = orders[index]
    order["trigger_on"] = trigger_on
    order["reduce_only"] = 1
    order["bracket"] = 1
    order["parent"] = parent
    order["sibling"] = sibling
    if position["orders"] >= term["order_limit"]:
        refuse(account, settings, position, book, orders, notices, leg, index, TOO_MANY_ORDERS)
    else:
        enter(position, book, orders, leg, index)


@kernel
def attach_bracket(
    account, settings, position, term, book, orders, notices, leg, parent, quantity, stop, take_profit, trigger_on, tag
):  # fmt: skip
    """Put a stop and/or a take-profit (NaN: none) of `quantity` under the position; each is the other's sibling."""
    both = not math.isnan(stop) and not math.isnan(take_profit)
    first = account["orders"] + 1
    if not math.isnan(stop):
        _child(
            account, settings, position, term, book, orders, notices, leg, parent, STOP, quantity, stop, trigger_on,
            first + 1 if both else 0, tag,
        )  # fmt: skip
    if not math.isnan(take_profit):
        _child(
            account, settings, position, term, book, orders, notices, leg, parent, TAKE_PROFIT, quantity, take_profit,
            trigger_on, first if both else 0, tag,
        )  # fmt: skip


@kernel
def replace_bracket(
    account, settings, position, term, book, orders, notices, leg, parent, stop, take_profit, trigger_on, tag
):  # fmt: skip
    """Cancel the brackets that stand under the position and put a new one of its whole quantity in their place."""
    cancel_orders(account, settings, position, book, orders, notices, leg, REPLACED, False, True)
    attach_bracket(
        account, settings, position, term, book, orders, notices, leg, parent, abs(position["quantity"]), stop,
        take_profit, trigger_on, tag,
    )  # fmt: skip


@kernel
def pays_market(order):
    """Whether the order fills at whatever the market gives (and so slips): market orders and triggered ones."""
    return order["kind"] == MARKET or order["kind"] == STOP or order["kind"] == TAKE_PROFIT
