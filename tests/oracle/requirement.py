"""What a venue requires of a position: maintenance margin by tier, and the mark at which it is no longer there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from tests.oracle.money import ONE, ZERO

NOTHING = Decimal("1e-9")
"""A price below this share of the entry price is no price: the margin covers the whole value, but for a rounding."""


@dataclass(frozen=True, kw_only=True)
class Tier:
    """One bracket: maintenance margin is notional x rate - amount while floor < notional <= cap."""

    floor: Decimal
    cap: Decimal
    rate: Decimal
    amount: Decimal
    leverage: Decimal


def tier_of(tiers: Sequence[Tier], notional: Decimal) -> Tier:
    """The tier of a notional; the first holds at zero, the last without end."""
    for tier in tiers:
        if notional <= tier.cap:
            return tier
    return tiers[-1]


def maintenance_margin(tiers: Sequence[Tier], notional: Decimal) -> Decimal:
    """[5.1] |q| x p x m - D, with the tier of that notional."""
    tier = tier_of(tiers, notional)
    return notional * tier.rate - tier.amount


def balance(quantity: Decimal, entry: Decimal, margin: Decimal, price: Decimal) -> Decimal:
    """[5.1] M + q x (p - E)."""
    return margin + quantity * (price - entry)


def ratio_price(
    quantity: Decimal, entry: Decimal, margin: Decimal, tiers: Sequence[Tier], level: Decimal = ONE
) -> Decimal | None:
    """[5.1, 3.8] The mark at which maintenance margin / balance is `level`; at one it is the liquidation price.

    In tier (m, D) it is p = (level x (s|q|E - M) - D) / (|q| x (level x s - m)); the tier is right when the notional at
    that p lies in it. Where no positive price does it, a long has none and a short any.
    """
    side = 1 if quantity > ZERO else -1
    size = abs(quantity)
    for number, tier in enumerate(tiers):
        slope = size * (level * side - tier.rate)
        if slope == ZERO:
            continue
        price = (level * (quantity * entry - margin) - tier.amount) / slope
        last = number == len(tiers) - 1
        if price > NOTHING * entry and tier.floor < size * price and (last or size * price <= tier.cap):
            return price
    # a short that is short of margin at every positive price: any mark meets it
    return None if side > 0 else ZERO


def liquidation_price(quantity: Decimal, entry: Decimal, margin: Decimal, tiers: Sequence[Tier]) -> Decimal | None:
    """[5.1] The first adverse mark at which the balance falls to the maintenance margin."""
    return ratio_price(quantity, entry, margin, tiers)


def bankruptcy_price(quantity: Decimal, entry: Decimal, margin: Decimal) -> Decimal:
    """[5.2] E - s x M / |q|, where the balance is zero."""
    return entry - margin / quantity
