"""Reducing, closing and reversing: rules 4.3 and 4.6."""

from __future__ import annotations

import pytest

from backtest.enums import LedgerKind, NoticeKind, Reason
from tests.rulebook.scene import Scene, Symbol, flat


def test_reducing_realises_and_releases_in_proportion() -> None:
    scene = Scene(symbols=[Symbol(bars=[flat(100.0), flat(100.0), flat(104.0)], taker=0.001)])
    row = scene.buy(0, quantity=2, leverage=10).sell(1, quantity=1).play().row(LedgerKind.CLOSE)
    # realised 1 x 4, released half of 20, fee 104 x 0.001
    assert row["pnl"] == pytest.approx(-4.0)
    assert row["margin"] == pytest.approx(-10.0)
    assert row["wallet"] == pytest.approx(14.0 - 0.104)
    assert (row["entry_after"], row["position_after"]) == (100.0, 1.0)


def test_added_margin_is_released_in_proportion_too() -> None:
    scene = Scene(bars=[flat(100.0)] * 4).buy(0, quantity=2, leverage=10).add_margin(1, 30.0)
    assert scene.sell(2, quantity=1).play().row(LedgerKind.CLOSE)["wallet"] == pytest.approx(25.0)


def test_a_loss_beyond_the_released_margin_is_taken_from_the_margin_that_remains() -> None:
    # the last price falls, the mark does not: closing one of two at 85 realises -15 and releases 10
    bars = [flat(100.0), flat(100.0), flat(85.0)]
    symbol = Symbol(bars=bars, marks=[flat(100.0)] * 3)
    row = Scene(symbols=[symbol]).buy(0, quantity=2, leverage=10).sell(1, quantity=1).play().row(LedgerKind.CLOSE)
    assert row["wallet"] == 0.0
    assert row["margin"] == pytest.approx(-15.0)
    assert row["margin_after"] == pytest.approx(5.0)


def test_beyond_that_the_insurance_fund_pays_and_never_the_wallet() -> None:
    bars = [flat(100.0), flat(100.0), flat(70.0)]
    symbol = Symbol(bars=bars, marks=[flat(100.0)] * 3)
    played = Scene(symbols=[symbol]).buy(0, quantity=2, leverage=10).sell(1, quantity=1).play()
    row = played.row(LedgerKind.CLOSE)
    # -30 realised, 10 released, 10 from what remains: 10 short
    assert row["wallet"] == 0.0
    assert row["margin_after"] == pytest.approx(0.0)
    assert row["insurance"] == pytest.approx(-10.0)
    assert played.wallet() == pytest.approx(980.0)


def test_an_order_larger_than_an_opposite_position_closes_it_and_opens_the_other_way() -> None:
    scene = Scene(bars=[flat(100.0), flat(100.0), flat(110.0)])
    played = scene.buy(0, quantity=1, leverage=10).sell(1, quantity=3, leverage=5).play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.CLOSE, LedgerKind.OPEN]
    close, reopened = played.ledger[2], played.ledger[3]
    assert (close["quantity"], close["position_after"], close["trade"]) == (-1.0, 0.0, 1)
    assert (reopened["quantity"], reopened["entry_after"], reopened["trade"]) == (-2.0, 110.0, 2)
    # 1000 + 10 won, less 2 x 110 / 5
    assert played.wallet() == pytest.approx(966.0)


def test_a_reversal_whose_other_side_is_refused_still_closes() -> None:
    # 1000 x 110 / 5 is beyond the wallet
    scene = Scene(bars=[flat(100.0), flat(100.0), flat(110.0)])
    played = scene.buy(0, quantity=1, leverage=10).sell(1, quantity=1_000, leverage=5).play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.CLOSE]
    assert played.reasons(NoticeKind.REJECTION) == [Reason.INSUFFICIENT_MARGIN]
    assert played.wallet() == pytest.approx(1_010.0)


def test_a_reduce_only_order_is_cut_to_the_position_and_never_reverses_it() -> None:
    scene = Scene(bars=[flat(100.0)] * 3).buy(0, quantity=1, leverage=10).sell(1, quantity=5, reduce_only=1)
    played = scene.play()
    assert played.row(LedgerKind.CLOSE)["quantity"] == -1.0
    assert played.wallet() == pytest.approx(1_000.0)


@pytest.mark.parametrize(("quantity", "reduce_only"), [(0.01, 1), (0.2, 0)])
def test_reduce_only_orders_and_those_that_close_the_position_need_no_minimum_notional(
    quantity: float, reduce_only: int
) -> None:
    # opened for 0.2 x 100 = 20, which has fallen to 4 a piece of 0.2 x 20
    bars = [flat(100.0), flat(100.0), flat(20.0)]
    symbol = Symbol(bars=bars, marks=[flat(100.0)] * 3, minimum_notional=5.0)
    scene = Scene(symbols=[symbol]).buy(0, quantity=0.2, leverage=1)
    played = scene.sell(1, quantity=quantity, reduce_only=reduce_only).play()
    assert played.row(LedgerKind.CLOSE)["quantity"] == pytest.approx(-quantity)


def test_scaling_in_and_out_with_a_change_of_leverage_between() -> None:
    # 1 at 100 with 5x: 20; raised to 10x, the 20 stay; 3 at 120 with 10x: 36 more, entry (100 + 360) / 4 = 115;
    # then a quarter out at 130: 14 of the 56 and 15 of profit
    scene = Scene(bars=[flat(100.0), flat(100.0), flat(120.0), flat(130.0)]).buy(0, quantity=1, leverage=5)
    scene.set_leverage(1, 10).buy(1, quantity=3).sell(2, quantity=1)
    rows = scene.play().ledger[1:]
    assert rows["margin_after"].tolist() == pytest.approx([20.0, 20.0, 56.0, 42.0])
    assert rows["entry_after"].tolist() == pytest.approx([100.0, 100.0, 115.0, 115.0])
    assert rows["leverage_after"].tolist() == [5.0, 10.0, 10.0, 10.0]
    assert rows[3]["wallet"] == pytest.approx(14.0 + 15.0)


def test_a_flip_in_one_order_opens_with_the_leverage_set_in_between() -> None:
    # long 1 at 100 with 5x; raised to 10x; sell 3 at 110: 20 and 10 come back, 2 open short with 2 x 110 / 10 = 22
    scene = Scene(bars=[flat(100.0), flat(100.0), flat(110.0)]).buy(0, quantity=1, leverage=5)
    played = scene.set_leverage(1, 10).sell(1, quantity=3).play()
    closed, opened = played.row(LedgerKind.CLOSE), played.rows(LedgerKind.OPEN)[1]
    assert (closed["wallet"], closed["position_after"]) == (pytest.approx(30.0), 0.0)
    assert (opened["position_after"], opened["margin_after"], opened["leverage_after"]) == (-2.0, 22.0, 10.0)
    assert played.wallet() == pytest.approx(1_000.0 + 10.0 - 22.0)


def test_a_flip_in_one_order_may_name_another_leverage() -> None:
    # long 1 at 100 with 10x, sell 2 with 4x: 1 opens short with 100 / 4
    scene = Scene(bars=[flat(100.0)] * 3).buy(0, quantity=1, leverage=10).sell(1, quantity=2, leverage=4)
    opened = scene.play().rows(LedgerKind.OPEN)[1]
    assert (opened["margin_after"], opened["leverage_after"]) == (25.0, 4.0)
