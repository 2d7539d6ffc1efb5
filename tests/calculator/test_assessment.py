"""A position at a mark price, worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from backtest import calculator as calc
from backtest.enums import LiquidationRounding

LONG = calc.Position.opened("long", 0.5, 60_000.0, terms=calc.Terms.of(maintenance_rate=0.004), leverage=10)


def test_a_position_that_has_lost() -> None:
    # 0.5 x (55500 - 60000) = -2250; balance 750; 0.5 x 55500 x 0.4 % = 111; 111 / 750; (55500 - 54216.87) / 55500
    found = calc.assess(LONG, 55_500.0)
    assert (found.unrealised_pnl, found.margin_balance, found.notional) == (-2_250.0, 750.0, 27_750.0)
    assert found.roe == pytest.approx(-0.75)
    assert found.maintenance_margin == found.requirement == pytest.approx(111.0)
    assert found.margin_ratio == pytest.approx(0.148)
    assert found.distance == pytest.approx(0.02312, abs=1e-5)
    assert found.effective_leverage == pytest.approx(37.0)
    assert not found.liquidated


def test_a_position_past_its_liquidation() -> None:
    found = calc.assess(LONG, 53_000.0)
    assert found.liquidated
    assert math.isinf(found.margin_ratio)
    assert math.isinf(found.effective_leverage)


def test_an_inverse_short_of_leverage_one_has_no_liquidation_price() -> None:
    # a coin's loss never exceeds the coin that is posted: Q/E = 1, M = 1
    terms = calc.Terms.of(maintenance_rate=0.005, inverse=True)
    position = calc.Position.opened("short", 10_000.0, 10_000.0, terms=terms, leverage=1)
    assert position.margin == 1.0
    assert calc.liquidation_price(position) is None
    assert calc.bankruptcy_price(position) is None


def test_a_short_that_is_past_it_at_every_price_has_none_and_is_liquidated() -> None:
    position = calc.Position.opened("short", 1.0, 100.0, terms=calc.Terms.of(maintenance_rate=0.01), margin=-200.0)
    assert calc.liquidation_price(position) is None
    assert calc.is_liquidated(position)


def test_the_maintenance_margin_that_is_reported_has_the_fees_where_the_venue_says_so() -> None:
    # a value of 1,000 at 0.5 %; OKX reports 5 and liquidates at 5 + 0.05 %; Bitget reports 5.6 (0.06 % more)
    for venue, fee, reported, needed in (("okx", 0.0005, 5.0, 5.5), ("bitget", 0.0006, 5.6, 5.6)):
        terms = calc.Terms.of(venue=venue, maintenance_rate=0.005, taker=fee)
        position = calc.Position.opened("long", 10.0, 100.0, terms=terms, leverage=10)
        assert calc.maintenance_margin(position) == pytest.approx(reported)
        assert calc.requirement(position) == pytest.approx(needed)


@pytest.mark.parametrize(
    ("rounding", "long", "short"),
    [
        (LiquidationRounding.NONE, 91.234, 108.766),
        (LiquidationRounding.AGAINST_TRADER, 91.5, 108.5),
        (LiquidationRounding.TICK_BEYOND, 91.734, 108.266),
        (LiquidationRounding.CENT, 91.23, 108.77),
    ],
)
def test_a_printed_price_is_rounded_as_the_venue_rounds(
    rounding: LiquidationRounding, long: float, short: float
) -> None:
    terms = calc.Terms.of(maintenance_rate=0.005)
    contract = terms.contract.copy()
    contract["tick"] = 0.5
    listed = replace(terms, contract=contract, rules=replace(terms.rules, rounding=rounding))
    for side, price, printed in (("long", 91.234, long), ("short", 108.766, short)):
        position = calc.Position.opened(side, 1.0, 100.0, terms=listed, leverage=10)
        assert calc.printed_price(position, price) == pytest.approx(printed, abs=1e-9)
        assert calc.printed_price(replace(position, terms=terms), price) is None


def test_what_returns_when_the_whole_is_liquidated() -> None:
    # at 54,216.87 the balance is the maintenance margin of 108.43; Binance takes 1.25 % of 27,108 and leaves nothing;
    # at a fee of 0.1 % 81.33 would return; Bybit settles at the bankruptcy price
    assert calc.assess(LONG).returned == pytest.approx(108.433735, abs=1e-6)
    binance = calc.Position.opened("long", 0.5, 60_000.0, terms=calc.Terms.of(symbol="BTCUSDT"), leverage=10)
    assert calc.assess(binance).returned == 0.0
    contract = LONG.terms.contract.copy()
    contract["liquidation_fee"] = 0.001
    light = replace(LONG, terms=replace(LONG.terms, contract=contract))
    assert calc.assess(light).returned == pytest.approx(108.433735 - 27.108434, abs=1e-6)
    bybit = calc.Position.opened("long", 0.5, 60_000.0, terms=calc.Terms.of(venue="bybit"), leverage=10)
    assert calc.assess(bybit).returned == 0.0
    one = calc.Position.opened("long", 0.5, 60_000.0, terms=calc.Terms.of(maintenance_rate=0.004), leverage=1)
    assert calc.assess(one).returned is None
