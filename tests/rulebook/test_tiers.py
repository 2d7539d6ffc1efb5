"""Leverage tiers, by notional at the candidate price and by date: rules 2.1 and 5.1."""

from __future__ import annotations

import numpy as np
import pytest

from backtest.enums import LedgerKind
from tests.rulebook.scene import Scene, Symbol, flat

# 1 % to 1,000, then 3 % less 1000 x (0.03 - 0.01) = 20
TWO = ((0.0, 1_000.0, 0.01, 0.0, 125.0), (1_000.0, np.inf, 0.03, 20.0, 25.0))
CALM = [flat(100.0)] * 3


def test_a_long_that_falls_into_a_lower_tier_is_measured_by_that_tier() -> None:
    # 11 at 100, 10x: 1100 lies in the second tier, but (1100 - 110) / (11 x 0.99) = 90.909 gives 1000: the first still
    row = Scene(symbols=[Symbol(bars=CALM, tiers=TWO)]).buy(0, quantity=11, leverage=10).play().row(LedgerKind.OPEN)
    assert row["liquidation_after"] == pytest.approx(990.0 / (11 * 0.99))


def test_a_short_that_rises_into_a_higher_tier_is_measured_by_that_tier() -> None:
    # 9.5 at 100, 5x: 950 lies in the first tier; (950 + 190) / (9.5 x 1.01) = 118.8 would be 1129, in the second
    row = Scene(symbols=[Symbol(bars=CALM, tiers=TWO)]).sell(0, quantity=9.5, leverage=5).play().row(LedgerKind.OPEN)
    assert row["liquidation_after"] == pytest.approx((950.0 + 190.0 + 20.0) / (9.5 * 1.03))


def test_the_maintenance_amount_counts() -> None:
    # 30 at 100, 10x: (3000 - 300 - 20) / (30 x 0.97); without the 20 it would be 92.78
    row = Scene(symbols=[Symbol(bars=CALM, tiers=TWO)]).buy(0, quantity=30, leverage=10).play().row(LedgerKind.OPEN)
    assert row["liquidation_after"] == pytest.approx(2_680.0 / 29.1)


def test_a_new_table_moves_the_liquidation_price_of_an_open_position_from_its_date_on() -> None:
    later = ((0.0, np.inf, 0.02, 0.0, 125.0),)
    scene = Scene(symbols=[Symbol(bars=[flat(100.0)] * 4, later_tiers=(2, later))])
    row = scene.buy(0, quantity=1, leverage=10).play().row(LedgerKind.TIERS)
    assert row["bar"] == 2
    assert row["liquidation_after"] == pytest.approx(90.0 / 0.98)


def test_a_new_table_can_liquidate_at_the_open_of_its_date() -> None:
    # 91.5 is above 90.909 but below 90 / 0.98 = 91.837
    later = ((0.0, np.inf, 0.02, 0.0, 125.0),)
    bars = [flat(100.0), (100.0, 100.0, 91.5, 91.5), flat(91.5)]
    scene = Scene(symbols=[Symbol(bars=bars, later_tiers=(2, later))]).buy(0, quantity=1, leverage=10)
    row = scene.play().row(LedgerKind.LIQUIDATION)
    assert (row["bar"], row["segment"]) == (2, 0)


def test_before_the_first_date_the_first_table_holds() -> None:
    later = ((0.0, np.inf, 0.02, 0.0, 125.0),)
    played = Scene(symbols=[Symbol(bars=CALM, later_tiers=(99, later))]).buy(0, quantity=1, leverage=10).play()
    assert played.row(LedgerKind.OPEN)["liquidation_after"] == pytest.approx(90.0 / 0.99)
