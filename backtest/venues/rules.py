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
from backtest.enums import LiquidationStyle, Pocket
from backtest.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class VenueRules:
    """The rules of isolated margin at one venue.

    `opening_fee_pocket`, `funding_pocket`: what pays the opening fee and the funding. `strict`: a position is
    liquidated where its balance is below (not at) the maintenance margin. `lower_leverage`: leverage may fall while a
    position is open. `whole_leverage`: only whole numbers are offered. `order_limit`: working orders a symbol.
    `trigger_fee`: fee rate counted inside the liquidation trigger. `valid_from_ns`: None where no earlier rule is
    known. `sources`: a field's name, and where it was read.
    """

    id: str
    name: str
    valid_from_ns: int | None = None
    opening_fee_pocket: Pocket
    funding_pocket: Pocket
    liquidation_style: LiquidationStyle
    strict: bool
    lower_leverage: bool
    whole_leverage: bool
    order_limit: int
    trigger_fee: float = 0.0
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.order_limit < 1:
            raise UsageError(f"{self.id}: an order limit of {self.order_limit} lets no order work")
        if not (isfinite(self.trigger_fee) and self.trigger_fee >= 0):
            raise UsageError(f"{self.id}: trigger_fee {self.trigger_fee!r} is negative or no number")

    def record(self) -> NDArray[np.void]:
        """The rules as the broker's record, RULES[1]."""
        row = np.zeros(1, RULES)
        for name in RULES.names or ():
            row[name] = getattr(self, name)
        return row
