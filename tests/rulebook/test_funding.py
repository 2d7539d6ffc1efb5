"""Funding: rule 2.2."""

from __future__ import annotations

import pytest

from backtest.enums import LedgerKind
from tests.rulebook.scene import Scene, Symbol, flat


def test_funding_is_quantity_times_mark_open_times_rate_and_leaves_the_margin() -> None:
    marks = [flat(100.0), flat(100.0), (101.0, 105.0, 99.0, 100.0)]
    symbol = Symbol(bars=[flat(100.0)] * 3, marks=marks, funding=[(2, 0.001)])
    played = Scene(symbols=[symbol]).buy(0, quantity=2, leverage=10).play()
    row = played.row(LedgerKind.FUNDING)
    # 2 x 101 x 0.001 = 0.202 out of 20
    assert row["funding"] == pytest.approx(0.202)
    assert row["margin_after"] == pytest.approx(19.798)
    assert row["wallet"] == 0.0
    # the liquidation price comes nearer: (200 - 19.798) / 1.98, from 90.909
    assert row["liquidation_after"] == pytest.approx(91.01111111111111)


def test_a_short_receives_what_a_long_pays() -> None:
    symbol = Symbol(bars=[flat(100.0)] * 3, funding=[(2, 0.001)])
    row = Scene(symbols=[symbol]).sell(0, quantity=2, leverage=10).play().row(LedgerKind.FUNDING)
    assert row["margin"] == pytest.approx(0.2)


def test_a_negative_rate_turns_it_round() -> None:
    symbol = Symbol(bars=[flat(100.0)] * 3, funding=[(2, -0.001)])
    row = Scene(symbols=[symbol]).buy(0, quantity=2, leverage=10).play().row(LedgerKind.FUNDING)
    assert row["margin"] == pytest.approx(0.2)


def test_a_position_opened_at_the_stamp_pays_nothing() -> None:
    symbol = Symbol(bars=[flat(100.0)] * 3, funding=[(1, 0.001)])
    assert Scene(symbols=[symbol]).buy(0, quantity=2, leverage=10).play().kinds() == [LedgerKind.OPEN]


def test_a_position_closed_at_the_stamp_still_pays() -> None:
    symbol = Symbol(bars=[flat(100.0)] * 3, funding=[(2, 0.001)])
    played = Scene(symbols=[symbol]).buy(0, quantity=2, leverage=10).sell(1, quantity=2).play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.FUNDING, LedgerKind.CLOSE]
    assert played.wallet() == pytest.approx(999.8)


@pytest.mark.parametrize(("rate", "liquidated"), [(0.089, False), (0.091, True)])
def test_funding_alone_can_liquidate(rate: float, liquidated: bool) -> None:
    # margin 10 on 100: maintenance 1 is reached when more than 9 has been paid
    symbol = Symbol(bars=[flat(100.0)] * 3, funding=[(2, rate)])
    played = Scene(symbols=[symbol]).buy(0, quantity=1, leverage=10).play()
    assert (LedgerKind.LIQUIDATION in played.kinds()) is liquidated


def test_a_short_of_10_000_at_5_basis_points_pays_5_each_time_15_a_day_and_495_in_33_days() -> None:
    """Binance Square, hashtag FundingRate (secondary): a 500 USDT margin at 20x is worn away by 8-hourly funding."""
    settlements = [(8 * number + 8, -0.0005) for number in range(99)]
    tiny = ((0.0, float("inf"), 0.0001, 0.0, 125.0),)
    symbol = Symbol(bars=[flat(1.0)] * 802, funding=settlements, tiers=tiny)
    played = Scene(symbols=[symbol]).sell(0, quantity=10_000, leverage=20).play()
    paid = played.rows(LedgerKind.FUNDING)["funding"]
    assert paid[0] == pytest.approx(5.0, abs=1e-6)
    assert paid[:3].sum() == pytest.approx(15.0, abs=1e-6)
    assert len(paid) == 99
    assert paid.sum() == pytest.approx(495.0, abs=1e-6)
