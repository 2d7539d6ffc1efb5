"""The path through a bar: section 3. A long of 1 at 100 with 10x is liquidated at 90.9090..."""

from __future__ import annotations

import pytest

from backtest.enums import LedgerKind, NoticeKind, OrderKind, Path, PriceSource, Reason
from tests.rulebook.scene import Scene, Symbol, flat

CALM = [flat(100.0), flat(100.0)]
FALL = [*CALM, (100.0, 100.0, 85.0, 95.0)]


def test_a_stop_nearer_than_the_liquidation_price_saves_the_position() -> None:
    played = Scene(bars=FALL).buy(0, quantity=1, leverage=10, stop=91.0).play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.CLOSE]
    row = played.row(LedgerKind.CLOSE)
    assert (row["price"], row["reason"], row["segment"]) == (91.0, Reason.STOP, 1)
    assert row["fraction"] == pytest.approx(9 / 15)


def test_a_stop_beyond_the_liquidation_price_never_fires() -> None:
    played = Scene(bars=FALL).buy(0, quantity=1, leverage=10, stop=90.9).play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.LIQUIDATION]
    assert played.reasons(NoticeKind.CANCELLATION) == [Reason.POSITION_LIQUIDATED]


def test_a_gap_through_a_stop_fills_at_the_open() -> None:
    row = Scene(bars=[*CALM, flat(93.0)]).buy(0, quantity=1, leverage=10, stop=95.0).play().row(LedgerKind.CLOSE)
    assert (row["price"], row["segment"]) == (93.0, 0)


def test_at_the_open_a_liquidation_precedes_a_stop() -> None:
    played = Scene(bars=[*CALM, flat(90.5)]).buy(0, quantity=1, leverage=10, stop=95.0).play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.LIQUIDATION]


@pytest.mark.parametrize(
    ("path", "reason"), [(Path.ADVERSE_FIRST, Reason.STOP), (Path.FAVOURABLE_FIRST, Reason.TAKE_PROFIT)]
)
@pytest.mark.parametrize("long", [True, False], ids=["long", "short"])
def test_where_a_stop_and_a_take_profit_lie_in_one_bar_the_path_decides_and_the_bar_is_listed(
    path: Path, reason: Reason, long: bool
) -> None:
    scene = Scene(bars=[*CALM, (100.0, 106.0, 94.0, 100.0)], path=path)
    if long:
        scene.buy(0, quantity=1, leverage=10, stop=95.0, take_profit=105.0)
    else:
        scene.sell(0, quantity=1, leverage=10, stop=105.0, take_profit=95.0)
    played = scene.play()
    assert played.row(LedgerKind.CLOSE)["reason"] == reason
    assert played.reasons(NoticeKind.CANCELLATION) == [Reason.SIBLING_FILLED]
    assert len(played.notices[played.notices["kind"] == NoticeKind.AMBIGUOUS]) == 1


def test_a_trigger_at_exactly_the_extreme_is_met() -> None:
    # 100.1 and 99.9 are whole numbers of ticks, though floats cannot say it
    scene = Scene(symbols=[Symbol(bars=[*CALM, (100.0, 100.1, 99.9, 100.0)], tick=0.1)])
    row = scene.buy(0, quantity=1, leverage=10, take_profit=100.1).play().row(LedgerKind.CLOSE)
    assert (row["price"], row["segment"], row["fraction"]) == (pytest.approx(100.1), 2, pytest.approx(1.0))


@pytest.mark.parametrize(
    ("mark_low", "kind"),
    [
        # stop on last at 96: two fifths of the way to 90; liquidation on mark: 9.09 of the way down
        pytest.param(70.0, LedgerKind.LIQUIDATION, id="mark falls faster: 0.303 of the leg"),
        pytest.param(89.0, LedgerKind.CLOSE, id="mark falls slower: 0.826 of the leg"),
    ],
)
def test_last_and_mark_walk_in_step_so_a_stop_on_last_and_a_liquidation_on_mark_have_an_order(
    mark_low: float, kind: LedgerKind
) -> None:
    symbol = Symbol(bars=[*CALM, (100.0, 100.0, 90.0, 100.0)], marks=[*CALM, (100.0, 100.0, mark_low, 100.0)])
    played = Scene(symbols=[symbol]).buy(0, quantity=1, leverage=10, stop=96.0).play()
    assert played.kinds() == [LedgerKind.OPEN, kind]


def test_a_stop_read_on_mark_fills_at_the_last_price_of_that_point() -> None:
    symbol = Symbol(bars=[*CALM, (100.0, 100.0, 98.0, 100.0)], marks=[*CALM, (100.0, 100.0, 92.0, 100.0)])
    scene = Scene(symbols=[symbol])
    played = scene.buy(0, quantity=1, leverage=10, stop=96.0, trigger_on=PriceSource.MARK).play()
    # half of the way: mark 96, last 99
    assert played.row(LedgerKind.CLOSE)["price"] == pytest.approx(99.0)


def test_a_triggered_stop_pays_slippage() -> None:
    scene = Scene(bars=FALL, slippage=0.01)
    row = scene.buy(0, quantity=1, leverage=5, stop=91.0).play().row(LedgerKind.CLOSE)
    # opened at 101; 91 x 0.99 = 90.09
    assert row["price"] == pytest.approx(90.09)


def test_a_flat_symbols_path_is_adverse_to_its_oldest_order() -> None:
    # a buy limit at 95 with a stop at 94 and a high of 110: low first, so bought and stopped on the first leg
    scene = Scene(bars=[*CALM, (100.0, 110.0, 93.0, 100.0)])
    scene.buy(0, quantity=1, leverage=5, order_kind=OrderKind.LIMIT, price=95.0, stop=94.0)
    played = scene.play()
    assert [(row["segment"], row["price"]) for row in played.ledger[1:]] == [(1, 95.0), (1, 94.0)]
    # opened and closed on one path
    assert len(played.notices[played.notices["kind"] == NoticeKind.AMBIGUOUS]) == 1


def test_the_choice_of_path_is_kept_for_the_bar() -> None:
    # a sell stop entry at 98 on a flat symbol: high first (adverse to a seller), then 98 on the way down; the new
    # short's take-profit at 94 is met on the same leg, not after another high
    scene = Scene(bars=[*CALM, (100.0, 101.0, 93.0, 97.0)])
    scene.sell(0, quantity=1, leverage=5, order_kind=OrderKind.STOP, trigger=98.0, take_profit=94.0)
    assert [(row["segment"], row["price"]) for row in scene.play().ledger[1:]] == [(2, 98.0), (2, 94.0)]


def test_a_threshold_already_passed_when_it_comes_into_force_is_met_at_once() -> None:
    # bought at the open of 100 with a stop above it
    played = Scene(bars=CALM).buy(0, quantity=1, leverage=10, stop=101.0).play()
    row = played.row(LedgerKind.CLOSE)
    assert (row["bar"], row["segment"], row["fraction"], row["price"]) == (1, 1, 0.0, 100.0)


def test_events_of_two_symbols_happen_in_the_order_in_which_the_paths_meet_them() -> None:
    # both fall by 15; the stop of the second symbol lies nearer
    scene = Scene(symbols=[Symbol(bars=FALL), Symbol(bars=FALL)])
    scene.buy(0, quantity=1, leverage=5, stop=92.0, leg=0).buy(0, quantity=1, leverage=5, stop=97.0, leg=1)
    assert [int(row["leg"]) for row in scene.play().rows(LedgerKind.CLOSE)] == [1, 0]


def test_at_the_same_point_the_symbols_order_decides() -> None:
    scene = Scene(symbols=[Symbol(bars=FALL), Symbol(bars=FALL)])
    scene.buy(0, quantity=1, leverage=5, stop=92.0, leg=1).buy(0, quantity=1, leverage=5, stop=92.0, leg=0)
    assert [int(row["leg"]) for row in scene.play().rows(LedgerKind.CLOSE)] == [0, 1]
