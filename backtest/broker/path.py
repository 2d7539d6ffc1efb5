"""The path of a bar: open → first extreme → second extreme → close, walked by last and mark in step.

A point on it is a leg of the path (`segment` 1 to 3) and the `fraction` of that leg; a threshold is met where the
straight line from the leg's start to its end meets it. Section 3 of `docs/order-of-events.md`.
"""

from __future__ import annotations

import math

from backtest.broker.book import fires_below, level_of, reads_mark
from backtest.broker.codes import (
    BUY,
    CLOSE,
    HIGH,
    LOW,
    MARK_CLOSE,
    MARK_HIGH,
    MARK_LOW,
    MARK_OPEN,
    ON_DISTANCE,
    ON_RATIO,
    OPEN,
    TRAILING_STOP,
)
from backtest.broker.trailing import beats
from backtest.broker.watch import is_frozen
from backtest.compiling import kernel

MEETS_LIQUIDATION, MEETS_ORDER, MEETS_TOP_UP, MEETS_ALERT, MEETS_NOTHING = range(5)
"""What a path meets, in the order that breaks a tie."""

SAME = 1e-12
"""Fractions of a leg nearer than this are one point: 0.6 is met where 0.6000000000000001 is."""


@kernel
def present(prices, symbol, bar):
    """Whether the symbol has both a last and a mark bar."""
    return not (math.isnan(prices[bar, symbol, OPEN]) or math.isnan(prices[bar, symbol, MARK_OPEN]))


@kernel
def last_present(prices, symbol, bar):
    """The latest bar at or before `bar` that is there for the symbol, -1 where there is none."""
    while bar >= 0 and not present(prices, symbol, bar):
        bar -= 1
    return bar


@kernel
def corner(low_first, number, opening, high, low, closing):
    """Price of corner 0 (the open) to 3 (the close) of a path."""
    if number == 0:
        return opening
    if number == 3:
        return closing
    return low if (number == 1) == (low_first == 1) else high


@kernel
def corners(prices, symbol, bar, low_first, segment):
    """Start and end of a leg of the path: (last start, last end, mark start, mark end)."""
    column = prices[bar, symbol]
    return (
        corner(low_first, segment - 1, column[OPEN], column[HIGH], column[LOW], column[CLOSE]),
        corner(low_first, segment, column[OPEN], column[HIGH], column[LOW], column[CLOSE]),
        corner(low_first, segment - 1, column[MARK_OPEN], column[MARK_HIGH], column[MARK_LOW], column[MARK_CLOSE]),
        corner(low_first, segment, column[MARK_OPEN], column[MARK_HIGH], column[MARK_LOW], column[MARK_CLOSE]),
    )


@kernel
def between(start, end, fraction):
    """Price at a fraction of the way."""
    if fraction == 0.0:
        return start
    if fraction == 1.0:
        return end
    return start + (end - start) * fraction


@kernel
def beyond(price, level, below, strict):
    """Whether `price` has reached `level` (gone past it, where the rule is strict) downwards or upwards."""
    if below:
        return price < level if strict else price <= level
    return price > level if strict else price >= level


@kernel
def meeting(start, end, current, fraction, level, below, strict):
    """Fraction of the leg at which `level` is met at or after `fraction`, where the price is `current`; infinite if
    it is not.
    """
    if beyond(current, level, below, strict):
        return fraction
    if not beyond(end, level, below, strict):
        return math.inf
    return min(1.0, max(fraction, (level - start) / (end - start)))


@kernel
def choose(settings, position, orders, book, leg):
    """Which extreme the leg's path visits first in this bar: 1 for the low."""
    if position["quantity"] != 0.0:
        low_first = position["quantity"] > 0.0
    elif position["orders"] > 0:
        low_first = orders[book[leg, 0]]["side"] == BUY
    else:
        low_first = True
    if settings["path"] == 1:
        low_first = not low_first
    return 1 if low_first else 0


@kernel
def first_meeting(account, positions, terms, orders, book, top_ups, alerts, prices, leg):
    """What the leg's path meets first from the point reached: (segment, fraction, what, slot or row)."""
    position = positions[leg]
    bar = account["bar"]
    found = math.inf
    what = MEETS_NOTHING
    slot = 0
    segment = account["segment"]
    quantity = position["quantity"]
    long = quantity > 0.0
    while segment <= 3:
        last_start, last_end, mark_start, mark_end = corners(
            prices, position["symbol"], bar, position["low_first"], segment
        )
        fraction = 0.0
        last, mark = last_start, mark_start
        if segment == account["segment"]:
            fraction = account["fraction"]
            if position["point_segment"] == segment and position["point_fraction"] == fraction:
                last, mark = position["last_price"], position["mark_price"]
            else:
                last, mark = between(last_start, last_end, fraction), between(mark_start, mark_end, fraction)
        if (
            quantity != 0.0
            and not math.isnan(position["liquidation_price"])
            and not is_frozen(account, position, terms[leg])
        ):
            strict = terms[leg]["strict"] == 1
            at = meeting(mark_start, mark_end, mark, fraction, position["liquidation_price"], long, strict)
            if at < found - SAME:
                found, what = at, MEETS_LIQUIDATION
        for k in range(position["orders"]):
            order = orders[book[leg, k]]
            if reads_mark(order):
                at = meeting(mark_start, mark_end, mark, fraction, level_of(order), fires_below(order), False)
                end = mark_end
            else:
                at = meeting(last_start, last_end, last, fraction, level_of(order), fires_below(order), False)
                end = last_end
            if order["kind"] == TRAILING_STOP and beats(order, end):
                at = min(at, 1.0)
            if at < found - SAME:
                found, what, slot = at, MEETS_ORDER, k
        if quantity != 0.0:
            top_up = top_ups[leg]
            if top_up["active"] == 1 and top_up["ready_bar"] <= bar and not math.isnan(top_up["price"]):
                at = meeting(mark_start, mark_end, mark, fraction, top_up["price"], long, False)
                if at < found - SAME:
                    found, what = at, MEETS_TOP_UP
            for row in range(alerts.shape[0] if account["cross"] == 0 else 0):
                alert = alerts[row]
                if alert["leg"] != leg or (alert["threshold"] != ON_RATIO and alert["threshold"] != ON_DISTANCE):
                    continue
                if alert["armed"] == 1:
                    at = meeting(mark_start, mark_end, mark, fraction, alert["price"], long, False)
                else:
                    at = meeting(mark_start, mark_end, mark, fraction, alert["rearm_price"], not long, False)
                if at < found - SAME:
                    found, what, slot = at, MEETS_ALERT, row
        if what != MEETS_NOTHING:
            return segment, found, what, slot
        segment += 1
    return 4, math.inf, MEETS_NOTHING, 0


@kernel
def reach(account, position, prices, segment, fraction):
    """Take the leg to a point of its path: its last and mark price become those of the point."""
    last_start, last_end, mark_start, mark_end = corners(
        prices, position["symbol"], account["bar"], position["low_first"], segment
    )
    if position["point_segment"] == segment and position["point_fraction"] == fraction:
        return
    position["last_price"] = between(last_start, last_end, fraction)
    position["mark_price"] = between(mark_start, mark_end, fraction)
    position["point_segment"] = segment
    position["point_fraction"] = fraction


@kernel
def visit(account, settings, position, orders, book, prices, leg):
    """Take a leg, asleep or awake, to the point that the account has reached; in a hole its prices stay."""
    if position["awake"] == 0:
        position["there"] = 1 if present(prices, position["symbol"], account["bar"]) else 0
        position["low_first"] = choose(settings, position, orders, book, leg)
        position["point_segment"] = -1
    if position["there"] == 0:
        return
    if account["segment"] > 0:
        reach(account, position, prices, account["segment"], account["fraction"])
    elif position["awake"] == 0:
        position["last_price"] = prices[account["bar"], position["symbol"], OPEN]
        position["mark_price"] = prices[account["bar"], position["symbol"], MARK_OPEN]
        position["point_segment"] = 0
        position["point_fraction"] = 0.0
