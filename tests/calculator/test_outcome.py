"""What closing brings, and which price brings a profit, by hand."""

from __future__ import annotations

import pytest

from backtest import calculator as calc

PLAIN = calc.Terms.of(maintenance_rate=0.004, taker=0.0005)
LONG = calc.Position.opened("long", 0.5, 60_000.0, terms=PLAIN, leverage=10)


def test_break_even_pays_both_fees_and_the_funding() -> None:
    short = calc.Position.opened("short", 0.5, 60_000.0, terms=PLAIN, leverage=10)
    assert calc.break_even(LONG) == pytest.approx(60_000.0 * 1.0005 / 0.9995)
    assert calc.break_even(short) == pytest.approx(60_000.0 * 0.9995 / 1.0005)
    # (30000 + 15 + 30) / 0.9995 / 0.5
    assert calc.break_even(LONG, calc.Costs(funding_paid=30.0)) == pytest.approx(30_045.0 / 0.9995 / 0.5)
    assert calc.break_even(LONG, calc.Costs(opening_fee=0.0, closing_fee=0.0)) == pytest.approx(60_000.0)


def test_break_even_of_an_inverse_position() -> None:
    # Q/E - Q/p = f Q/E + f Q/p
    terms = calc.Terms.of(maintenance_rate=0.005, taker=0.0005, inverse=True)
    position = calc.Position.opened("long", 1_000.0, 10_000.0, terms=terms, leverage=5)
    assert calc.break_even(position) == pytest.approx(10_000.0 * 1.0005 / 0.9995)


def test_a_short_that_has_paid_more_than_its_value_never_breaks_even() -> None:
    short = calc.Position.opened("short", 0.5, 60_000.0, terms=PLAIN, leverage=1)
    assert calc.break_even(short, calc.Costs(funding_paid=40_000.0)) is None


def test_what_closing_brings() -> None:
    # 0.5 x 6,000 less 15 and 16.5; a tenth of the price, and 98.95 % of 3,000
    found = calc.outcome(LONG, 66_000.0)
    assert (found.pnl, found.opening_fee, found.closing_fee, found.net) == (3_000.0, 15.0, 16.5, 2_968.5)
    assert (found.roe, found.return_price) == (pytest.approx(0.9895), pytest.approx(0.1))
    assert calc.outcome(LONG, 66_000.0, calc.Costs(funding_paid=68.5)).net == pytest.approx(2_900.0)


def test_the_price_of_a_profit_brings_it() -> None:
    inverse = calc.Position.opened(
        "short", 1_000.0, 10_000.0, terms=calc.Terms.of(maintenance_rate=0.005, taker=0.0005, inverse=True), leverage=5
    )
    for position, profit in ((LONG, 2_968.5), (LONG, -500.0), (inverse, 0.01)):
        price = calc.price_for(position, profit)
        assert price is not None
        assert calc.outcome(position, price).net == pytest.approx(profit)
    assert calc.price_for(LONG, 2_968.5) == pytest.approx(66_000.0)


def test_a_profit_above_the_value_of_a_short_has_no_price() -> None:
    short = calc.Position.opened("short", 0.5, 60_000.0, terms=PLAIN, leverage=10)
    assert calc.price_for(short, 30_000.0) is None
