"""Resting orders: rules 2.5, 2.6, 3.4, 4.7 and 4.8."""

from __future__ import annotations

import pytest

from backtest.enums import LedgerKind, Liquidity, NoticeKind, OrderKind, Reason, SizeKind
from tests.rulebook.scene import Played, Scene, Symbol, flat

CALM = [flat(100.0), flat(100.0)]
DIP = (100.0, 100.0, 94.0, 98.0)


def limit(scene: Scene, price: float, **more: float) -> Played:
    return scene.buy(0, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=price, **more).play()


def test_a_limit_order_fills_at_its_price_as_maker() -> None:
    row = limit(Scene(symbols=[Symbol(bars=[*CALM, DIP], maker=0.0002, taker=0.0005)]), 95.0).row(LedgerKind.OPEN)
    assert (row["price"], row["liquidity"]) == (95.0, Liquidity.MAKER)
    assert row["fees"] == pytest.approx(0.019)


def test_a_new_limit_order_that_the_open_has_reached_fills_at_the_open_as_taker() -> None:
    row = limit(Scene(symbols=[Symbol(bars=CALM, maker=0.0002, taker=0.0005)]), 101.0).row(LedgerKind.OPEN)
    assert (row["price"], row["liquidity"]) == (100.0, Liquidity.TAKER)


def test_a_resting_limit_order_that_the_open_has_passed_fills_at_the_better_open_as_maker() -> None:
    row = limit(Scene(bars=[*CALM, flat(93.0)]), 95.0).row(LedgerKind.OPEN)
    assert (row["price"], row["liquidity"], row["segment"]) == (93.0, Liquidity.MAKER, 0)


def test_limit_orders_pay_no_slippage() -> None:
    assert limit(Scene(bars=[*CALM, DIP], slippage=0.01), 95.0).row(LedgerKind.OPEN)["price"] == 95.0


def test_a_limit_price_is_rounded_to_the_nearest_tick() -> None:
    scene = Scene(symbols=[Symbol(bars=[*CALM, DIP], tick=0.5)])
    assert limit(scene, 95.3).row(LedgerKind.OPEN)["price"] == 95.5


def test_a_post_only_order_that_would_take_is_refused() -> None:
    assert limit(Scene(bars=CALM), 100.0, post_only=1).reasons(NoticeKind.REJECTION) == [Reason.POST_ONLY_WOULD_TAKE]
    assert limit(Scene(bars=[*CALM, DIP]), 95.0, post_only=1).row(LedgerKind.OPEN)["price"] == 95.0


def test_a_stop_entry_buys_when_the_price_has_risen_to_it() -> None:
    scene = Scene(bars=[*CALM, (100.0, 104.0, 99.0, 103.0)])
    scene.buy(0, quantity=1, leverage=10, order_kind=OrderKind.STOP, trigger=102.0)
    row = scene.play().row(LedgerKind.OPEN)
    assert (row["price"], row["liquidity"], row["reason"]) == (102.0, Liquidity.TAKER, Reason.STOP)


def test_a_take_profit_entry_buys_when_the_price_has_fallen_to_it() -> None:
    scene = Scene(bars=[*CALM, DIP]).buy(0, quantity=1, leverage=10, order_kind=OrderKind.TAKE_PROFIT, trigger=96.0)
    row = scene.play().row(LedgerKind.OPEN)
    assert (row["price"], row["reason"]) == (96.0, Reason.TAKE_PROFIT)


@pytest.mark.parametrize(
    ("price", "filled", "liquidity"),
    [
        pytest.param(103.0, 102.0, Liquidity.TAKER, id="the limit already passed: taker at the last price"),
        # the path is 100, 99, 104, 101: triggered at 102 going up, then 101.5 is met coming down
        pytest.param(101.5, 101.5, Liquidity.MAKER, id="the limit not yet reached: it rests"),
    ],
)
def test_a_triggered_stop_limit_comes_into_force_as_a_limit_order(
    price: float, filled: float, liquidity: Liquidity
) -> None:
    scene = Scene(bars=[*CALM, (100.0, 104.0, 99.0, 101.0)])
    scene.buy(0, quantity=1, leverage=10, order_kind=OrderKind.STOP_LIMIT, trigger=102.0, price=price)
    row = scene.play().row(LedgerKind.OPEN)
    assert (row["price"], row["liquidity"]) == (filled, liquidity)


def test_a_triggered_stop_limit_that_is_not_reached_goes_on_working_as_a_limit_order() -> None:
    scene = Scene(bars=[*CALM, (100.0, 104.0, 99.0, 103.0), (103.0, 103.0, 97.0, 98.0)])
    scene.buy(0, quantity=1, leverage=10, order_kind=OrderKind.STOP_LIMIT, trigger=102.0, price=98.0)
    row = scene.play().row(LedgerKind.OPEN)
    assert (row["bar"], row["price"]) == (3, 98.0)


def test_a_resting_limit_order_holds_back_its_margin_fee_and_open_loss() -> None:
    # 1 x 95 x (1/10 + 0.001) = 9.595, and 5 of open loss against a mark of 90
    symbol = Symbol(bars=[flat(100.0)] * 3, marks=[flat(90.0)] * 3, taker=0.001)
    played = limit(Scene(symbols=[symbol]), 95.0)
    assert played.account["reserved"] == pytest.approx(14.595)
    assert played.wallet() == 1_000.0


def test_what_a_resting_order_holds_back_is_not_free_for_another() -> None:
    scene = Scene(bars=[*CALM, flat(100.0)], cash=15.0)
    scene.buy(0, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=90.0)
    played = scene.buy(1, quantity=1, leverage=10).play()
    # 9 of 15 are held back: 6 do not open 100 at 10x
    assert played.reasons(NoticeKind.REJECTION) == [Reason.INSUFFICIENT_MARGIN]


def test_a_cancelled_order_frees_what_it_held_back() -> None:
    scene = Scene(bars=[*CALM, flat(100.0)], cash=15.0)
    scene.buy(0, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=90.0)
    played = scene.cancel(1, 1).buy(1, quantity=1, leverage=10).play()
    assert played.reasons(NoticeKind.CANCELLATION) == [Reason.CANCELLED_BY_STRATEGY]
    assert played.kinds() == [LedgerKind.OPEN]


def test_an_unknown_order_cannot_be_cancelled() -> None:
    assert Scene(bars=CALM).cancel(0, 7).play().reasons(NoticeKind.REJECTION) == [Reason.UNKNOWN_ORDER]


def test_reducing_orders_hold_nothing_back() -> None:
    scene = Scene(bars=[*CALM, flat(100.0)]).buy(0, quantity=1, leverage=10)
    scene.sell(1, quantity=1, order_kind=OrderKind.LIMIT, price=120.0)
    assert scene.play().account["reserved"] == 0.0


def test_a_bracket_is_of_the_filled_quantity_and_one_cancels_the_other() -> None:
    scene = Scene(bars=[*CALM, (100.0, 106.0, 99.0, 105.0), flat(90.0)])
    played = scene.buy(0, quantity=1.5, leverage=10, stop=95.0, take_profit=105.0).play()
    row = played.row(LedgerKind.CLOSE)
    assert (row["quantity"], row["price"], row["reason"]) == (-1.5, 105.0, Reason.TAKE_PROFIT)
    assert played.reasons(NoticeKind.CANCELLATION) == [Reason.SIBLING_FILLED]


def test_a_bracket_of_a_resting_order_waits_for_its_fill() -> None:
    # the price passes 105 before the limit at 95 is filled
    bars = [*CALM, (100.0, 106.0, 100.0, 100.0), (100.0, 100.0, 94.0, 98.0)]
    scene = Scene(bars=bars)
    scene.buy(0, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=95.0, take_profit=105.0)
    assert scene.play().kinds() == [LedgerKind.OPEN]


def test_closing_a_position_cancels_its_reduce_only_orders_and_leaves_the_others() -> None:
    scene = Scene(bars=[flat(100.0)] * 4).buy(0, quantity=1, leverage=10, stop=95.0)
    scene.buy(1, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=80.0)
    played = scene.sell(2, quantity=1).play()
    assert played.reasons(NoticeKind.CANCELLATION) == [Reason.POSITION_CLOSED]
    assert played.account["reserved"] == pytest.approx(8.0)


def test_a_target_trades_the_difference_and_replaces_the_bracket() -> None:
    scene = Scene(bars=[flat(100.0)] * 4 + [(100.0, 100.0, 89.0, 95.0)])
    scene.buy(0, quantity=3, leverage=5, stop=95.0)
    scene.buy(2, quantity=1, leverage=5, size_kind=SizeKind.TARGET_QUANTITY)
    played = scene.play()
    assert played.ledger[2]["quantity"] == -2.0
    assert played.ledger[2]["position_after"] == 1.0


@pytest.mark.parametrize(
    ("size_kind", "size", "quantity"),
    [
        pytest.param(SizeKind.NOTIONAL, 250.0, 2.5, id="notional 250 / 100"),
        pytest.param(SizeKind.MARGIN, 25.0, 2.5, id="margin 25 x 10 / 100"),
        # 2 % of 1000 lost over 100 - 95 = 5
        pytest.param(SizeKind.RISK, 0.02, 4.0, id="risk 0.02 x 1000 / 5"),
        pytest.param(SizeKind.TARGET_EXPOSURE, 0.5, 5.0, id="exposure 0.5 x 1000 / 100"),
    ],
)
def test_a_size_says_what_it_sizes(size_kind: SizeKind, size: float, quantity: float) -> None:
    scene = Scene(bars=CALM).buy(0, quantity=size, leverage=10, size_kind=size_kind, stop=95.0)
    assert scene.play().row(LedgerKind.OPEN)["quantity"] == pytest.approx(quantity)


def test_a_size_is_worked_out_at_the_close_at_which_it_is_asked_for() -> None:
    # 250 / 100 at the close, though the next open stands at 125
    scene = Scene(bars=[flat(100.0), flat(125.0)]).buy(0, quantity=250, leverage=10, size_kind=SizeKind.NOTIONAL)
    row = scene.play().row(LedgerKind.OPEN)
    assert (row["quantity"], row["price"]) == (2.5, 125.0)


@pytest.mark.parametrize("stop", [105.0, 100.0])
def test_a_risk_with_its_stop_on_the_wrong_side_or_at_the_price_means_nothing(stop: float) -> None:
    scene = Scene(bars=CALM).buy(0, quantity=0.02, leverage=10, size_kind=SizeKind.RISK, stop=stop)
    assert scene.play().reasons(NoticeKind.REJECTION) == [Reason.STOP_ON_WRONG_SIDE]
