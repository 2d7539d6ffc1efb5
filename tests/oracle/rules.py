"""The venue's own choices, read once from the kernel's RULES record."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from backtest.enums import (
    Basis,
    FeeReserve,
    LeverageChange,
    LiquidationStyle,
    PartialStyle,
    Pocket,
    Removable,
    TierUnit,
)
from tests.oracle.money import exact


@dataclass(frozen=True, kw_only=True)
class Rules:
    """One venue's rules; the names are those of the record."""

    opening_fee_pocket: Pocket
    funding_pocket: Pocket
    maintenance_basis: Basis
    tier_unit: TierUnit
    whole_tiers: bool
    fee_reserve: FeeReserve
    reserve_in_trigger: bool
    strict: bool
    liquidation_style: LiquidationStyle
    partial: PartialStyle
    partial_tiers: int
    partial_from_tier: int
    partial_cooldown_ns: int
    freezes: bool
    lower_leverage: bool
    leverage_change: LeverageChange
    whole_leverage: bool
    auto_margin: bool
    removable: Removable
    order_limit: int
    trigger_fee: Decimal
    reserve_fee: Decimal
    partial_fraction: Decimal
    partial_above: Decimal
    backstop: Decimal

    @classmethod
    def of_record(cls, row: np.void) -> Rules:
        """Each field in the type that this class names for it."""
        choices = {
            "opening_fee_pocket": Pocket,
            "funding_pocket": Pocket,
            "maintenance_basis": Basis,
            "tier_unit": TierUnit,
            "fee_reserve": FeeReserve,
            "liquidation_style": LiquidationStyle,
            "partial": PartialStyle,
            "leverage_change": LeverageChange,
            "removable": Removable,
        }
        flags = "whole_tiers reserve_in_trigger strict freezes lower_leverage whole_leverage auto_margin"
        counts = "partial_tiers partial_from_tier partial_cooldown_ns order_limit"
        rates = ("trigger_fee", "reserve_fee", "partial_fraction", "partial_above", "backstop")
        values: dict[str, Any] = {name: exact(row[name]) for name in rates}
        values |= {name: bool(row[name]) for name in flags.split()}
        values |= {name: int(row[name]) for name in counts.split()}
        values |= {name: choice(int(row[name])) for name, choice in choices.items()}
        return cls(**values)
