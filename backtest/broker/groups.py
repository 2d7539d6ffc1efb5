"""One cancels the others: orders of a bracket, and orders that a strategy ties together, whatever their symbols.

The orders of a group carry the number of its first order in `group`; that order itself need not. The first of them that
fills cancels the others. Rule 4.11 of `docs/order-of-events.md`.
"""

from __future__ import annotations

from backtest.broker.book import cancel
from backtest.broker.codes import CLOSE, FILLED, MARK_CLOSE, NO_ORDER, SIBLING_FILLED
from backtest.broker.path import last_present, visit
from backtest.compiling import kernel


@kernel
def belongs(order, group):
    """Whether the order is of the group of that number."""
    return order["group"] == group or order["number"] == group


@kernel
def is_settled(orders, rows, number, group, asked):
    """Whether an order of the group was filled before order `number`, asked for at the close of bar `asked`, came to
    the venue; `rows` orders came before it.
    """
    first = group if group != NO_ORDER else number
    row = rows - 1
    while row >= 0:
        other = orders[row]
        if other["status"] == FILLED and belongs(other, first):
            return True
        if other["number"] == group or (group == NO_ORDER and other["bar"] <= asked):
            return False
        row -= 1
    return False


@kernel
def cancel_others(account, settings, positions, book, orders, notices, prices, leg, index):
    """Order `index` of `leg` is filled: cancel the others of its group."""
    order = orders[index]
    if order["group"] == NO_ORDER and account["groups"] == 0:
        return
    group = order["group"] if order["group"] != NO_ORDER else order["number"]
    for other in range(positions.shape[0]):
        if account["groups"] == 0 and other != leg:
            continue
        position = positions[other]
        slot = 0
        while slot < position["orders"]:
            candidate = book[other, slot]
            if belongs(orders[candidate], group):
                if other != leg:
                    _bring_here(account, settings, position, book, orders, prices, other)
                cancel(account, settings, position, book, orders, notices, other, candidate, SIBLING_FILLED)
            else:
                slot += 1


@kernel
def _bring_here(account, settings, position, book, orders, prices, leg):
    """Take another leg to this point of time, whether it slept or not; in a hole to its last known close, which there
    is, for an order of it works.
    """
    visit(account, settings, position, orders, book, prices, leg)
    position["awake"] = 1
    if position["there"] == 0:
        known = last_present(prices, position["symbol"], account["bar"])
        position["last_price"] = prices[known, position["symbol"], CLOSE]
        position["mark_price"] = prices[known, position["symbol"], MARK_CLOSE]
