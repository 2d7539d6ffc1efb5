"""Liquidation: rules 2.3, 2.7 and section 5.

A long of 1 at 100 with 10x has a margin of 10 and a liquidation price of 90 / 0.99.
"""

from __future__ import annotations

import pytest

from backtest.enums import LedgerKind, LiquidationStyle, NoticeKind, OrderKind, Reason
from tests.rulebook.scene import Scene, Symbol, flat

LONG = 90.0 / 0.99  # 90.9090...
SHORT = 110.0 / 1.01  # 108.9108...
CALM = [flat(100.0), flat(100.0)]


def test_a_long_is_liquidated_where_the_mark_meets_the_liquidation_price() -> None:
    row = (
        Scene(bars=[*CALM, (100.0, 100.0, 90.0, 95.0)])
        .buy(0, quantity=1, leverage=10)
        .play()
        .row(LedgerKind.LIQUIDATION)
    )
    assert row["price"] == pytest.approx(LONG)
    assert row["segment"] == 1
    # on the way from 100 to 90
    assert row["fraction"] == pytest.approx((100.0 - LONG) / 10.0)


def test_a_short_is_liquidated_above() -> None:
    row = (
        Scene(bars=[*CALM, (100.0, 112.0, 100.0, 100.0)])
        .sell(0, quantity=1, leverage=10)
        .play()
        .row(LedgerKind.LIQUIDATION)
    )
    assert row["price"] == pytest.approx(SHORT)


def test_a_gap_is_liquidated_at_the_open() -> None:
    row = Scene(bars=[*CALM, flat(90.5)]).buy(0, quantity=1, leverage=10).play().row(LedgerKind.LIQUIDATION)
    assert (row["segment"], row["price"]) == (0, 90.5)


def test_a_gap_beyond_the_bankruptcy_price_costs_the_margin_and_no_more() -> None:
    played = Scene(bars=[*CALM, flat(50.0)]).buy(0, quantity=1, leverage=10).play()
    row = played.row(LedgerKind.LIQUIDATION)
    assert row["price"] == pytest.approx(90.0)
    assert row["margin"] == pytest.approx(-10.0)
    assert row["wallet"] == 0.0
    assert played.wallet() == pytest.approx(990.0)


@pytest.mark.parametrize(
    ("fee", "charged", "returned"),
    [
        # 1.25 % of 90.909 is 1.136, but only the maintenance margin of 0.90909 is left
        pytest.param(0.0125, LONG * 0.01, 0.0, id="the fee takes all that is left"),
        pytest.param(0.004, LONG * 0.004, LONG * 0.006, id="the rest returns"),
    ],
)
def test_the_liquidation_fee_is_taken_from_what_is_left(fee: float, charged: float, returned: float) -> None:
    symbol = Symbol(bars=[*CALM, (100.0, 100.0, 90.0, 95.0)], liquidation_fee=fee)
    row = Scene(symbols=[symbol]).buy(0, quantity=1, leverage=10).play().row(LedgerKind.LIQUIDATION)
    assert row["liquidation_fee"] == pytest.approx(charged)
    assert row["wallet"] == pytest.approx(returned)


def test_in_the_bankruptcy_style_nothing_returns() -> None:
    scene = Scene(bars=[*CALM, (100.0, 100.0, 90.0, 95.0)], style=LiquidationStyle.BANKRUPTCY)
    played = scene.buy(0, quantity=1, leverage=10).play()
    row = played.row(LedgerKind.LIQUIDATION)
    # taken over at the bankruptcy price of 90, at which nothing is left, though the mark stands at 90.909
    assert (row["price"], row["mark_price"]) == (pytest.approx(90.0), pytest.approx(LONG))
    assert row["pnl"] == pytest.approx(10.0)
    assert played.wallet() == pytest.approx(990.0)


@pytest.mark.parametrize(("strict", "liquidated"), [(False, True), (True, False)])
def test_a_mark_exactly_at_the_liquidation_price_liquidates_unless_the_venue_is_strict(
    strict: bool, liquidated: bool
) -> None:
    symbol = Symbol(bars=[*CALM, (100.0, 125.0, 100.0, 100.0)], tiers=((0.0, float("inf"), 0.2, 0.0, 125.0),))
    # a short of 1 at 100 with 2x: (100 + 50) / 1.2 = 125, the high of the bar
    played = Scene(symbols=[symbol], strict=strict).sell(0, quantity=1, leverage=2).play()
    assert (LedgerKind.LIQUIDATION in played.kinds()) is liquidated


def test_a_fill_beyond_the_liquidation_price_is_liquidated_at_the_same_open() -> None:
    # bought at 100 while the mark stands at 90.5
    symbol = Symbol(bars=[flat(100.0)] * 2, marks=[flat(90.5)] * 2)
    played = Scene(symbols=[symbol]).buy(0, quantity=1, leverage=10).play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.LIQUIDATION]
    assert played.row(LedgerKind.LIQUIDATION)["bar"] == 1


def test_the_symbols_orders_are_cancelled_and_their_reserves_freed() -> None:
    scene = Scene(bars=[*CALM, (100.0, 100.0, 90.0, 95.0), flat(95.0)])
    scene.buy(0, quantity=1, leverage=10)
    scene.buy(0, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=80.0)
    played = scene.play()
    assert played.reasons(NoticeKind.CANCELLATION) == [Reason.POSITION_LIQUIDATED]
    assert played.account["reserved"] == pytest.approx(0.0)


def test_margin_added_at_the_open_is_too_late_for_a_liquidation_at_that_open() -> None:
    scene = Scene(bars=[*CALM, flat(90.5)]).buy(0, quantity=1, leverage=10).add_margin(1, 100.0)
    played = scene.play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.LIQUIDATION]
    assert played.reasons(NoticeKind.REJECTION) == [Reason.NO_POSITION]


def test_margin_added_in_time_saves_the_position() -> None:
    scene = Scene(bars=[*CALM, (100.0, 100.0, 90.0, 95.0)]).buy(0, quantity=1, leverage=10).add_margin(1, 5.0)
    assert scene.play().kinds() == [LedgerKind.OPEN, LedgerKind.ADD_MARGIN]


def test_one_position_liquidated_leaves_the_margin_of_the_other_alone() -> None:
    falling = Symbol(bars=[*CALM, (100.0, 100.0, 50.0, 60.0)])
    other = Symbol(bars=[flat(100.0)] * 3)
    scene = (
        Scene(symbols=[falling, other]).buy(0, quantity=1, leverage=10, leg=0).buy(0, quantity=1, leverage=10, leg=1)
    )
    played = scene.play()
    assert played.row(LedgerKind.LIQUIDATION)["leg"] == 0
    # 1000 - 10 lost - 10 still locked, and 0.909 of maintenance margin back
    assert played.wallet() == pytest.approx(980.0 + LONG * 0.01)
    assert played.outcome.account.positions[1].margin == 10
