"""One position's fate does not depend on another's, so long as the wallet is ample and the sizes are fixed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backtest.enums import CommandKind, Holes, LedgerKind, NoticeKind, SizeKind
from tests.properties.running import played, seeds
from tests.properties.worlds import RandomWorld, random_world

AMPLE = 1e9
OF_EQUITY = (SizeKind.RISK, SizeKind.TARGET_EXPOSURE)
SHARED = ("sequence", "order", "trade", "wallet_after")
"""Columns that count what all positions share."""


def test_a_position_goes_its_own_way_whatever_the_others_do() -> None:
    liquidations = 0
    for seed in seeds(40_000):
        world = _fixed_sizes(random_world(seed, legs=2))
        alone = replace(
            world,
            prices=np.ascontiguousarray(world.prices[:1]),
            funding=world.funding[world.funding["leg"] == 0],
            contracts=world.contracts[:1],
            schedule=world.schedule[world.schedule["leg"] == 0],
        )
        together, apart = played(world, cash=AMPLE), played(alone, cash=AMPLE)
        for name in ("ledger", "notices"):
            one, other = getattr(together, name), getattr(apart, name)
            one, other = one[one["leg"] == 0], other[other["leg"] == 0]
            for column in one.dtype.names:
                if column not in SHARED:
                    assert np.array_equal(one[column], other[column], equal_nan=True), f"seed {seed}, {name}.{column}"
        liquidations += int((apart.ledger["kind"] == LedgerKind.LIQUIDATION).sum())
        assert not (together.notices["kind"] == NoticeKind.TOP_UP_FAILED).any()
    assert liquidations > 50


def _fixed_sizes(world: RandomWorld) -> RandomWorld:
    schedule = world.schedule
    keep = ~np.isin(schedule["kind"], (CommandKind.SET_TOP_UP, CommandKind.CANCEL))
    keep &= ~((schedule["kind"] == CommandKind.ORDER) & np.isin(schedule["size_kind"], OF_EQUITY))
    alone = schedule[keep]
    alone["group"] = 0
    return replace(world, schedule=alone, holes=Holes.HOLD)
