"""Leverage tiers: the maintenance margin and the leverage cap that belong to a notional.

Binance, "Leverage and Margin of USDⓈ-M Futures" (faq ceccfcfb4e3a45e3b48b0b1bb1a8ae46): maintenance margin = notional
× rate − maintenance amount, where amount_n = amount_{n−1} + floor_n × (rate_n − rate_{n−1}), so that the requirement
is continuous in the notional. A tier holds for floor < notional ≤ cap; above the last cap the last tier holds.
"""

from __future__ import annotations

from backtest.compiling import kernel


@kernel
def tier_of(tiers, first, count, notional):
    """Row in `tiers` of the tier of `notional` (quote currency), among `count` rows from `first`."""
    row = first
    last = first + count - 1
    while row < last and notional > tiers[row]["cap"]:
        row += 1
    return row


@kernel
def maintenance_margin(tiers, first, count, notional):
    """Maintenance margin (quote currency) of a position of `notional` at the mark price."""
    tier = tiers[tier_of(tiers, first, count, notional)]
    return notional * tier["rate"] - tier["amount"]


@kernel
def leverage_cap(tiers, first, count, notional):
    """Highest leverage that the tier of `notional` allows."""
    return tiers[tier_of(tiers, first, count, notional)]["leverage"]


@kernel
def table_at(tier_tables, first, count, time_ns):
    """Row in `tier_tables` of the table that holds at `time_ns`: the latest not after it, else the first."""
    row = first
    last = first + count - 1
    while row < last and tier_tables[row + 1]["from_ns"] <= time_ns:
        row += 1
    return row
