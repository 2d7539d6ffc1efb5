"""Where an isolated position is liquidated, and where its margin is spent.

The liquidation price is the first adverse mark price at which the balance M + q·(p − E) falls to the requirement
|q|·p·(m + c)/r − D/r of the tier of the notional at that price:

    p = (s·|q|·E − M − D/r) / (|q|·(s − (m + c)/r))

(Binance, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts", faq b3c689c1f50a44cabb3a84e663b81d93, with
the isolated wallet as M; m rate, D maintenance amount, c a fee that the venue counts inside the trigger, r = 1.) With
r below 1 the same price is where the margin ratio reaches r: the threshold of margin calls, alerts and top-ups. The
requirement is continuous in the notional, so there is one such price at most.
"""

from __future__ import annotations

import math

from backtest.broker.tiers import maintenance_margin
from backtest.compiling import kernel

NOTHING = 1e-9
"""A price below this share of the entry price is the rounding of a difference that is zero."""


@kernel
def ratio_price(quantity, entry_price, margin, tiers, first, count, fee, ratio):
    """Mark price at which the margin ratio rises to `ratio`; NaN where it never does.

    It never does for a long with M + D ≥ q·E, and for one whose tier's rate is not below `ratio`: there the ratio
    falls with the price. A short whose margin is so far spent that no price satisfies it has 0: any mark reaches it.
    """
    size = abs(quantity)
    side = 1.0 if quantity > 0.0 else -1.0
    price = math.nan
    for row in range(first, first + count):
        tier = tiers[row]
        slope = side - (tier["rate"] + fee) / ratio
        if slope * side <= 0.0:
            return math.nan
        price = (quantity * entry_price - margin - tier["amount"] / ratio) / (size * slope)
        if size * price <= tier["cap"]:
            break
    if price > NOTHING * entry_price:
        return price
    return math.nan if side > 0.0 else 0.0


@kernel
def liquidation_price(quantity, entry_price, margin, tiers, first, count, fee):
    """Mark price (quote currency) at which the venue liquidates; NaN where there is none.

    `quantity` is signed; `tiers[first:first + count]` is the table of the date; `fee` is the rate inside the trigger.
    """
    return ratio_price(quantity, entry_price, margin, tiers, first, count, fee, 1.0)


@kernel
def distance_price(quantity, liquidation, distance):
    """Mark price at which the distance to `liquidation` (NaN: none) falls to `distance`; NaN where it never does."""
    if quantity > 0.0:
        return liquidation / (1.0 - distance)
    return liquidation / (1.0 + distance)


@kernel
def bankruptcy_price(quantity, entry_price, margin):
    """Price E − M/q at which the position's own margin is spent; not positive for a long that cannot be."""
    return entry_price - margin / quantity


@kernel
def settlement_price(quantity, entry_price, margin, mark_price):
    """Price at which a liquidated position is closed: the mark, but never beyond bankruptcy, so that no more than M
    is lost.
    """
    bankruptcy = bankruptcy_price(quantity, entry_price, margin)
    if quantity > 0.0:
        return max(mark_price, bankruptcy)
    return min(mark_price, bankruptcy)


@kernel
def liquidation_fee(rate, quantity, price, balance):
    """Fee on the liquidated notional, never more than the balance that is left (quote currency)."""
    return max(0.0, min(rate * abs(quantity) * price, balance))


@kernel
def margin_for(quantity, entry_price, target_price, tiers, first, count, fee):
    """The position's own margin (quote currency) with which its liquidation price is `target_price`."""
    notional = abs(quantity) * target_price
    needed = maintenance_margin(tiers, first, count, notional) + fee * notional
    return needed - quantity * (target_price - entry_price)
