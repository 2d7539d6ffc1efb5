"""Prices at which a position ends: rule 5.1, and the margin that puts such a price where it is wanted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from backtest.broker.liquidation import (
    bankruptcy_price,
    distance_price,
    liquidation_fee,
    liquidation_price,
    margin_for,
    ratio_price,
    settlement_price,
)
from backtest.broker.records import TERMS, TIER
from backtest.broker.tiers import maintenance_margin
from backtest.enums import FeeReserve, TierUnit

# 1 % to 1,000, then 3 % less 20, then 10 % less 370
TIERS = np.array(
    [
        (0.0, 1_000.0, 0.01, 0.0, 50.0, 0.0),
        (1_000.0, 5_000.0, 0.03, 20.0, 25.0, 0.0),
        (5_000.0, np.inf, 0.1, 370.0, 5.0, 0.0),
    ],
    TIER,
)


def term(*, first: int = 0, count: int = len(TIERS), **fields: float) -> np.void:
    """The terms of a linear contract whose requirement is counted at the mark, unless `fields` say otherwise."""
    row = np.zeros(1, TERMS)
    row["first"], row["count"] = first, count
    for name, value in fields.items():
        row[name] = value
    return row[0]


@pytest.mark.parametrize("quantity", [1.0, 9.0, 11.0, 55.0, 80.0, -1.0, -9.0, -30.0, -49.0, -90.0])
@pytest.mark.parametrize("leverage", [2.0, 5.0, 20.0])
@pytest.mark.parametrize("fee", [0.0, 0.0005])
def test_at_the_liquidation_price_the_balance_is_exactly_what_is_required(
    quantity: float, leverage: float, fee: float
) -> None:
    margin = abs(quantity) * 100.0 / leverage
    terms = term(trigger_fee=fee)
    price = liquidation_price(quantity, 100.0, margin, leverage, 100.0, terms, TIERS)
    notional = abs(quantity) * price
    required = maintenance_margin(quantity, 100.0, price, terms, TIERS) + fee * notional
    assert margin + quantity * (price - 100.0) == pytest.approx(required, abs=1e-9 * notional)
    # and that margin is what would be asked for to have it there
    assert margin_for(quantity, 100.0, leverage, price, terms, TIERS) == pytest.approx(margin)


def test_a_long_never_reaches_a_ratio_that_its_maintenance_rate_is_not_below() -> None:
    # at 10 % of maintenance a ratio of 5 % stands at no price
    assert math.isnan(ratio_price(80.0, 100.0, 4_000.0, 2.0, 100.0, term(first=2, count=1), TIERS, 0.05))
    assert ratio_price(-80.0, 100.0, 4_000.0, 2.0, 100.0, term(first=2, count=1), TIERS, 0.05) > 0.0


def test_a_short_that_has_spent_more_than_its_value_is_liquidated_at_any_price() -> None:
    assert liquidation_price(-1.0, 100.0, -101.0, 1.0, 100.0, term(), TIERS) == 0.0


def test_beyond_the_last_tier_its_rate_goes_on() -> None:
    # the last cap is 5,000, the notional 100,000: (100000 + 10000 + 20) / (1000 x 1.03)
    price = liquidation_price(-1_000.0, 100.0, 10_000.0, 10.0, 100.0, term(count=2), TIERS)
    assert price == pytest.approx(110_020.0 / 1_030.0)


@pytest.mark.parametrize(("quantity", "price"), [(1.0, 90.0 / 0.95), (-1.0, 90.0 / 1.05)])
def test_the_distance_is_measured_from_the_mark(quantity: float, price: float) -> None:
    assert distance_price(quantity, 90.0, 0.05) == pytest.approx(price)
    assert math.isnan(distance_price(quantity, math.nan, 0.05))


@pytest.mark.parametrize(
    ("quantity", "mark", "settled"), [(1.0, 95.0, 95.0), (1.0, 60.0, 90.0), (-1.0, 105.0, 105.0), (-1.0, 160.0, 110.0)]
)
def test_nothing_is_settled_beyond_the_bankruptcy_price(quantity: float, mark: float, settled: float) -> None:
    assert settlement_price(quantity, 100.0, 10.0, 10.0, mark, term()) == settled
    assert bankruptcy_price(quantity, 100.0, 10.0, 10.0, term()) == 100.0 - 10.0 * quantity


@pytest.mark.parametrize(("balance", "fee"), [(5.0, 1.25), (1.0, 1.0), (0.0, 0.0), (-2.0, 0.0)])
def test_the_liquidation_fee_takes_no_more_than_is_left(balance: float, fee: float) -> None:
    assert liquidation_fee(0.0125, -1.0, 100.0, balance, 0) == fee


@pytest.mark.parametrize(
    ("reserve", "quantity", "margin"),
    [
        # 10 at 100 to be liquidated at 80, 1 % asked for: a loss of 200 and a requirement of 8; a reserve of 0.1 %
        pytest.param(FeeReserve.NONE, 10.0, 208.0, id="none"),
        # ... of the 1,000 at entry
        pytest.param(FeeReserve.VALUE, 10.0, 209.0, id="value"),
        # ... of 1,000 x (1 - 1/5)
        pytest.param(FeeReserve.BANKRUPTCY, 10.0, 208.8, id="bankruptcy"),
        # ... of n = (1,000 - M) / 0.999 with M = 208 + n / 1,000: n = 792, M = 208.792
        pytest.param(FeeReserve.MOVING_BANKRUPTCY, 10.0, 208.792, id="moving bankruptcy"),
        # short: at 80 a gain of 200 and 8 are asked for; n = (1,000 + M) / 1.001 with M = -192 + n / 1,000: n = 808
        pytest.param(FeeReserve.MOVING_BANKRUPTCY, -10.0, -191.192, id="moving bankruptcy of a short"),
    ],
)
def test_the_margin_for_a_liquidation_price_counts_the_reserve(
    reserve: FeeReserve, quantity: float, margin: float
) -> None:
    terms = term(fee_reserve=reserve, reserve_fee=0.001, reserve_in_trigger=1)
    assert margin_for(quantity, 100.0, 5.0, 80.0, terms, TIERS) == pytest.approx(margin)
    terms["reserve_in_trigger"] = 0
    assert margin_for(quantity, 100.0, 5.0, 80.0, terms, TIERS) == pytest.approx(208.0 if quantity > 0 else -192.0)


def test_a_ratio_that_falls_with_the_price_is_never_reached() -> None:
    # at a rate of 10 % the ratio of a long cannot rise to 5 %: with each unit of price the requirement falls faster
    quantity_tiers = np.array([(0.0, np.inf, 0.1, 0.0, 10.0, 0.0)], TIER)
    for unit in (TierUnit.NOTIONAL, TierUnit.QUANTITY):
        terms = term(count=1, tier_unit=unit)
        assert math.isnan(ratio_price(10.0, 100.0, 500.0, 2.0, 100.0, terms, quantity_tiers, 0.05))
