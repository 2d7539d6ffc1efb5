"""Trailing stops: rule 4.13, and 2.5, 3.7 and 4.8 of them. A long of 1 at 100 with 2x is liquidated at 50.5050…"""

from __future__ import annotations

import pytest

from backtest.enums import LedgerKind, Liquidity, NoticeKind, OrderKind, Path, PriceSource, Reason
from tests.rulebook.scene import Played, Scene, Symbol, flat

CALM = [flat(100.0), flat(100.0)]
RISE = (100.0, 110.0, 99.0, 109.0)
"""A long's path: 100, 99, 110, 109."""


def trailed(*bars: tuple[float, float, float, float], **more: float) -> Played:
    """A long of 1 at 100, and from bar 2 on a trailing sell of it."""
    scene = Scene(bars=[*CALM, *bars]).buy(0, quantity=1, leverage=2)
    return scene.sell(1, quantity=1, order_kind=OrderKind.TRAILING_STOP, reduce_only=1, **more).play()


def test_the_trigger_follows_the_highest_price_at_the_callback_rate() -> None:
    # best 110 on the path of bar 2: 110 x (1 - 0.05) = 104.5, met on the way to 100 in bar 3
    row = trailed(RISE, (109.0, 109.0, 100.0, 101.0), callback_rate=0.05).row(LedgerKind.CLOSE)
    assert (row["bar"], row["price"], row["segment"]) == (3, 104.5, 1)
    assert (row["reason"], row["liquidity"]) == (Reason.TRAILING_STOP, Liquidity.TAKER)
    assert row["fraction"] == pytest.approx(4.5 / 9)


def test_the_trigger_follows_at_a_distance() -> None:
    # 110 - 4 = 106
    assert trailed(RISE, (109.0, 109.0, 100.0, 101.0), callback_distance=4.0).row(LedgerKind.CLOSE)["price"] == 106.0


def test_without_a_new_best_the_trigger_stands() -> None:
    # best 100 at the open of bar 2; 95 is met in bar 3 only
    row = trailed((100.0, 100.0, 96.0, 97.0), (97.0, 98.0, 94.0, 97.0), callback_rate=0.05).row(LedgerKind.CLOSE)
    assert (row["bar"], row["price"]) == (3, 95.0)


def test_the_trigger_never_goes_back() -> None:
    # best 110, then calmer bars: still 104.5
    row = trailed(RISE, (109.0, 109.5, 105.0, 106.0), flat(104.0), callback_rate=0.05).row(LedgerKind.CLOSE)
    assert (row["bar"], row["price"], row["segment"]) == (4, 104.0, 0)


def test_a_trailing_buy_follows_the_lowest_price_and_opens() -> None:
    # flat, oldest order a buy: 100, 90, 104, 103; best 90, 90 x 1.05 = 94.5 on the way up
    scene = Scene(bars=[*CALM, (100.0, 104.0, 90.0, 103.0)])
    scene.buy(1, quantity=1, leverage=2, order_kind=OrderKind.TRAILING_STOP, callback_rate=0.05)
    row = scene.play().row(LedgerKind.OPEN)
    assert (row["price"], row["segment"], row["reason"]) == (94.5, 2, Reason.TRAILING_STOP)
    assert row["fraction"] == pytest.approx(4.5 / 14)


def test_the_trigger_is_rounded_to_the_tick_away_from_the_best() -> None:
    # 110 x 0.967 = 106.37, down to 106.0; a buy: 90 x 1.033 = 92.97, up to 93.0
    falling = [*CALM, RISE, (109.0, 109.0, 100.0, 101.0)]
    scene = Scene(symbols=[Symbol(bars=falling, tick=0.5)]).buy(0, quantity=1, leverage=2)
    scene.sell(1, quantity=1, order_kind=OrderKind.TRAILING_STOP, callback_rate=0.033)
    assert scene.play().row(LedgerKind.CLOSE)["price"] == 106.0
    scene = Scene(symbols=[Symbol(bars=[*CALM, (100.0, 104.0, 90.0, 103.0)], tick=0.5)])
    scene.buy(1, quantity=1, leverage=2, order_kind=OrderKind.TRAILING_STOP, callback_rate=0.033)
    assert scene.play().row(LedgerKind.OPEN)["price"] == 93.0


def test_a_trailing_stop_waits_for_its_activation_price_from_which_the_best_begins() -> None:
    # until 105 is met nothing triggers, though 94 lies far below; then best 105 and, at the high, 110: 104.5
    bars = ((100.0, 101.0, 94.0, 100.0), RISE, (109.0, 109.0, 100.0, 101.0))
    row = trailed(*bars, callback_rate=0.05, trigger=105.0).row(LedgerKind.CLOSE)
    assert (row["bar"], row["price"]) == (4, 104.5)


def test_an_activation_price_met_on_the_path_is_the_best() -> None:
    # met at 110, the very high: 110 - 0.5 = 109.5, met on the way down to the close of 109
    row = trailed(RISE, callback_distance=0.5, trigger=110.0).row(LedgerKind.CLOSE)
    assert (row["bar"], row["price"], row["segment"]) == (2, 109.5, 3)


def test_an_open_beyond_the_activation_price_is_the_best() -> None:
    # the open of bar 3 stands at 108: 108 x 0.95 = 102.6
    bars = (flat(100.0), (108.0, 108.0, 102.0, 103.0))
    assert trailed(*bars, callback_rate=0.05, trigger=105.0).row(LedgerKind.CLOSE)["price"] == 102.6


def test_an_activation_price_that_is_already_passed_activates_at_the_open() -> None:
    # a sell waits for a rise to 98, and the open stands at 100: 95
    row = trailed((100.0, 100.0, 94.0, 96.0), callback_rate=0.05, trigger=98.0).row(LedgerKind.CLOSE)
    assert row["price"] == 95.0


def test_an_open_beyond_the_best_is_the_new_best() -> None:
    # 120 x 0.95 = 114
    row = trailed(RISE, (120.0, 120.0, 112.0, 115.0), callback_rate=0.05).row(LedgerKind.CLOSE)
    assert (row["bar"], row["price"]) == (3, 114.0)


def test_a_gap_through_the_trigger_fills_at_the_open() -> None:
    row = trailed(RISE, flat(101.0), callback_rate=0.05).row(LedgerKind.CLOSE)
    assert (row["price"], row["segment"]) == (101.0, 0)


def test_a_trailing_stop_on_the_mark_follows_the_mark_and_fills_at_the_last_price() -> None:
    # marks reach 110 and fall to 104.5 halfway (109 → 100), where the last price is between 100 and 98: 99
    last = [*CALM, flat(100.0), (100.0, 100.0, 98.0, 98.0)]
    marks = [*CALM, RISE, (109.0, 109.0, 100.0, 101.0)]
    scene = Scene(symbols=[Symbol(bars=last, marks=marks)]).buy(0, quantity=1, leverage=2)
    scene.sell(
        1,
        quantity=1,
        order_kind=OrderKind.TRAILING_STOP,
        callback_rate=0.05,
        reduce_only=1,
        trigger_on=PriceSource.MARK,
    )
    assert scene.play().row(LedgerKind.CLOSE)["price"] == 99.0


def test_the_trailing_stop_of_a_bracket_is_active_from_the_fill() -> None:
    # filled at 95 on the path 100, 94, 103, 96: best 103, 103 x 0.97 = 99.91 on the way to the close
    scene = Scene(bars=[*CALM, (100.0, 103.0, 94.0, 96.0)])
    scene.buy(1, quantity=1, leverage=2, order_kind=OrderKind.LIMIT, price=95.0, trailing_stop=0.03)
    row = scene.play().row(LedgerKind.CLOSE)
    assert (row["price"], row["segment"], row["reason"]) == (99.91, 3, Reason.TRAILING_STOP)


def test_of_a_bracket_of_three_one_cancels_the_others() -> None:
    scene = Scene(bars=[*CALM, RISE, (109.0, 109.0, 100.0, 101.0)])
    played = scene.buy(0, quantity=1, leverage=2, stop=90.0, take_profit=130.0, trailing_stop=0.05).play()
    assert played.row(LedgerKind.CLOSE)["reason"] == Reason.TRAILING_STOP
    assert played.reasons(NoticeKind.CANCELLATION) == [Reason.SIBLING_FILLED] * 2


def test_a_stop_nearer_than_the_trailing_stop_acts_first() -> None:
    scene = Scene(bars=[*CALM, RISE, (109.0, 109.0, 100.0, 101.0)])
    played = scene.buy(0, quantity=1, leverage=2, stop=90.0, trailing_stop=0.2).sell(1, quantity=0.5).play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.CLOSE]
    scene = Scene(bars=[*CALM, RISE, (109.0, 109.0, 85.0, 90.0)])
    played = scene.buy(0, quantity=1, leverage=2, stop=90.0, trailing_stop=0.2).play()
    # 110 x 0.8 = 88 lies below the stop at 90
    assert (played.row(LedgerKind.CLOSE)["price"], played.row(LedgerKind.CLOSE)["reason"]) == (90.0, Reason.STOP)


@pytest.mark.parametrize(
    ("bars", "ambiguous"),
    [
        # adverse first: 100, 99, 110, 103: moved to 104.5 and met in one bar
        pytest.param([(100.0, 110.0, 99.0, 103.0)], 1, id="moved and met on one path"),
        pytest.param([RISE, (109.0, 109.0, 100.0, 101.0)], 0, id="met in a later bar"),
    ],
)
def test_a_bar_in_which_the_trailing_stop_moved_and_acted_is_ambiguous(bars: list[tuple], ambiguous: int) -> None:  # type: ignore[type-arg]
    played = trailed(*bars, callback_rate=0.05)
    assert played.row(LedgerKind.CLOSE)["price"] == 104.5
    assert len(played.reasons(NoticeKind.AMBIGUOUS)) == ambiguous


def test_favourable_first_moves_the_best_before_the_low() -> None:
    # 100, 110, 99, 109: best 110, and 104.5 is met on the way to 99
    scene = Scene(bars=[*CALM, RISE], path=Path.FAVOURABLE_FIRST).buy(0, quantity=1, leverage=2, trailing_stop=0.05)
    row = scene.play().row(LedgerKind.CLOSE)
    assert (row["price"], row["segment"]) == (104.5, 2)


def test_a_target_replaces_the_trailing_stop_that_stands() -> None:
    bars = [flat(100.0)] * 4 + [(100.0, 100.0, 94.0, 95.0)]
    scene = Scene(bars=bars).buy(0, quantity=1, leverage=2, trailing_stop=0.02)
    scene.buy(1, quantity=2, leverage=2, size_kind=5, trailing_stop=0.05)
    played = scene.play()
    row = played.row(LedgerKind.CLOSE)
    assert (row["quantity"], row["price"]) == (-2.0, 95.0)
    assert played.reasons(NoticeKind.CANCELLATION) == [Reason.REPLACED]
