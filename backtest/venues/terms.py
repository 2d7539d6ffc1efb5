"""The contracts and rules of a run as the broker's records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backtest import venues
from backtest.broker.simulation import terms_of
from backtest.enums import FeeReserve
from backtest.market.contract import Contract, records
from backtest.venues.venue import held_at


def has_reserve(venue: str, at_ns: int) -> bool:
    """Whether the venue locks a fee to close beside the initial margin."""
    return venues.rules(venue, at_ns).fee_reserve is not FeeReserve.NONE


@dataclass(frozen=True, kw_only=True)
class RunTerms:
    """CONTRACT[symbols], TIER_TABLE[k], TIER[j] and RULES[symbols] of a run; `hedge`: whether all of them are traded
    under rules that offer hedge mode.
    """

    contracts: NDArray[np.void]
    tier_tables: NDArray[np.void]
    tiers: NDArray[np.void]
    rules: NDArray[np.void]
    start_ns: int
    hedge: bool

    @classmethod
    def of(cls, venue: str, contracts: Sequence[Contract], start_ns: int) -> RunTerms:
        """The terms under which `contracts` are traded at a venue from an instant on."""
        held = [held_at(each.rules or venues.find(venue).rule_sets, start_ns) for each in contracts]
        rows, tables, tiers = records(contracts)
        return cls(
            contracts=rows,
            tier_tables=tables,
            tiers=tiers,
            rules=np.concatenate(
                [rules.record(each.taker, each.liquidation_fee) for rules, each in zip(held, contracts, strict=True)]
            ),
            start_ns=start_ns,
            hedge=all(rules.hedge for rules in held),
        )

    def rows(self) -> NDArray[np.void]:
        """TERMS[symbols], with the tier table of the start."""
        return terms_of(self.contracts, self.rules, self.tier_tables, self.start_ns)
