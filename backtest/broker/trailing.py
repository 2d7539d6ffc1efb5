"""Trailing stops: a trigger that follows the best price at a distance, and never goes back.

From the point at which the order is active, `best` is the highest price (of a sell; of a buy the lowest) that the path
has reached, and the trigger lies a callback rate or distance behind it, rounded to the tick away from it (against the
trader). A path segment that ends beyond the best cannot meet the trigger on its way, so a new best is taken at its end:
that end is a threshold like any other, and between two of them bars can be skipped. An activation price is a threshold
too; where it is met the best begins (Binance TRAILING_STOP_MARKET: activationPrice, callbackRate). Rule 4.13 of
`docs/order-of-events.md`.
"""

from __future__ import annotations

import math

from backtest.broker.codes import TRAILING_STOP
from backtest.broker.rounding import round_down, round_up
from backtest.compiling import kernel


@kernel
def trailing_level(side, best, rate, distance, tick):
    """Trigger (a price) behind `best`: by `distance` (price), or by `rate` (fraction of the best) where that is NaN.

    >>> trailing_level(-1, 110.0, 0.02, math.nan, 0.01), trailing_level(1, 90.0, math.nan, 1.5, 0.01)
    (107.8, 91.5)
    """
    away = best * rate if math.isnan(distance) else distance
    if side > 0:
        return round_up(best + away, tick)
    return round_down(max(0.0, best - away), tick)


@kernel
def waits(order):
    """Whether the order is a trailing stop whose activation price has not been met."""
    return order["kind"] == TRAILING_STOP and math.isnan(order["best"])


@kernel
def beats(order, price):
    """Whether `price` is better than the best of an active trailing stop: lower for a buy, higher for a sell."""
    return price < order["best"] if order["side"] > 0 else price > order["best"]


@kernel
def leads(order, price):
    """Whether `price` activates a trailing stop that waits, or is a new best of an active one."""
    if waits(order):
        return price <= order["trigger"] if order["side"] > 0 else price >= order["trigger"]
    return beats(order, price)


@kernel
def take_best(order, price, tick, bar):
    """Let the trailing stop follow `price`, the best that it has seen; `bar` is -1 at an open."""
    order["best"] = price
    order["moved_bar"] = bar
    order["trigger"] = trailing_level(order["side"], price, order["callback_rate"], order["callback_distance"], tick)
