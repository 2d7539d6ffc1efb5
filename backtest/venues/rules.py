"""What one venue does differently from another, as data: the broker kernel reads these fields and knows no venue.

A rule set has a date from which it holds, because venues change their rules, and says for each field where it was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from backtest.broker.records import RULES
from backtest.enums import (
    Basis,
    FeeReserve,
    LeverageChange,
    LiquidationRounding,
    LiquidationStyle,
    PartialStyle,
    Pocket,
    Removable,
    TierUnit,
)
from backtest.errors import UsageError

FEES = ("taker", "liquidation")
"""The fees of a contract that a venue may count inside its liquidation trigger."""


@dataclass(frozen=True, kw_only=True)
class VenueRules:
    """The rules of isolated margin at one venue.

    Pockets: `opening_fee_pocket`, `funding_pocket` (what pays the opening fee and the funding).

    Requirement: `maintenance_basis` and `tier_unit` (what the maintenance margin and the tier are counted on);
    `marginal` (a tier's amount makes the requirement continuous, as an income tax's); `trigger_fee` (fee rate inside
    the liquidation trigger: a number, "taker" or "liquidation" for the contract's own); `fee_reserve` (fee to close
    locked beside the initial margin) at the rate `reserve_fee` (None: the contract's taker fee), counted inside the
    requirement too where `reserve_in_trigger`; `fee_in_maintenance` (the venue reports these fees as part of the
    maintenance margin); `strict` (liquidated where the balance is below, not at, the requirement).

    Liquidation: `liquidation_style` closes what `partial` leaves: `partial_tiers` tiers at a time while the position is
    on tier `partial_from_tier` or above, or `partial_fraction` of a position whose notional is above `partial_above`.
    For `partial_cooldown_ns` after a part the position `freezes` (no check, no order), or else the next liquidation
    takes all of it. Below `backstop` times the maintenance margin the position and its margin are taken.

    Leverage and margin: `lower_leverage` (leverage may fall while a position is open), `leverage_change` (what that
    does to posted margin), `whole_leverage` (only whole numbers), `auto_margin` (auto-replenishment is offered),
    `removable` (what may be taken out). `hedge`: both directions of a symbol at once. `order_limit`: working orders a
    symbol. `rounding`: how the venue prints a liquidation price; the kernel does not round it.

    `valid_from_ns`: None where no earlier rule is known. `sources`: a field's name, and where it was read. `notes`:
    what a result says of this venue.
    """

    id: str
    name: str
    valid_from_ns: int | None = None
    opening_fee_pocket: Pocket
    funding_pocket: Pocket
    trigger_fee: float | str = 0.0
    maintenance_basis: Basis = Basis.MARK
    tier_unit: TierUnit = TierUnit.NOTIONAL
    marginal: bool = True
    fee_reserve: FeeReserve = FeeReserve.NONE
    reserve_fee: float | None = None
    reserve_in_trigger: bool = False
    fee_in_maintenance: bool = False
    strict: bool
    liquidation_style: LiquidationStyle
    partial: PartialStyle = PartialStyle.NONE
    partial_tiers: int = 1
    partial_from_tier: int = 2
    partial_fraction: float = 0.0
    partial_above: float = 0.0
    partial_cooldown_ns: int = 0
    freezes: bool = False
    backstop: float = 0.0
    lower_leverage: bool
    leverage_change: LeverageChange = LeverageChange.KEEPS
    whole_leverage: bool
    auto_margin: bool = False
    removable: Removable = Removable.INITIAL_MARGIN
    hedge: bool = False
    order_limit: int
    rounding: LiquidationRounding = LiquidationRounding.NONE
    sources: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.order_limit < 1:
            raise UsageError(f"{self.id}: an order limit of {self.order_limit} lets no order work")
        if isinstance(self.trigger_fee, str):
            if self.trigger_fee not in FEES:
                raise UsageError(
                    f"{self.id}: trigger_fee '{self.trigger_fee}' is none of {', '.join(FEES)}, nor a rate"
                )
        elif not (isfinite(self.trigger_fee) and self.trigger_fee >= 0):
            raise UsageError(f"{self.id}: trigger_fee {self.trigger_fee!r} is negative or no number")
        if self.reserve_fee is not None and not (isfinite(self.reserve_fee) and self.reserve_fee >= 0):
            raise UsageError(f"{self.id}: reserve_fee {self.reserve_fee!r} is negative or no number")
        for name in ("partial_fraction", "backstop"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{self.id}: {name} {getattr(self, name)!r} is no fraction between 0 and 1")
        if self.partial is PartialStyle.FRACTION and self.partial_fraction == 0:
            raise UsageError(f"{self.id}: a partial liquidation of a fraction needs partial_fraction above 0")
        if self.partial_tiers < 1 or self.partial_from_tier < 2:
            raise UsageError(f"{self.id}: partial_tiers is at least 1, partial_from_tier at least 2")

    def trigger_rate(self, taker: float, liquidation_fee: float) -> float:
        """The fee rate inside the trigger, for a contract of these fees."""
        if isinstance(self.trigger_fee, str):
            return taker if self.trigger_fee == "taker" else liquidation_fee
        return self.trigger_fee

    def record(self, taker: float = 0.0, liquidation_fee: float = 0.0) -> NDArray[np.void]:
        """The rules as the broker's record, RULES[1], for a contract of these fees."""
        row = np.zeros(1, RULES)
        for name in RULES.names or ():
            if name == "trigger_fee":
                row[name] = self.trigger_rate(taker, liquidation_fee)
            elif name == "reserve_fee":
                row[name] = taker if self.reserve_fee is None else self.reserve_fee
            elif name == "whole_tiers":
                row[name] = not self.marginal
            else:
                row[name] = getattr(self, name)
        return row
