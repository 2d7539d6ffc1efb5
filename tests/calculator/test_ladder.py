"""A position at several leverages, by hand."""

from __future__ import annotations

import pytest

from backtest import calculator as calc

PLAIN = calc.Terms.of(maintenance_rate=0.004, taker=0.0005)


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
