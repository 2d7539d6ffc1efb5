"""A perpetual contract, linear or inverse: its steps, fees, and leverage tiers with the date from which each holds.

Maintenance margin of a notional is `notional × rate − amount` with the tier of that notional, a schedule like that of
an income tax: amount_n = amount_{n−1} + floor_n · (rate_n − rate_{n−1}), so that it has no jump at a tier's edge
(Binance, "How to calculate liquidation price of USDⓈ-M futures contracts", FAQ b3c689c1f50a44cabb3a84e663b81d93).
Other venues apply a tier's rate to the whole position (`marginal` false), or let it rise with the quantity (`slope`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isclose, isfinite
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backtest.broker.records import CONTRACT, TIER, TIER_TABLE
from backtest.clock import time_text
from backtest.errors import MarketDataError

if TYPE_CHECKING:
    from backtest.venues.rules import VenueRules


@dataclass(frozen=True, kw_only=True)
class Tier:
    """One rung of a leverage table: holds while floor < notional ≤ cap (cap may be inf).

    Floor, cap and amount are in the settlement currency (floor and cap in units of the quantity where the venue's tiers
    are). `slope`: how much the maintenance rate, and one over the leverage, rise with each unit of the quantity.
    """

    floor: float
    cap: float
    rate: float
    amount: float
    leverage: float
    slope: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.floor < self.cap:
            raise MarketDataError(f"a leverage tier from {self.floor:g} to {self.cap:g} holds no notional")
        if not 0 < self.rate < 1:
            raise MarketDataError(
                f"the maintenance rate {self.rate:g} of the tier above {self.floor:g} is no fraction between 0 and 1; "
                "write 0.5 % as 0.005"
            )
        if not (isfinite(self.amount) and self.amount >= 0):
            raise MarketDataError(f"the amount {self.amount:g} of the tier above {self.floor:g} is negative")
        if not 1 <= self.leverage < inf:
            raise MarketDataError(f"the leverage {self.leverage:g} of the tier above {self.floor:g} is below 1")


@dataclass(frozen=True, kw_only=True)
class TierTable:
    """The leverage tiers of one contract from a date on.

    `marginal`: the rate of a tier holds for what lies above its floor, so that the requirement has no jump; else it
    holds for the whole position. `seen_ns`: the first and the last day on which the venue was seen to have it (None: it
    has it still), where that is not just from `valid_from_ns` on. `assumed`: why these tiers are taken, where no table
    of the contract is known.
    """

    valid_from_ns: int
    tiers: tuple[Tier, ...]
    source: str
    marginal: bool = True
    seen_ns: tuple[int, int | None] | None = None
    assumed: str = ""

    def __post_init__(self) -> None:
        when = f"the leverage tiers of {time_text(self.valid_from_ns)}"
        if not self.tiers:
            raise MarketDataError(f"{when} are empty; a table needs at least one tier")
        if self.tiers[0].floor != 0 or self.tiers[0].amount != 0:
            raise MarketDataError(f"{when} do not begin at a notional of 0 with an amount of 0")
        for lower, upper in pairwise(self.tiers):
            _check_step(when, lower, upper, self.marginal)

    @property
    def first_seen_ns(self) -> int:
        """The first day on which the venue was seen to have these tiers, or from when they hold."""
        return self.valid_from_ns if self.seen_ns is None else self.seen_ns[0]

    @classmethod
    def from_rungs(
        cls, valid_from_ns: int, rungs: Sequence[Sequence[float]], source: str, marginal: bool = True
    ) -> TierTable:
        """A table from rungs: cap, rate, leverage, and a slope where there is one; floors and amounts follow."""
        tiers: list[Tier] = []
        floor, rate_below, amount = 0.0, 0.0, 0.0
        for cap, rate, leverage, *slope in rungs:
            if rate <= rate_below:
                raise MarketDataError(f"the rate does not rise at a notional of {floor:g} ({rate_below:g} to {rate:g})")
            amount = round(amount + floor * (rate - rate_below), 8) if marginal else 0.0
            tier = Tier(floor=floor, cap=cap, rate=rate, amount=amount, leverage=leverage, slope=sum(slope, 0.0))
            tiers.append(tier)
            floor, rate_below = cap, rate
        return cls(valid_from_ns=valid_from_ns, tiers=tuple(tiers), source=source, marginal=marginal)


def _check_step(when: str, lower: Tier, upper: Tier, marginal: bool) -> None:
    edge = f"{when}: at a notional of {upper.floor:g}"
    if upper.floor != lower.cap:
        raise MarketDataError(f"{edge} the tier below ends at {lower.cap:g}; leave no gap")
    if upper.rate <= lower.rate:
        raise MarketDataError(f"{edge} the rate does not rise ({lower.rate:g} to {upper.rate:g})")
    if upper.leverage > lower.leverage:
        raise MarketDataError(f"{edge} the leverage rises ({lower.leverage:g} to {upper.leverage:g})")
    if not marginal:
        if upper.amount != 0:
            raise MarketDataError(f"{edge} a tier of the whole position has the amount {upper.amount:g}; it is 0")
        return
    amount = lower.amount + upper.floor * (upper.rate - lower.rate)
    if not isclose(amount, upper.amount, rel_tol=1e-7, abs_tol=1e-4):
        raise MarketDataError(
            f"{edge} the maintenance amount is {upper.amount:g}, but {amount:g} keeps the requirement without a jump"
        )


@dataclass(frozen=True, kw_only=True)
class Contract:
    """One perpetual at one venue.

    A linear contract counts its quantity in base units and its money in quote currency; an inverse one counts its
    quantity in quote units and its money in coin. `contract_size` is what one contract of the venue holds of the
    quantity.

    `tick` is the price step, `lot` the quantity step, `minimum_notional` settlement currency, `maker`,
    `taker` and `liquidation_fee` fractions of notional, `price_band` the largest distance of a market fill from the
    mark price as a fraction (inf: unknown, none enforced). `tier_tables` are sorted by date. `sources` says where each
    fact is from. `rules`: the rule sets of the venue under which it is traded, by date.
    """

    venue: str
    symbol: str
    inverse: bool = False
    contract_size: float = 1.0
    tick: float
    lot: float
    minimum_notional: float
    maker: float
    taker: float
    liquidation_fee: float
    price_band: float = inf
    tier_tables: tuple[TierTable, ...]
    sources: tuple[str, ...] = ()
    rules: tuple[VenueRules, ...] = ()

    def __post_init__(self) -> None:
        for name in ("tick", "lot"):
            if not (isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise MarketDataError(f"{self.symbol}: the {name} {getattr(self, name)!r} is no positive step")
        for name in ("minimum_notional", "taker", "liquidation_fee"):
            if not (isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise MarketDataError(f"{self.symbol}: {name} {getattr(self, name)!r} is negative or no number")
        if not (isfinite(self.maker) and abs(self.maker) < 1):
            raise MarketDataError(f"{self.symbol}: the maker fee {self.maker!r} is no fraction (a rebate is negative)")
        if not self.price_band > 0:
            raise MarketDataError(f"{self.symbol}: the price band {self.price_band!r} is not positive")
        if not self.tier_tables:
            raise MarketDataError(
                f"{self.symbol} at {self.venue} has no leverage tiers, and without them no liquidation price is known; "
                "import them with `backtest data import FILE --kind tiers`"
            )
        dates = [table.valid_from_ns for table in self.tier_tables]
        if any(late <= early for early, late in pairwise(dates)):
            raise MarketDataError(f"{self.symbol}: the tier tables are not sorted by date, or two share one")

    def tiers_at(self, time_ns: int) -> TierTable:
        """The table that holds at an instant: the latest one not after it, or the first one before all dates."""
        held = [table for table in self.tier_tables if table.valid_from_ns <= time_ns]
        return held[-1] if held else self.tier_tables[0]


def records(
    contracts: Sequence[Contract],
) -> tuple[NDArray[np.void], NDArray[np.void], NDArray[np.void]]:
    """The contracts as the broker's records: CONTRACT[n], TIER_TABLE[k] and TIER[j], each pointing into the next."""
    tables = [table for contract in contracts for table in contract.tier_tables]
    rungs = [tier for table in tables for tier in table.tiers]
    contract_rows = np.zeros(len(contracts), CONTRACT)
    table_rows = np.zeros(len(tables), TIER_TABLE)
    tier_rows = np.zeros(len(rungs), TIER)
    first_table = 0
    for row, contract in zip(contract_rows, contracts, strict=True):
        row["first_table"], row["tables"] = first_table, len(contract.tier_tables)
        row["inverse"] = contract.inverse
        first_table += len(contract.tier_tables)
        for name in ("tick", "lot", "minimum_notional", "maker", "taker", "liquidation_fee", "price_band"):
            row[name] = getattr(contract, name)
    first = 0
    for row, table in zip(table_rows, tables, strict=True):
        row["from_ns"], row["first"], row["tiers"] = table.valid_from_ns, first, len(table.tiers)
        first += len(table.tiers)
    for row, tier in zip(tier_rows, rungs, strict=True):
        for name in ("floor", "cap", "rate", "amount", "leverage", "slope"):
            row[name] = getattr(tier, name)
    return contract_rows, table_rows, tier_rows
