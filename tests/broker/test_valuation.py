"""What a position is worth: the figures of rules 3.8 and 5.1."""

from __future__ import annotations

import math

import pytest

from backtest.broker.valuation import distance, margin_balance, margin_ratio, unrealised_pnl


@pytest.mark.parametrize(("quantity", "pnl"), [(2.0, 20.0), (-2.0, -20.0), (0.0, 0.0)])
def test_unrealised_profit_is_quantity_times_the_way_from_the_entry(quantity: float, pnl: float) -> None:
    assert unrealised_pnl(quantity, 100.0, 110.0, 0) == pnl
    assert margin_balance(quantity, 100.0, 50.0, 110.0, 0) == 50.0 + pnl


def test_a_flat_leg_is_worth_its_margin_whatever_its_entry_is_said_to_be() -> None:
    assert unrealised_pnl(0.0, math.nan, 110.0, 0) == 0.0


@pytest.mark.parametrize(("balance", "ratio"), [(4.0, 0.25), (1.0, 1.0), (0.0, math.inf), (-3.0, math.inf)])
def test_the_margin_ratio_is_infinite_where_the_balance_is_spent(balance: float, ratio: float) -> None:
    assert margin_ratio(1.0, balance) == ratio


@pytest.mark.parametrize(("liquidation", "share"), [(90.0, 0.1), (120.0, 0.2), (math.nan, math.inf)])
def test_the_distance_is_a_share_of_the_mark_and_infinite_where_nothing_liquidates(
    liquidation: float, share: float
) -> None:
    assert distance(100.0, liquidation) == pytest.approx(share)
