"""Margin commands, top-ups and margin calls: section 6, rules 3.5 and 3.8.

The position is a long of 1 at 100 with 10x.
"""

from __future__ import annotations

import pytest

from backtest.enums import LedgerKind, NoticeKind, Reason, ThresholdKind
from tests.rulebook.scene import Scene, Symbol, flat

QUIET = [flat(100.0)] * 4


def long(bars: list[tuple[float, float, float, float]], **more: float) -> Scene:
    return Scene(bars=bars, **more).buy(0, quantity=1, leverage=10)  # type: ignore[arg-type]


def test_added_margin_moves_the_liquidation_price() -> None:
    row = long(QUIET).add_margin(1, 20.0).play().row(LedgerKind.ADD_MARGIN)
    # (100 - 30) / 0.99
    assert row["liquidation_after"] == pytest.approx(70.0 / 0.99)
    assert row["wallet_after"] == pytest.approx(970.0)


def test_a_long_whose_margin_covers_its_value_has_no_liquidation_price() -> None:
    row = long(QUIET).add_margin(1, 90.0).play().row(LedgerKind.ADD_MARGIN)
    assert row["liquidation_after"] != row["liquidation_after"]


def test_margin_is_added_as_a_whole_or_not_at_all() -> None:
    played = long(QUIET).add_margin(1, 990.01).play()
    assert played.reasons(NoticeKind.REJECTION) == [Reason.AMOUNT_ABOVE_WALLET]
    assert long(QUIET).add_margin(1, 990.0).play().wallet() == pytest.approx(0.0)


def test_without_a_position_there_is_no_margin_to_add_to() -> None:
    assert Scene(bars=QUIET).add_margin(0, 1.0).play().reasons(NoticeKind.REJECTION) == [Reason.NO_POSITION]


@pytest.mark.parametrize(
    ("mark", "removable"),
    [
        # min(10 - 1.05, 10 + 5 - 10.5): the profit may go, down to the initial margin at mark
        pytest.param(105.0, 4.5, id="a profit may be taken out"),
        # min(10 - 1.5, 10 + 50 - 15): never more than leaves the maintenance margin
        pytest.param(150.0, 8.5, id="but never so much that less than the maintenance margin stays"),
        # 10 - 1 - 9.9 < 0
        pytest.param(99.0, 0.0, id="a losing position lets nothing go"),
    ],
)
def test_margin_is_removed_up_to_the_venues_limit(mark: float, removable: float) -> None:
    bars = [flat(100.0), flat(100.0), flat(mark), flat(mark)]
    refused = long(bars).remove_margin(1, removable + 0.01).play()
    assert refused.reasons(NoticeKind.REJECTION) == [Reason.REMOVAL_ABOVE_LIMIT]
    if removable:
        row = long(bars).remove_margin(1, removable - 1e-9).play().row(LedgerKind.REMOVE_MARGIN)
        assert row["margin_after"] == pytest.approx(10.0 - removable)


def test_leverage_is_raised_and_the_posted_margin_stays() -> None:
    row = long(QUIET).set_leverage(1, 20.0).play().row(LedgerKind.LEVERAGE)
    assert (row["leverage_after"], row["margin_after"]) == (20.0, 10.0)
    assert row["liquidation_after"] == pytest.approx(90.0 / 0.99)


@pytest.mark.parametrize(
    ("leverage", "reason"),
    [
        (9.0, Reason.LEVERAGE_CANNOT_BE_LOWERED),
        (126.0, Reason.LEVERAGE_ABOVE_TIER),
        (12.5, Reason.LEVERAGE_NOT_ALLOWED),
    ],
)
def test_leverage_is_not_lowered_under_a_position_nor_raised_above_the_tier(leverage: float, reason: Reason) -> None:
    assert long(QUIET).set_leverage(1, leverage).play().reasons(NoticeKind.REJECTION) == [reason]


# margin ratio 0.5: p x 0.01 = 0.5 x (10 + p - 100), so p = 45 / 0.49 = 91.837
HALF = 45.0 / 0.49


def test_a_top_up_acts_where_the_ratio_reaches_its_level_and_saves_the_position() -> None:
    bars = [flat(100.0), flat(100.0), (100.0, 100.0, 90.0, 95.0)]
    played = long(bars).top_up(0, level=0.5, amount=5.0, budget=20.0).play()
    row = played.row(LedgerKind.TOP_UP)
    assert row["mark_price"] == pytest.approx(HALF)
    assert (row["segment"], row["margin"]) == (1, 5.0)
    assert LedgerKind.LIQUIDATION not in played.kinds()


def test_a_top_up_may_watch_the_distance_to_liquidation() -> None:
    # (p - 90.909) / p = 0.04: p = 90.909 / 0.96
    bars = [flat(100.0), flat(100.0), (100.0, 100.0, 92.0, 95.0)]
    scene = long(bars).top_up(0, threshold=ThresholdKind.DISTANCE, level=0.04, amount=5.0, budget=20.0)
    assert scene.play().row(LedgerKind.TOP_UP)["mark_price"] == pytest.approx(90.0 / 0.99 / 0.96)


def test_there_is_one_top_up_a_bar_and_it_may_not_be_enough() -> None:
    # 1 added at 91.837 makes the liquidation price 89 / 0.99 = 89.9; the bar goes on to 88
    bars = [flat(100.0), flat(100.0), (100.0, 100.0, 88.0, 95.0)]
    played = long(bars).top_up(0, level=0.5, amount=1.0, budget=20.0).play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.TOP_UP, LedgerKind.LIQUIDATION]
    assert played.row(LedgerKind.LIQUIDATION)["price"] == pytest.approx(89.0 / 0.99)


def test_a_top_up_waits_for_its_cooldown() -> None:
    # at 91 the ratio is 0.91 / 1, and stays above a half with 0.1 more each time
    bars = [flat(100.0), flat(100.0), *[flat(91.0)] * 7]
    played = long(bars).top_up(0, level=0.5, amount=0.1, budget=20.0, cooldown_bars=3).play()
    assert played.rows(LedgerKind.TOP_UP)["bar"].tolist() == [2, 5, 8]


def test_a_spent_budget_and_an_empty_wallet_are_noted() -> None:
    bars = [flat(100.0), flat(100.0), *[flat(91.0)] * 3]
    played = long(bars).top_up(0, level=0.5, amount=0.1, budget=0.15, cooldown_bars=1).play()
    assert played.rows(LedgerKind.TOP_UP)["margin"].tolist() == pytest.approx([0.1, 0.05])
    assert played.reasons(NoticeKind.TOP_UP_FAILED) == [Reason.BUDGET_SPENT]
    played = long(bars, cash=10.0).top_up(0, level=0.5, amount=0.1, budget=1.0, cooldown_bars=9).play()
    assert played.reasons(NoticeKind.TOP_UP_FAILED) == [Reason.WALLET_EMPTY]


def test_a_top_up_is_never_more_than_the_wallet_has_free() -> None:
    bars = [flat(100.0), flat(100.0), flat(91.0)]
    played = long(bars, cash=13.0).top_up(0, level=0.5, amount=5.0, budget=20.0).play()
    assert played.row(LedgerKind.TOP_UP)["margin"] == pytest.approx(3.0)


# ratio 0.8: p x 0.01 = 0.8 x (p - 90), so p = 72 / 0.79 = 91.139; a tenth better, 0.72: p = 64.8 / 0.71 = 91.268
CALL = 72.0 / 0.79


def test_a_margin_call_is_given_once_while_the_ratio_stays_there() -> None:
    bars = [flat(100.0), flat(100.0), flat(91.0), flat(91.0)]
    played = long(bars).play()
    calls = played.notices[played.notices["kind"] == NoticeKind.MARGIN_CALL]
    assert calls["bar"].tolist() == [2]
    assert calls["value"][0] == pytest.approx(0.91)


@pytest.mark.parametrize(("back", "calls"), [(91.2, 1), (91.3, 2)])
def test_it_comes_into_force_again_when_the_ratio_is_a_tenth_better(back: float, calls: int) -> None:
    bars = [flat(100.0), flat(100.0), flat(91.0), flat(back), flat(91.0)]
    played = long(bars).play()
    assert len(played.notices[played.notices["kind"] == NoticeKind.MARGIN_CALL]) == calls


def test_a_margin_call_on_the_path_is_placed_where_the_mark_meets_it() -> None:
    played = long([flat(100.0), flat(100.0), (100.0, 100.0, 91.0, 95.0)]).play()
    call = played.notices[played.notices["kind"] == NoticeKind.MARGIN_CALL][0]
    assert call["mark_price"] == pytest.approx(CALL)
    assert call["fraction"] == pytest.approx((100.0 - CALL) / 9.0)


def test_the_top_up_precedes_the_margin_call_at_the_same_point() -> None:
    symbol = Symbol(bars=[flat(100.0), flat(100.0), (100.0, 100.0, 91.0, 95.0)])
    scene = Scene(symbols=[symbol]).buy(0, quantity=1, leverage=10).top_up(0, level=0.8, amount=50.0, budget=50.0)
    played = scene.play()
    assert played.row(LedgerKind.TOP_UP)["mark_price"] == pytest.approx(CALL)
    assert len(played.notices[played.notices["kind"] == NoticeKind.MARGIN_CALL]) == 0
