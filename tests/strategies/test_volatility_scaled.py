"""Volatility scaling: margin in inverse proportion to volatility, reductions first, margins restored."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import backtest as bt
from backtest.enums import LedgerKind
from backtest.result import Result
from strategies.volatility_scaled import VolatilityScaled
from tests.strategies.worlds import alternating, kinds, rising, world

QUICK = {"window": 24, "every": 24, "trend": 0}
ONE = math.log(1.01) * math.sqrt(24 / 23) * math.sqrt(24)
"""Daily volatility of an hourly ±1 %: 24 returns of ± ln 1.01 around zero, 24 hours a day."""


def margins(result: Result) -> list[float]:
    """The margin that each symbol was opened with, in the run's order."""
    opened = result.ledger[result.ledger["kind"] == "open"].set_index("symbol")["margin"]
    return [float(opened[symbol]) for symbol in result.history.symbols]


def test_the_calmer_asset_gets_more_margin_in_inverse_proportion() -> None:
    # hourly ±1 % and ±2.01 % (1.01² − 1): the second is exactly twice as volatile in logs
    market = world(alternating(0.01, 50), alternating(0.0201, 50))
    result = bt.run(VolatilityScaled, market, cash=10_000, **QUICK)
    calm, wild = margins(result)
    # 10,000 / 2 × 0.02 / ONE of notional, a third of it margin
    assert calm == pytest.approx(5_000 * 0.02 / ONE / 3, rel=1e-4)
    assert wild == pytest.approx(5_000 * 0.02 / (2 * ONE) / 3, rel=1e-4)


def test_the_cap_cuts_all_margins_in_the_same_proportion() -> None:
    market = world(alternating(0.01, 50), alternating(0.0201, 50))
    result = bt.run(VolatilityScaled, market, cash=10_000, most=0.09, **QUICK)
    calm, wild = margins(result)
    assert calm + wild == pytest.approx(900.0, rel=1e-3)
    assert calm / wild == pytest.approx(2.0, rel=1e-3)


def test_what_shrinks_is_reduced_before_what_grows_is_enlarged() -> None:
    # the first symbol calms down and grows, the second becomes wild and shrinks: its order is given first
    market = world(
        np.concatenate((alternating(0.02, 60), alternating(0.005, 60))),
        np.concatenate((alternating(0.005, 60), alternating(0.02, 60))),
    )
    result = bt.run(VolatilityScaled, market, **QUICK)
    (
        opened,
        *_,
    ) = result.records.orders["bar"]
    later = result.records.orders[result.records.orders["bar"] > opened]
    first = later[later["bar"] == later["bar"].min()]
    assert [(int(row["leg"]), int(row["side"]), int(row["reduce_only"])) for row in first] == [(1, -1, 1), (0, 1, 0)]


def test_within_the_band_nothing_is_traded_and_outside_it_is() -> None:
    steady = world(alternating(0.01, 200))
    assert len(bt.run(VolatilityScaled, steady, **QUICK).orders) == 1
    calmed = world(np.concatenate((alternating(0.01, 100), alternating(0.008, 100))))
    # volatility falls by a fifth, so the size wanted is 1.25 times the one held: 0.25 / 1.25 = 0.2 of it is missing
    assert len(bt.run(VolatilityScaled, calmed, band=0.25, **QUICK).orders) == 1
    assert len(bt.run(VolatilityScaled, calmed, band=0.15, **QUICK).orders) > 1


def test_it_decides_only_every_so_many_bars() -> None:
    result = bt.run(VolatilityScaled, world(np.concatenate((alternating(0.01, 100), rising(100)))), **QUICK)
    assert set(result.records.orders["bar"] % 24) == {1}  # decided at the close of bars 24, 48, …


@pytest.mark.parametrize(("short", "sides"), [(True, [1, -1]), (False, [1, 0])])
def test_the_side_is_the_sign_of_the_past_return(short: bool, sides: list[int]) -> None:
    market = world(rising(60, step=0.003), rising(60, step=-0.003))
    wavering = market.prices * (1.0 + 0.001 * (np.arange(60) % 2))
    market = replace(market, prices=wavering)
    result = bt.run(VolatilityScaled, market, window=24, every=24, trend=24, short=short)
    held = [np.sign(result.positions.query("symbol == @symbol")["quantity"].sum()) for symbol in market.symbols]
    assert held == sides


def test_a_loss_is_topped_up_to_the_notional_over_the_leverage() -> None:
    fallen = np.concatenate((alternating(0.01, 30), alternating(0.01, 40, price=80.0)))
    result = bt.run(VolatilityScaled, world(fallen), window=12, every=24, trend=0, band=0.2)
    rows = result.records.ledger
    added = rows[rows["kind"] == LedgerKind.ADD_MARGIN][0]
    balance = added["margin_after"] + added["position_after"] * (added["mark_price"] - added["entry_after"])
    assert added["position_after"] * added["mark_price"] / balance == pytest.approx(3.0, rel=1e-6)


def test_profit_is_taken_to_the_wallet() -> None:
    risen = np.concatenate((alternating(0.01, 30), alternating(0.01, 40, price=120.0)))
    result = bt.run(VolatilityScaled, world(risen), window=12, every=24, trend=0, band=0.2)
    assert kinds(result)["remove-margin"] >= 1
    assert len(result.rejections) == 0
