"""Where a double's last digit would decide, the decimal does: rules 3.3, 4.4, 4.5."""

from __future__ import annotations

import pytest

from backtest.enums import LedgerKind, NoticeKind, OrderKind, PriceSource, Reason
from tests.rulebook.scene import Scene, Symbol, flat

CALM = [flat(100.0), flat(100.0)]


def test_an_order_of_just_the_minimum_notional_is_taken() -> None:
    # 0.29 x 100 is 28.999999999999996 in doubles
    symbol = Symbol(bars=CALM, minimum_notional=29.0)
    played = Scene(symbols=[symbol]).buy(0, quantity=0.29, leverage=10).play()
    assert played.kinds() == [LedgerKind.OPEN]
    below = Scene(symbols=[symbol]).buy(0, quantity=0.289, leverage=10).play()
    assert below.reasons(NoticeKind.REJECTION) == [Reason.NOTIONAL_BELOW_MINIMUM]


def test_a_price_just_on_the_band_is_taken() -> None:
    # |19.95 - 21| is 1.0500000000000007 in doubles, and 5 % of 21 are 1.05
    symbol = Symbol(bars=[flat(19.95)] * 2, marks=[flat(21.0)] * 2, price_band=0.05)
    assert Scene(symbols=[symbol]).buy(0, quantity=1, leverage=10).play().kinds() == [LedgerKind.OPEN]
    symbol.price_band = 0.0499
    played = Scene(symbols=[symbol]).buy(0, quantity=1, leverage=10).play()
    assert played.reasons(NoticeKind.REJECTION) == [Reason.OUTSIDE_PRICE_BAND]


@pytest.mark.parametrize("quantity", [0.1, 0.3, 0.7, 1.1, 2.3])
def test_a_resting_order_can_be_filled_with_just_what_it_reserved(quantity: float) -> None:
    # the wallet holds the margin of the order at 90 with 8x and its taker fee (11.25 and 0.045 each), and nothing else
    symbol = Symbol(bars=[*CALM, (100.0, 100.0, 90.0, 90.0)], maker=0.0005, taker=0.0005)
    cash = round(quantity * 11.295, 4)
    scene = Scene(symbols=[symbol], cash=cash)
    played = scene.buy(0, quantity=quantity, leverage=8, order_kind=OrderKind.LIMIT, price=90.0).play()
    assert played.kinds() == [LedgerKind.OPEN]
    assert played.wallet() == pytest.approx(0.0, abs=1e-12)


def test_thresholds_at_one_point_act_in_the_order_of_their_numbers() -> None:
    # The last price falls from 21 to 20.5 while the mark falls from 21.4 to 20.9. Six tenths of the way both orders
    # are met: the limit at 20.7 and the stop at a mark of 21.1, whose fraction is the smaller one in doubles.
    symbol = Symbol(
        bars=[flat(21.0), flat(21.0), (21.0, 21.0, 20.5, 20.5)],
        marks=[flat(21.4), flat(21.4), (21.4, 21.4, 20.9, 20.9)],
    )
    scene = Scene(symbols=[symbol]).buy(0, quantity=1, leverage=3)
    scene.buy(0, quantity=1, leverage=3, order_kind=OrderKind.LIMIT, price=20.7)
    scene.sell(0, quantity=1, order_kind=OrderKind.STOP, trigger=21.1, trigger_on=PriceSource.MARK, reduce_only=1)
    played = scene.play()
    assert list(played.ledger["order"][1:]) == [1, 2, 3]
    other = Scene(symbols=[symbol]).buy(0, quantity=1, leverage=3)
    other.sell(0, quantity=1, order_kind=OrderKind.STOP, trigger=21.1, trigger_on=PriceSource.MARK, reduce_only=1)
    other.buy(0, quantity=1, leverage=3, order_kind=OrderKind.LIMIT, price=20.7)
    assert list(other.play().ledger["order"][1:]) == [1, 2, 3]


def test_a_limit_that_the_price_has_just_reached_would_take() -> None:
    # seven elevenths of the way the mark is at 16.13, and the last price at 16.01 + 0.44 x 7 / 11 = 16.29, which is
    # 16.289999999999996 in doubles: the post-only limit to sell there comes into force reached
    symbol = Symbol(
        bars=[flat(16.01), flat(16.01), (16.01, 16.45, 15.95, 16.16)],
        marks=[flat(15.99), flat(15.99), (15.99, 16.21, 15.96, 16.16)],
    )
    scene = Scene(symbols=[symbol])
    scene.sell(
        0,
        quantity=1,
        leverage=10,
        order_kind=OrderKind.TAKE_PROFIT_LIMIT,
        trigger=16.13,
        trigger_on=PriceSource.MARK,
        price=16.29,
        post_only=1,
    )
    assert scene.play().reasons(NoticeKind.REJECTION) == [Reason.POST_ONLY_WOULD_TAKE]
