"""Leverage tiers: the maintenance margin and the leverage cap that belong to a position.

Marginal tiers (Binance, "Leverage and Margin of USDⓈ-M Futures", faq ceccfcfb4e3a45e3b48b0b1bb1a8ae46): maintenance
margin = notional × rate − maintenance amount, where amount_n = amount_{n−1} + floor_n × (rate_n − rate_{n−1}), so that
the requirement is continuous in the notional. Whole-position tiers (OKX, position tiers): amount 0, the rate holds for
all of it. Continuous tiers (Deribit): the rate rises by `slope` with each unit of the quantity, and one over the
leverage cap does too.

A tier holds for floor < size ≤ cap, above the last cap the last tier; `size` is the notional at the mark, the quantity,
or the notional at entry, as the venue counts.
"""

from __future__ import annotations

from backtest.broker.codes import BY_MARK_NOTIONAL, BY_TIER_QUANTITY, ON_ENTRY
from backtest.broker.valuation import notional
from backtest.compiling import kernel

SLACK = 1e-12
"""Relative; a position reduced to the cap of a tier is on that tier."""


@kernel
def tier_of(tiers, first, count, size):
    """Row in `tiers` of the tier of `size`, among `count` rows from `first`; at the cap, but for a rounding, the one
    below.
    """
    row = first
    last = first + count - 1
    while row < last and size > tiers[row]["cap"] * (1.0 + SLACK):
        row += 1
    return row


@kernel
def tier_size(quantity, entry_price, price, term):
    """What places the position on its tier: its notional at `price`, its quantity, or its notional at entry."""
    unit = term["tier_unit"]
    if unit == BY_MARK_NOTIONAL:
        return notional(quantity, price, term["inverse"])
    if unit == BY_TIER_QUANTITY:
        return abs(quantity)
    return notional(quantity, entry_price, term["inverse"])


@kernel
def rate_of(tier, quantity):
    """Maintenance rate of a position of `quantity` on the tier."""
    return tier["rate"] + tier["slope"] * abs(quantity)


@kernel
def maintenance_margin(quantity, entry_price, price, term, tiers):
    """Maintenance margin (settlement currency) at the mark `price`, without any fee."""
    tier = tiers[tier_of(tiers, term["first"], term["count"], tier_size(quantity, entry_price, price, term))]
    value = notional(quantity, entry_price if term["maintenance_basis"] == ON_ENTRY else price, term["inverse"])
    return value * rate_of(tier, quantity) - tier["amount"]


@kernel
def leverage_cap(quantity, price, term, tiers):
    """Highest leverage that the tier of `quantity` at `price` allows."""
    tier = tiers[tier_of(tiers, term["first"], term["count"], tier_size(quantity, price, price, term))]
    if tier["slope"] == 0.0:
        return tier["leverage"]
    return 1.0 / (1.0 / tier["leverage"] + tier["slope"] * abs(quantity))


@kernel
def table_at(tier_tables, first, count, time_ns):
    """Row in `tier_tables` of the table that holds at `time_ns`: the latest not after it, else the first."""
    row = first
    last = first + count - 1
    while row < last and tier_tables[row + 1]["from_ns"] <= time_ns:
        row += 1
    return row
