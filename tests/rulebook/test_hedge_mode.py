"""Hedge mode: rule 1.5. Legs 0 and 1 are the long and the short of one symbol; 1 % maintenance, no fees."""

from __future__ import annotations

import pytest

from backtest.enums import LedgerKind, NoticeKind, OrderKind, Reason, SizeKind
from tests.rulebook.scene import GONE, Scene, Symbol, flat

LONG, SHORT = 0, 1
CALM = [flat(100.0), flat(100.0)]


def both(*bars: tuple[float, float, float, float], **symbol: object) -> Scene:
    """A long of 1 at 10x and a short of 1 at 5x beside it, from bar 1 on."""
    scene = Scene(symbols=[Symbol(bars=[*CALM, *bars], **symbol)], hedge=True)  # type: ignore[arg-type]
    scene.buy(0, leg=LONG, quantity=1, leverage=10)
    return scene.sell(0, leg=SHORT, quantity=1, leverage=5)


def test_a_symbol_has_a_long_and_a_short_each_with_its_own_margin_leverage_and_liquidation_price() -> None:
    opened = both().play().rows(LedgerKind.OPEN)
    assert opened["position_after"].tolist() == [1.0, -1.0]
    assert opened["margin_after"].tolist() == [10.0, 20.0]
    assert opened["leverage_after"].tolist() == [10.0, 5.0]
    # (100 - 10) / (1 - 0.01) and (-100 - 20) / (-1 - 0.01)
    assert opened["liquidation_after"].tolist() == pytest.approx([90.0 / 0.99, 120.0 / 1.01])
    assert opened["trade"].tolist() == [1, 2]


def test_an_order_against_a_leg_reduces_it_and_never_turns_it() -> None:
    # the sell of 3 is cut to the long's 1; the short stays as it is
    played = both(flat(100.0)).sell(1, leg=LONG, quantity=3, leverage=10).play()
    row = played.row(LedgerKind.CLOSE)
    assert (row["quantity"], row["position_after"], row["leg"]) == (-1.0, 0.0, LONG)
    assert played.rows(LedgerKind.OPEN, LONG).size == 1


def test_an_order_against_a_leg_without_a_position_is_refused() -> None:
    played = Scene(symbols=[Symbol(bars=CALM)], hedge=True).buy(0, leg=SHORT, quantity=1, leverage=10).play()
    assert played.reasons(NoticeKind.REJECTION) == [Reason.REDUCE_ONLY_WITHOUT_POSITION]


def test_the_liquidation_of_a_leg_leaves_the_other_and_its_orders() -> None:
    # 90 lies beyond the long's 90.909; the short's take-profit at 85 goes on working and fills in bar 3
    scene = both((100.0, 100.0, 90.0, 95.0), (95.0, 95.0, 84.0, 85.0))
    scene.sell(1, leg=LONG, quantity=1, order_kind=OrderKind.STOP, trigger=80.0)
    scene.buy(1, leg=SHORT, quantity=1, order_kind=OrderKind.TAKE_PROFIT, trigger=85.0)
    played = scene.play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.OPEN, LedgerKind.LIQUIDATION, LedgerKind.CLOSE]
    assert (played.row(LedgerKind.LIQUIDATION)["leg"], played.row(LedgerKind.CLOSE)["leg"]) == (LONG, SHORT)
    assert played.reasons(NoticeKind.CANCELLATION) == [Reason.POSITION_LIQUIDATED]


def test_a_loss_of_one_leg_never_touches_the_margin_of_the_other() -> None:
    # the long loses its 10: 1000 - 30 + 0.909... at 90.909...; the short's 20 stand
    played = both((100.0, 100.0, 90.0, 95.0)).play()
    assert played.row(LedgerKind.LIQUIDATION)["margin"] == -10.0
    assert played.wallet() == pytest.approx(970.0 + 90.0 / 0.99 - 90.0)
    assert played.outcome.account.positions[SHORT].margin == 20


def test_funding_is_paid_on_both_legs_the_long_first() -> None:
    # 1 x 100 x 0.001 paid by the long, received by the short
    rows = both(flat(100.0), funding=[(2, 0.001)]).play().rows(LedgerKind.FUNDING)
    assert rows["leg"].tolist() == [LONG, SHORT]
    assert rows["funding"].tolist() == pytest.approx([0.1, -0.1])
    assert rows["margin_after"].tolist() == pytest.approx([9.9, 20.1])


def test_two_settlements_of_a_bar_are_paid_one_after_the_other_on_both_legs() -> None:
    rows = both(flat(100.0), funding=[(2, 0.001), (2, 0.002)]).play().rows(LedgerKind.FUNDING)
    assert rows["leg"].tolist() == [LONG, SHORT, LONG, SHORT]
    assert rows["funding"].tolist() == pytest.approx([0.1, -0.1, 0.2, -0.2])


def test_each_leg_has_its_own_bracket() -> None:
    scene = Scene(symbols=[Symbol(bars=[*CALM, (100.0, 106.0, 99.0, 105.0), flat(105.0)])], hedge=True)
    scene.buy(0, leg=LONG, quantity=1, leverage=2, take_profit=105.0, stop=90.0)
    scene.sell(0, leg=SHORT, quantity=1, leverage=2, take_profit=95.0, stop=106.0)
    played = scene.play()
    rows = played.rows(LedgerKind.CLOSE)
    # the short's path goes up first: stopped at 106 on its first leg; the long is low first
    assert rows[["leg", "price", "segment"]].tolist() == [(SHORT, 106.0, 1), (LONG, 105.0, 2)]
    assert played.reasons(NoticeKind.CANCELLATION) == [Reason.SIBLING_FILLED] * 2


def test_each_leg_has_its_own_top_up_policy() -> None:
    # the long's ratio 0.9 / (10 - 5) = 0.19 at 95; asked at 0.18 it adds 5 to the long alone
    scene = both((100.0, 100.0, 95.0, 98.0)).top_up(0, level=0.18, amount=5.0, budget=5.0, leg=LONG)
    row = scene.play().row(LedgerKind.TOP_UP)
    assert (row["leg"], row["margin_after"]) == (LONG, 15.0)


def test_margin_commands_name_a_leg() -> None:
    played = both(flat(100.0)).add_margin(1, 7.0, leg=SHORT).set_leverage(1, 20, leg=LONG).play()
    assert played.row(LedgerKind.ADD_MARGIN)["margin_after"] == 27.0
    row = played.row(LedgerKind.LEVERAGE)
    assert (row["leg"], row["leverage_after"], row["margin_after"]) == (LONG, 20.0, 10.0)


@pytest.mark.parametrize(("leg", "target", "after"), [(LONG, -2.0, 0.0), (SHORT, 2.0, 0.0), (SHORT, -3.0, -3.0)])
def test_a_target_on_the_other_side_of_a_leg_is_a_target_of_zero(leg: int, target: float, after: float) -> None:
    scene = both(flat(100.0)).buy(1, leg=leg, quantity=target, leverage=10, size_kind=SizeKind.TARGET_QUANTITY)
    assert scene.play().ledger[-1]["position_after"] == after


def test_one_leg_may_cancel_an_order_of_the_other() -> None:
    # a breakout either way: the long's stop buy fills and cancels the short's stop sell
    scene = Scene(symbols=[Symbol(bars=[*CALM, (100.0, 106.0, 99.0, 100.0), flat(90.0)])], hedge=True)
    scene.buy(0, leg=LONG, quantity=1, leverage=2, order_kind=OrderKind.STOP, trigger=105.0)
    scene.sell(0, leg=SHORT, quantity=1, leverage=2, order_kind=OrderKind.STOP, trigger=95.0, group=1)
    played = scene.play()
    assert played.row(LedgerKind.OPEN)["leg"] == LONG
    assert played.reasons(NoticeKind.CANCELLATION) == [Reason.SIBLING_FILLED]


def test_the_limit_of_working_orders_is_a_legs_own() -> None:
    scene = Scene(symbols=[Symbol(bars=CALM)], hedge=True, order_limit=1)
    for _ in range(2):
        scene.buy(0, leg=LONG, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=90.0)
        scene.sell(0, leg=SHORT, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=110.0)
    assert scene.play().reasons(NoticeKind.REJECTION) == [Reason.TOO_MANY_ORDERS] * 2


def test_a_hole_is_noted_for_each_leg_that_is_open() -> None:
    scene = both(GONE, flat(100.0))
    scene.holes = 1  # type: ignore[assignment]
    assert [int(row["leg"]) for row in scene.play().notices if row["kind"] == NoticeKind.HOLE] == [LONG, SHORT]


def test_tiers_change_for_both_legs() -> None:
    steeper = ((0.0, float("inf"), 0.02, 0.0, 50.0),)
    rows = both(flat(100.0), later_tiers=(2, steeper)).play().rows(LedgerKind.TIERS)
    # 90 / (1 - 0.02) and 120 / (1 + 0.02)
    assert rows["liquidation_after"].tolist() == pytest.approx([90.0 / 0.98, 120.0 / 1.02])


def test_legs_of_several_symbols_do_not_mix() -> None:
    scene = Scene(symbols=[Symbol(bars=[*CALM, flat(100.0)]), Symbol(bars=[flat(50.0)] * 3)], hedge=True)
    for leg in range(4):
        order = scene.buy if leg % 2 == 0 else scene.sell
        order(0, leg=leg, quantity=leg + 1, leverage=10)
    played = scene.play()
    assert played.rows(LedgerKind.OPEN)["price"].tolist() == [100.0, 100.0, 50.0, 50.0]
    assert played.rows(LedgerKind.OPEN)["position_after"].tolist() == [1.0, -2.0, 3.0, -4.0]


def test_scaling_in_and_out_of_one_leg_with_a_change_of_leverage_between() -> None:
    # 1 at 100 with 10x: 10; then 20x (margin stays); 1 at 110 with 20x: 5.5 more, entry 105; sell half: 7.75 and 5 back
    bars = [flat(100.0), flat(100.0), flat(110.0), flat(110.0), flat(110.0)]
    scene = Scene(symbols=[Symbol(bars=bars)], hedge=True).buy(0, leg=LONG, quantity=1, leverage=10)
    scene.set_leverage(1, 20, leg=LONG).buy(1, leg=LONG, quantity=1).sell(2, leg=LONG, quantity=1)
    rows = scene.play().ledger[1:]
    assert rows["margin_after"].tolist() == pytest.approx([10.0, 10.0, 15.5, 7.75])
    assert rows["entry_after"].tolist() == pytest.approx([100.0, 100.0, 105.0, 105.0])
    assert rows["leverage_after"].tolist() == [10.0, 20.0, 20.0, 20.0]
    assert rows[3]["wallet"] == pytest.approx(7.75 + 5.0)
