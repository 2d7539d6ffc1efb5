"""The thresholds of a position: at which prices anything of it happens next.

Between events nothing of a position changes, so everything that can happen to it is a price on the last or the mark
path: its liquidation price, the levels of its working orders, its top-up policy's trigger, its alerts. The nearest of
them on each side say which bars can be skipped.
"""

from __future__ import annotations

import math

from backtest.broker.book import fires_below, level_of, reads_mark
from backtest.broker.codes import NEVER, ON_DISTANCE, ON_RATIO, TRAILING_STOP
from backtest.broker.liquidation import EDGE, distance_price, ratio_price
from backtest.compiling import kernel

REARM = 0.1
"""A threshold that was given comes into force again when its quantity is this share better than the level."""


@kernel
def is_frozen(account, position, term):
    """Whether the venue, having closed a part, leaves the position alone until it looks again."""
    return term["freezes"] == 1 and account["bar"] < position["cooldown_until"]


@kernel
def threshold_price(position, term, tiers, threshold, level):
    """Mark price at which the margin ratio rises, or the distance falls, to `level`; NaN where it never does."""
    if threshold == ON_RATIO:
        return ratio_price(
            position["quantity"],
            position["entry_price"],
            position["margin"],
            position["leverage"],
            position["judged_mark"],
            term,
            tiers,
            level,
        )
    return distance_price(position["quantity"], position["liquidation_price"], level)


@kernel
def refresh(account, positions, terms, tiers, orders, book, top_ups, alerts, leg):
    """Work out the prices of the leg's top-up and alerts, and its nearest thresholds on both paths."""
    position = positions[leg]
    term = terms[leg]
    position["stale"] = 0
    position["awake"] = 1
    position["clear_until"] = account["bar"] + 1
    position["expires_bar"] = NEVER
    last_below, last_above = -math.inf, math.inf
    mark_below, mark_above = -math.inf, math.inf
    for slot in range(position["orders"]):
        order = orders[book[leg, slot]]
        level, below = level_of(order), fires_below(order)
        if reads_mark(order):
            mark_below, mark_above = _widen(mark_below, mark_above, level, below)
            if order["kind"] == TRAILING_STOP:
                mark_below, mark_above = _widen(mark_below, mark_above, order["best"], not below)
        else:
            last_below, last_above = _widen(last_below, last_above, level, below)
            if order["kind"] == TRAILING_STOP:
                last_below, last_above = _widen(last_below, last_above, order["best"], not below)
        position["expires_bar"] = min(position["expires_bar"], order["expires_bar"])
    top_up = top_ups[leg]
    top_up["price"] = math.nan
    quantity = position["quantity"]
    if quantity != 0.0:
        long = quantity > 0.0
        if not is_frozen(account, position, term):
            mark_below, mark_above = _widen(mark_below, mark_above, position["liquidation_price"], long)
        if top_up["active"] == 1:
            top_up["price"] = threshold_price(position, term, tiers, top_up["threshold"], top_up["level"])
            if top_up["ready_bar"] <= account["bar"] + 1:
                mark_below, mark_above = _widen(mark_below, mark_above, top_up["price"], long)
    for row in range(alerts.shape[0] if account["cross"] == 0 else 0):
        alert = alerts[row]
        if alert["leg"] != leg or (alert["threshold"] != ON_RATIO and alert["threshold"] != ON_DISTANCE):
            continue
        if quantity == 0.0:
            continue
        if alert["trade"] != position["trade"]:
            alert["trade"] = position["trade"]
            alert["armed"] = 1
        better = 1.0 - REARM if alert["threshold"] == ON_RATIO else 1.0 + REARM
        alert["price"] = threshold_price(position, term, tiers, alert["threshold"], alert["level"])
        if alert["armed"] == 1:
            mark_below, mark_above = _widen(mark_below, mark_above, alert["price"], long)
        else:
            rearm = threshold_price(position, term, tiers, alert["threshold"], alert["level"] * better)
            # where one jump of the requirement meets both levels, back means back to the edge
            back = EDGE / 2.0 if term["whole_tiers"] == 1 else 0.0
            alert["rearm_price"] = rearm * (1.0 + back if long else 1.0 - back)
            mark_below, mark_above = _widen(mark_below, mark_above, alert["rearm_price"], not long)
    position["last_below"] = last_below
    position["last_above"] = last_above
    position["mark_below"] = mark_below
    position["mark_above"] = mark_above


@kernel
def _widen(below, above, price, downward):
    """The thresholds with `price` (NaN: none) among them, on the side below or above."""
    if math.isnan(price):
        return below, above
    if downward:
        return max(below, price), above
    return below, min(above, price)
