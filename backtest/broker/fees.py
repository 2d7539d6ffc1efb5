"""What trading costs beside the price: fees on the notional, and slippage on orders that take liquidity."""

from __future__ import annotations

import math

from backtest.broker.rounding import round_down, round_up
from backtest.broker.valuation import notional
from backtest.compiling import kernel


@kernel
def fee(rate, quantity, price, inverse):
    """Fee (settlement currency) on the notional; `rate` is a plain fraction, negative for a rebate."""
    return rate * notional(quantity, price, inverse)


@kernel
def slipped(side, price, quantity, volume, basis, share, tick):
    """Price that a market order of `side` (±1) pays: `price` worsened by `basis + share × quantity / volume`.

    `basis` and `share` are plain fractions, `volume` the bar's base volume (NaN or 0: unknown, no volume term). Rounded
    to the tick against the trader, unless there is no slippage.
    """
    rate = basis
    if share > 0.0 and volume > 0.0:
        rate += share * quantity / volume
    if rate == 0.0 or math.isnan(price):
        return price
    if side > 0:
        return round_up(price * (1.0 + rate), tick)
    return max(tick, round_down(price * max(0.0, 1.0 - rate), tick))
