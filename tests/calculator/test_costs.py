"""Fees, funding and time, by hand."""

from __future__ import annotations

import math

import pytest

from backtest import calculator as calc

PLAIN = calc.Terms.of(maintenance_rate=0.004, taker=0.0005)
LONG = calc.Position.opened("long", 0.5, 60_000.0, terms=PLAIN, leverage=10)


def test_break_even_pays_both_fees_and_the_funding() -> None:
    short = calc.Position.opened("short", 0.5, 60_000.0, terms=PLAIN, leverage=10)
    assert calc.break_even(LONG) == pytest.approx(60_000.0 * 1.0005 / 0.9995)
    assert calc.break_even(short) == pytest.approx(60_000.0 * 0.9995 / 1.0005)
    # (30000 + 15 + 30) / 0.9995 / 0.5
    assert calc.break_even(LONG, funding_paid=30.0) == pytest.approx(30_045.0 / 0.9995 / 0.5)
    assert calc.break_even(LONG, opening_fee=0.0, closing_fee=0.0) == pytest.approx(60_000.0)


def test_break_even_of_an_inverse_position() -> None:
    # Q/E - Q/p = f Q/E + f Q/p
    terms = calc.Terms.of(maintenance_rate=0.005, taker=0.0005, inverse=True)
    position = calc.Position.opened("long", 1_000.0, 10_000.0, terms=terms, leverage=5)
    assert calc.break_even(position) == pytest.approx(10_000.0 * 1.0005 / 0.9995)


def test_a_short_that_has_paid_more_than_its_value_never_breaks_even() -> None:
    short = calc.Position.opened("short", 0.5, 60_000.0, terms=PLAIN, leverage=1)
    assert calc.break_even(short, funding_paid=40_000.0) is None


def test_how_long_a_margin_lasts() -> None:
    # (3000 - 120) / 3 settlements; each moves the liquidation price by 3 / (0.5 x 0.996)
    found = calc.endurance(LONG, 0.0001)
    assert (found.payment, found.intervals) == (pytest.approx(3.0), pytest.approx(960.0))
    assert found.shift == pytest.approx(3.0 / 0.498)
    assert calc.endurance(LONG, 0.001).intervals == pytest.approx(96.0)
    assert math.isinf(calc.endurance(LONG, -0.0001).intervals)
    assert calc.endurance(LONG, 0.0001, mark_price=54_000.0).intervals == 0.0


def test_where_the_wallet_pays_first_it_lasts_as_long_as_the_wallet_and_the_margin() -> None:
    # 0.5 x 60,000 at 0.5 %: 150; fee to close 0.0005 x 27,000 = 13.5 in margin and requirement alike
    terms = calc.Terms.of(venue="bybit", date="2022-06-01", maintenance_rate=0.005, taker=0.0005)
    position = calc.Position.opened("long", 0.5, 60_000.0, terms=terms, leverage=10)
    found = calc.endurance(position, 0.0001, wallet=300.0)
    assert (found.from_wallet, found.intervals) == (pytest.approx(100.0), pytest.approx(100.0 + 2_850.0 / 3.0))


def test_where_funding_cannot_liquidate_it_lasts_for_ever() -> None:
    terms = calc.Terms.of(venue="okx", maintenance_rate=0.005)
    found = calc.endurance(calc.Position.opened("long", 0.5, 60_000.0, terms=terms, leverage=10), 0.0001)
    assert math.isinf(found.intervals)
    assert "OKX takes no funding" in found.reason


def test_the_ladder_of_a_long() -> None:
    # (30000 - 30000 / L) / (0.5 x 0.996)
    rungs = calc.ladder("long", 0.5, 60_000.0, PLAIN, [1, 2, 3, 5, 10, 20, 50, 100])
    prices = [None, 30_120.48, 40_160.64, 48_192.77, 54_216.87, 57_228.92, 59_036.14, 59_638.55]
    assert [rung.liquidation_price for rung in rungs] == [
        price if price is None else pytest.approx(price, abs=0.005) for price in prices
    ]
    assert rungs[-1].fees_on_margin == pytest.approx(0.1)  # twice 15 of 300
    short = calc.ladder("short", 0.5, 60_000.0, PLAIN, [10])[0]
    assert short.liquidation_price == pytest.approx(65_737.05, abs=0.005)  # 33,000 / (0.5 x 1.004)


def test_a_ladder_without_a_list_ends_at_the_tiers_cap() -> None:
    rungs = calc.ladder("long", 10.0, 60_000.0, calc.Terms.of(symbol="BTCUSDT", date="2022-07-03"))
    assert [rung.leverage for rung in rungs] == [1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 25.0, 50.0]  # 600,000: 50x
    beyond = calc.ladder("long", 10.0, 60_000.0, calc.Terms.of(symbol="BTCUSDT", date="2022-07-03"), [75])
    assert not beyond[0].offered
