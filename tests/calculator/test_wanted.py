"""The questions asked backwards, against figures worked out by hand and against the forward functions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from backtest import calculator as calc
from backtest.calculator.wanted import add_for_entry, closed, distance_of, enlarge
from backtest.errors import UsageError

PLAIN = calc.Terms.of(maintenance_rate=0.004, taker=0.0005)
LONG = calc.Position.opened("long", 0.5, 60_000.0, terms=PLAIN, leverage=10)
VENUES = ("binance", "bybit", "okx", "gate", "bitget", "kucoin", "bitmex", "deribit", "hyperliquid", "dydx")


def test_a_top_up_for_a_price_and_for_a_distance() -> None:
    # 30,000 - 0.5 x 0.996 x 50,000 = 5,100 of margin, of which 3,000 are there; for 54,000: 3,108
    assert calc.top_up_for(LONG, liquidation_price=50_000.0) == pytest.approx(2_100.0)
    assert calc.top_up_for(LONG, distance=0.1, mark_price=60_000.0) == pytest.approx(108.0)
    assert calc.top_up_for(LONG, liquidation_price=55_000.0) == pytest.approx(-390.0)


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("side", ["long", "short"])
def test_a_top_up_brings_the_price_that_was_wanted_at_every_venue(venue: str, side: str) -> None:
    for date in ("2021-06-01", "2026-06-01"):
        terms = calc.Terms.of(venue=venue, date=date)
        scale = 100_000.0 if terms.inverse else 2.0
        position = calc.Position.opened(side, scale, 50_000.0, terms=terms, leverage=5)
        target = 35_000.0 if side == "long" else 65_000.0
        after = position.adding(calc.top_up_for(position, liquidation_price=target))
        assert calc.liquidation_price(after) == pytest.approx(target, rel=1e-12)


def test_a_top_up_needs_one_wish() -> None:
    for wish in ({}, {"liquidation_price": 5.0, "distance": 0.1}, {"distance": 0.1}):
        with pytest.raises(UsageError, match="give"):
            calc.top_up_for(LONG, **wish)


def test_the_highest_leverage_that_keeps_a_stop_before_the_liquidation() -> None:
    # at 57,000 x 0.99 = 56,430: 0.4 % x 28,215 + 1,785 of loss = 1,897.86 of margin, which is 15.807x
    terms = calc.Terms.of(symbol="BTCUSDT")
    found = calc.max_leverage("long", 0.5, 60_000.0, terms, stop=57_000.0, buffer=0.01)
    assert (found.leverage, found.next_leverage, found.cap) == (15.0, 16.0, 150.0)
    assert found.exact == pytest.approx(30_000.0 / 1_897.86)
    assert calc.liquidation_price(found.position) == pytest.approx(56_224.90, abs=0.005)


def test_the_highest_leverage_ends_at_the_tiers_cap() -> None:
    found = calc.max_leverage("short", 0.5, 60_000.0, calc.Terms.of(symbol="BTCUSDT"), stop=60_010.0)
    assert (found.leverage, found.next_leverage) == (150.0, None)
    assert found.exact > 150.0


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("side", ["long", "short"])
def test_one_step_more_of_leverage_would_be_liquidated_before_the_stop(venue: str, side: str) -> None:
    terms = calc.Terms.of(venue=venue, date="2026-06-01")
    quantity = 100_000.0 if terms.inverse else 2.0
    stop = 47_000.0 if side == "long" else 53_000.0
    found = calc.max_leverage(side, quantity, 50_000.0, terms, stop=stop)
    assert distance_of(found.position, stop) >= 0.0
    assert found.next_leverage is not None
    following = calc.Position.opened(side, quantity, 50_000.0, terms=terms, leverage=found.next_leverage)
    assert calc.is_liquidated(following, stop)
    assert not calc.is_liquidated(found.position, stop * (1.0 + (1e-9 if side == "long" else -1e-9)))


def test_a_stop_that_no_leverage_serves_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="wrong side"):
        calc.max_leverage("long", 0.5, 60_000.0, PLAIN, stop=61_000.0)
    with pytest.raises(UsageError, match="even a leverage of 1"):
        calc.max_leverage("short", 0.5, 60_000.0, PLAIN, stop=125_000.0)


def test_sizes() -> None:
    assert calc.size_for_margin("long", 60_000.0, PLAIN, margin=3_000.0, leverage=10.0) == pytest.approx(0.5)
    assert calc.size_for_risk("long", 60_000.0, PLAIN, loss=500.0, stop=57_000.0) == pytest.approx(1.0 / 6.0)
    # 3,000 / (60,000 - 0.996 x 50,000)
    found = calc.size_for_liquidation("long", 60_000.0, PLAIN, margin=3_000.0, liquidation_price=50_000.0)
    assert found == pytest.approx(3_000.0 / 10_200.0, rel=1e-9)


def test_sizes_are_rounded_down_to_the_lot() -> None:
    terms = calc.Terms.of(symbol="BTCUSDT")
    assert calc.size_for_risk("short", 60_000.0, terms, loss=500.0, stop=63_000.0) == 0.166
    assert calc.size_for_liquidation("long", 60_000.0, terms, margin=3_000.0, liquidation_price=50_000.0) == 0.294


def test_the_size_of_an_inverse_risk() -> None:
    # a long of Q quote units loses Q x (1/8000 - 1/10000) of coin between 10,000 and 8,000: 0.1 for 4,000
    terms = calc.Terms.of(maintenance_rate=0.005, inverse=True)
    assert calc.size_for_risk("long", 10_000.0, terms, loss=0.1, stop=8_000.0) == pytest.approx(4_000.0)
    assert calc.size_for_margin("long", 10_000.0, terms, margin=0.1, leverage=5.0) == pytest.approx(5_000.0)


def test_a_size_on_the_wrong_side_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="wrong side"):
        calc.size_for_risk("long", 60_000.0, PLAIN, loss=500.0, stop=63_000.0)
    with pytest.raises(UsageError, match="wrong side"):
        calc.size_for_liquidation("short", 60_000.0, PLAIN, margin=500.0, liquidation_price=50_000.0)


def test_the_part_to_close_that_restores_a_distance() -> None:
    # closing x at 56,000 and putting back what it frees: own margin 3000 - 4028 x (loss and fee) on 0.5 - x; a price
    # of 53,200 asks for (60000 - 0.996 x 53200) = 7012.8 a unit: x = 506.4 / 2984.8
    found = calc.close_for(LONG, 56_000.0, 0.05)
    assert found.quantity == pytest.approx(506.4 / 2_984.8)
    assert found.position.margin == pytest.approx(3_000.0 - 4_028.0 * found.quantity)
    assert calc.liquidation_price(found.position) == pytest.approx(53_200.0)
    # taken to the wallet instead, the margin goes in proportion and the price stays
    alone = found.position.adding(-found.released)
    assert calc.liquidation_price(alone) == pytest.approx(54_216.867469879518)


@pytest.mark.parametrize(
    ("mark", "distance", "message"), [(60_000.0, 0.05, "away already"), (54_010.0, 0.05, "no part")]
)
def test_a_distance_that_no_part_restores_is_wrong_use(mark: float, distance: float, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        calc.close_for(LONG, mark, distance)


def test_closing_more_than_there_is_or_all_of_it() -> None:
    with pytest.raises(UsageError, match=r"the position is 0\.5"):
        calc.closing(LONG, 0.6, 60_000.0)
    with pytest.raises(UsageError, match="leaves nothing"):
        calc.closing(LONG, 0.5, 60_000.0)
    # 3,000 released + 500 realised - 15.25 of fee
    assert closed(LONG, 0.5, 61_000.0) == (None, 500.0, pytest.approx(3_484.75))


def test_averaging_in() -> None:
    # (0.5 x 60000 + 0.2 x 56000) / 0.7; margin 3000 + 1120
    after = enlarge(LONG, 0.2, 56_000.0)
    assert (after.quantity, after.margin) == (pytest.approx(0.7), pytest.approx(4_120.0))
    assert after.entry_price == pytest.approx(41_200.0 / 0.7)
    assert enlarge(LONG, 0.2, 56_000.0, 20.0).margin == pytest.approx(3_560.0)
    assert add_for_entry(LONG, 56_000.0, 58_000.0) == pytest.approx(0.5)


def test_averaging_an_inverse_position_takes_the_mean_of_the_coins() -> None:
    # 10,000 at 10,000 is 1 coin, 10,000 at 5,000 are 2: 20,000 for 3
    terms = calc.Terms.of(maintenance_rate=0.005, inverse=True)
    position = calc.Position.opened("long", 10_000.0, 10_000.0, terms=terms, leverage=5)
    assert enlarge(position, 10_000.0, 5_000.0).entry_price == pytest.approx(20_000.0 / 3.0)
    assert add_for_entry(position, 5_000.0, 20_000.0 / 3.0) == pytest.approx(10_000.0)


def test_an_entry_price_that_no_addition_brings() -> None:
    with pytest.raises(UsageError, match="does not lie between"):
        add_for_entry(LONG, 56_000.0, 55_000.0)


def test_the_distance_of_a_position_without_a_liquidation_price_is_infinite() -> None:
    one = calc.Position.opened("long", 0.5, 60_000.0, terms=PLAIN, leverage=1)
    assert math.isinf(distance_of(one, 60_000.0))
    assert distance_of(LONG, 50_000.0) == 0.0


def test_the_entry_with_which_a_leverage_outlives_a_price() -> None:
    # E x 0.9 / 0.996 = 54,000; a short: E x 1.1 / 1.004 = 66,000
    found = calc.entry_for("long", 0.5, PLAIN, leverage=10, liquidation_price=54_000.0)
    assert found == pytest.approx(54_000.0 * 0.996 / 0.9)
    found = calc.entry_for("short", 0.5, PLAIN, leverage=10, liquidation_price=66_000.0)
    assert found == pytest.approx(66_000.0 * 1.004 / 1.1)
    with pytest.raises(UsageError, match="from any entry"):
        calc.entry_for("long", 0.5, PLAIN, leverage=1, liquidation_price=54_000.0)
    with pytest.raises(UsageError, match="no distance at all"):
        calc.entry_for("long", 0.5, PLAIN, leverage=300, liquidation_price=54_000.0)


def jumping() -> calc.Terms:
    """Two tiers of the whole position: 1 % up to a notional of 950, 10 % above."""
    terms = calc.Terms.of(maintenance_rate=0.01)
    rungs = np.concatenate([terms.tiers, terms.tiers])
    rungs["cap"], rungs["floor"], rungs["rate"] = (950.0, math.inf), (0.0, 950.0), (0.01, 0.1)
    return replace(terms, tiers=rungs, rules=replace(terms.rules, marginal=False))


def test_where_the_requirement_jumps_a_wish_is_outlived_and_not_only_met() -> None:
    # long 10 at 100: to come down to 94 it has to pass 95, where 95 are still required and 50 are lost: 145 of margin.
    # At 94 alone 9.4 + 60 would do.
    position = calc.Position.opened("long", 10.0, 100.0, terms=jumping(), leverage=5)
    assert calc.margin_for(position, 94.0) == pytest.approx(145.0)
    assert calc.margin_for(position, 94.0, 94.5) == pytest.approx(69.4)
    assert calc.top_up_for(position, liquidation_price=94.0) == pytest.approx(-55.0)
    found = calc.max_leverage("long", 10.0, 100.0, jumping(), stop=94.0)
    assert found.leverage == 6.89  # 1,000 / 145
