"""How long an order works, and orders of which one cancels the others: rules 4.11 and 4.12."""

from __future__ import annotations

import pytest

from backtest.enums import LedgerKind, NoticeKind, OrderKind, Reason, TimeInForce
from tests.rulebook.scene import GONE, HOUR_NS, START_NS, Scene, Symbol, flat

CALM = [flat(100.0), flat(100.0)]
AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


def hour(number: float) -> int:
    """The open of that bar."""
    return START_NS + int(number * HOUR_NS)


@pytest.mark.parametrize("time_in_force", AT_ONCE)
def test_a_limit_order_that_should_fill_at_once_does_or_is_cancelled(time_in_force: TimeInForce) -> None:
    scene = Scene(bars=[*CALM, flat(90.0)])
    scene.buy(0, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=95.0, time_in_force=time_in_force)
    scene.buy(0, quantity=2, leverage=10, order_kind=OrderKind.LIMIT, price=101.0, time_in_force=time_in_force)
    played = scene.play()
    assert played.row(LedgerKind.OPEN)["quantity"] == 2.0
    assert played.reasons(NoticeKind.CANCELLATION) == [Reason.NOT_FILLED_AT_ONCE]
    assert played.account["reserved"] == 0.0


def test_a_stop_limit_that_should_fill_at_once_is_judged_when_it_is_triggered() -> None:
    # triggered at 102 in bar 2, where a buy limit at 101 is not reached
    scene = Scene(bars=[*CALM, (100.0, 104.0, 100.0, 100.0)])
    scene.buy(
        0, quantity=1, leverage=10, order_kind=OrderKind.STOP_LIMIT, trigger=102.0, price=101.0,
        time_in_force=TimeInForce.IOC,
    )  # fmt: skip
    played = scene.play()
    assert played.kinds() == []
    notice = played.notices[-1]
    assert (notice["reason"], notice["bar"], notice["segment"]) == (Reason.NOT_FILLED_AT_ONCE, 2, 2)


def test_an_order_good_till_a_time_ends_at_the_first_open_at_or_after_it() -> None:
    scene = Scene(bars=[flat(100.0)] * 5 + [flat(90.0)])
    for price, when in ((95.0, hour(4)), (94.0, hour(3.5)), (93.0, hour(6))):
        scene.buy(
            0, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=price, time_in_force=TimeInForce.GTD,
            expires_ns=when,
        )  # fmt: skip
    played = scene.play()
    ended = played.notices[played.notices["kind"] == NoticeKind.CANCELLATION]
    assert [(row["order"], row["bar"], row["reason"]) for row in ended] == [
        (1, 4, Reason.EXPIRED),
        (2, 4, Reason.EXPIRED),
    ]
    assert played.row(LedgerKind.OPEN)["order"] == 3


def test_an_order_expires_before_the_open_can_fill_it_and_frees_its_reserve_for_others() -> None:
    # 9.5 of 12 held back until the open of bar 2, at which the stop entry needs 10
    scene = Scene(bars=[*CALM, flat(90.0)], cash=12.0)
    scene.buy(
        0, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=95.0, time_in_force=TimeInForce.GTD,
        expires_ns=hour(2),
    )  # fmt: skip
    played = scene.sell(0, quantity=1, leverage=10, order_kind=OrderKind.STOP, trigger=92.0).play()
    assert played.reasons(NoticeKind.CANCELLATION) == [Reason.EXPIRED]
    assert played.row(LedgerKind.OPEN)["quantity"] == -1.0


def test_an_order_whose_time_has_come_when_it_reaches_the_venue_is_cancelled_there() -> None:
    scene = Scene(bars=CALM)
    scene.buy(0, quantity=1, leverage=10, time_in_force=TimeInForce.GTD, expires_ns=hour(1))
    played = scene.play()
    assert (played.kinds(), played.reasons(NoticeKind.CANCELLATION)) == ([], [Reason.EXPIRED])


def test_in_a_hole_an_order_expires_at_the_next_present_open() -> None:
    scene = Scene(bars=[*CALM, GONE, GONE, flat(90.0)])
    scene.buy(
        0, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=95.0, time_in_force=TimeInForce.GTD,
        expires_ns=hour(2),
    )  # fmt: skip
    played = scene.play()
    assert played.kinds() == []
    assert played.notices[-1]["bar"] == 4


def straddle(bars: list[tuple[float, float, float, float]]) -> Scene:
    """A stop buy at 105 and a stop sell at 95, of which one cancels the other."""
    scene = Scene(bars=bars).buy(0, quantity=1, leverage=10, order_kind=OrderKind.STOP, trigger=105.0)
    return scene.sell(0, quantity=1, leverage=10, order_kind=OrderKind.STOP, trigger=95.0, group=1)


@pytest.mark.parametrize(("price", "filled"), [(106.0, 1), (94.0, 2)])
def test_the_order_that_fills_first_cancels_the_other(price: float, filled: int) -> None:
    played = straddle([*CALM, flat(price), flat(200.0 - price)]).play()
    assert played.row(LedgerKind.OPEN)["order"] == filled
    assert played.reasons(NoticeKind.CANCELLATION) == [Reason.SIBLING_FILLED]


def test_an_order_that_ends_without_a_fill_leaves_the_other() -> None:
    played = straddle([*CALM, flat(100.0), flat(94.0)]).cancel(1, 1).play()
    assert played.row(LedgerKind.OPEN)["order"] == 2


def test_one_that_is_refused_leaves_the_other() -> None:
    # the first is far beyond the wallet when it is triggered
    scene = Scene(bars=[*CALM, flat(106.0), flat(94.0)])
    scene.buy(0, quantity=500, leverage=10, order_kind=OrderKind.STOP, trigger=105.0)
    scene.sell(0, quantity=1, leverage=10, order_kind=OrderKind.STOP, trigger=95.0, group=1)
    played = scene.play()
    assert played.reasons(NoticeKind.REJECTION) == [Reason.INSUFFICIENT_MARGIN]
    assert played.row(LedgerKind.OPEN)["order"] == 2


def test_an_order_of_a_group_that_is_already_filled_is_cancelled_when_it_reaches_the_venue() -> None:
    scene = Scene(bars=CALM).buy(0, quantity=1, leverage=10)
    scene.buy(0, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=95.0, group=1)
    played = scene.play()
    assert played.reasons(NoticeKind.CANCELLATION) == [Reason.SIBLING_FILLED]


def test_a_group_may_have_many_orders_of_several_symbols() -> None:
    bars = [*CALM, (100.0, 100.0, 94.0, 98.0)]
    scene = Scene(symbols=[Symbol(bars=[*CALM, flat(100.0)]), Symbol(bars=bars)])
    for leg, price in ((0, 90.0), (1, 95.0), (0, 91.0)):
        scene.buy(0, leg=leg, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=price, group=1)
    played = scene.play()
    assert played.row(LedgerKind.OPEN)["order"] == 2
    ended = played.notices[played.notices["kind"] == NoticeKind.CANCELLATION]
    assert [(row["order"], row["leg"], row["price"]) for row in ended] == [(1, 0, 100.0), (3, 0, 100.0)]
    assert played.account["reserved"] == pytest.approx(0.0)


def test_a_cancel_reaches_an_order_in_a_hole() -> None:
    # symbol 0 is gone in bar 2, in which symbol 1 fills; back in bar 3 its order is no more
    gone = [*CALM, GONE, flat(80.0)]
    scene = Scene(symbols=[Symbol(bars=gone), Symbol(bars=[*CALM, flat(94.0), flat(94.0)])])
    scene.buy(0, leg=0, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=90.0)
    scene.buy(0, leg=1, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=95.0, group=1)
    played = scene.play()
    assert played.row(LedgerKind.OPEN)["leg"] == 1
    assert (played.notices[-1]["bar"], played.notices[-1]["price"]) == (2, 100.0)


def test_an_order_kept_back_by_a_hole_finds_its_group_filled() -> None:
    # the first order of the group waits for bar 2; the second fills in bar 1
    scene = Scene(symbols=[Symbol(bars=[flat(100.0), GONE, flat(100.0)]), Symbol(bars=[*CALM, flat(100.0)])])
    scene.buy(0, leg=0, quantity=1, leverage=10)
    scene.buy(0, leg=1, quantity=1, leverage=10, group=1)
    played = scene.play()
    assert played.row(LedgerKind.OPEN)["leg"] == 1
    assert (played.notices[-1]["reason"], played.notices[-1]["bar"]) == (Reason.SIBLING_FILLED, 2)


def test_reducing_counts_as_a_fill() -> None:
    # a sell of 3 at 106 brings 2 + 10 + 6 and is refused the 21.2 for the other 2: the group is settled all the same
    scene = Scene(bars=[*CALM, flat(106.0), flat(94.0)], cash=12.0).buy(0, quantity=1, leverage=10)
    scene.sell(1, quantity=3, leverage=10, order_kind=OrderKind.TAKE_PROFIT, trigger=105.0)
    scene.sell(1, quantity=1, order_kind=OrderKind.STOP, trigger=95.0, leverage=10, group=2)
    played = scene.play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.CLOSE]
    assert Reason.SIBLING_FILLED in played.reasons(NoticeKind.CANCELLATION)
