"""Opening a position and adding to it: rules 4.1, 4.4 and 4.5."""

from __future__ import annotations

import numpy as np
import pytest

from backtest.enums import LedgerKind, NoticeKind, OrderKind, Pocket, Reason
from tests.rulebook.scene import Scene, Symbol, flat

QUIET = [flat(100.0)] * 3


def test_opening_locks_the_initial_margin_and_pays_the_fee_from_the_wallet() -> None:
    scene = Scene(symbols=[Symbol(bars=QUIET, taker=0.0005)])
    row = scene.buy(0, quantity=2, leverage=10).play().row(LedgerKind.OPEN)
    # initial margin 2 x 100 / 10 = 20, fee 200 x 0.0005 = 0.1
    assert row["margin"] == pytest.approx(20.0)
    assert row["fees"] == pytest.approx(0.1)
    assert row["wallet_after"] == pytest.approx(1_000 - 20.1)
    # (200 - 20) / (2 x 0.99)
    assert row["liquidation_after"] == pytest.approx(90.9090909090909)
    assert (row["bar"], row["segment"], row["price"], row["entry_after"]) == (1, 0, 100.0, 100.0)


def test_where_the_venue_says_so_the_opening_fee_leaves_the_margin() -> None:
    scene = Scene(symbols=[Symbol(bars=QUIET, taker=0.0005)], fee_pocket=Pocket.MARGIN)
    row = scene.buy(0, quantity=2, leverage=10).play().row(LedgerKind.OPEN)
    assert row["margin_after"] == pytest.approx(19.9)
    assert row["wallet_after"] == pytest.approx(980.0)


def test_adding_averages_the_entry_price_by_quantity() -> None:
    scene = Scene(bars=[flat(100.0), flat(100.0), flat(110.0)])
    played = scene.buy(0, quantity=1, leverage=10).buy(1, quantity=3, leverage=10).play()
    second = played.rows(LedgerKind.OPEN)[1]
    # (1 x 100 + 3 x 110) / 4 = 107.5; margin 10 + 33
    assert second["entry_after"] == pytest.approx(107.5)
    assert second["margin_after"] == pytest.approx(43.0)
    assert second["trade"] == 1


def test_adding_at_a_higher_leverage_raises_that_of_the_position() -> None:
    played = Scene(bars=QUIET).buy(0, quantity=1, leverage=10).buy(1, quantity=1, leverage=20).play()
    second = played.rows(LedgerKind.OPEN)[1]
    assert second["margin_after"] == pytest.approx(10.0 + 5.0)
    assert second["leverage_after"] == 20.0


def test_a_quantity_is_rounded_down_to_the_lot() -> None:
    played = Scene(bars=QUIET).buy(0, quantity=1.2349, leverage=10).play()
    assert played.row(LedgerKind.OPEN)["quantity"] == pytest.approx(1.234)


def test_a_quantity_that_is_a_whole_number_of_lots_is_kept_though_floats_cannot_say_it() -> None:
    # 0.3 / 0.1 is 2.9999999999999996 in binary
    scene = Scene(symbols=[Symbol(bars=QUIET, lot=0.1)])
    assert scene.buy(0, quantity=0.3, leverage=10).play().row(LedgerKind.OPEN)["quantity"] == pytest.approx(0.3)


def test_slippage_is_paid_against_the_side_and_rounded_against_the_trader() -> None:
    bars = [flat(100.0), flat(100.03), flat(100.03)]
    scene = Scene(symbols=[Symbol(bars=bars, volume=200.0)], slippage=0.0005, volume_slippage=0.1)
    played = scene.buy(0, quantity=1, leverage=10).sell(1, quantity=1).play()
    # 0.0005 + 0.1 x 1 / 200 = 0.001: 100.03 x 1.001 = 100.13003, up to 100.14; 100.03 x 0.999 = 99.92997, down to 99.92
    assert played.row(LedgerKind.OPEN)["price"] == pytest.approx(100.14)
    assert played.row(LedgerKind.CLOSE)["price"] == pytest.approx(99.92)


@pytest.mark.parametrize(
    ("reason", "more", "contract"),
    [
        pytest.param(Reason.QUANTITY_BELOW_LOT, {"quantity": 0.0009, "leverage": 10}, {}, id="below the lot"),
        # 0.04 x 100 = 4
        pytest.param(
            Reason.NOTIONAL_BELOW_MINIMUM,
            {"quantity": 0.04, "leverage": 10},
            {"minimum_notional": 5.0},
            id="below the minimum notional",
        ),
        pytest.param(Reason.LEVERAGE_NOT_ALLOWED, {"quantity": 1, "leverage": 2.5}, {}, id="leverage not whole"),
        pytest.param(Reason.LEVERAGE_ABOVE_TIER, {"quantity": 1, "leverage": 126}, {}, id="leverage above the tier"),
        # 101 x 100 / 10 = 1010 > 1000
        pytest.param(Reason.INSUFFICIENT_MARGIN, {"quantity": 101, "leverage": 10}, {}, id="wallet too small"),
        pytest.param(
            Reason.REDUCE_ONLY_WITHOUT_POSITION,
            {"quantity": 1, "leverage": 10, "reduce_only": 1},
            {},
            id="nothing to reduce",
        ),
    ],
)
def test_what_the_venue_does_not_take_is_refused_with_its_reason(
    reason: Reason, more: dict[str, float], contract: dict[str, float]
) -> None:
    played = Scene(symbols=[Symbol(bars=QUIET, **contract)]).buy(0, **more).play()  # type: ignore[arg-type]
    assert played.reasons(NoticeKind.REJECTION) == [reason]
    assert played.kinds() == []
    assert played.wallet() == 1_000.0


def test_where_the_margin_pays_the_fee_the_wallet_need_not_hold_it() -> None:
    # the whole wallet of 1000 is the initial margin of 100 at 100; 5 of it go on the fee
    scene = Scene(symbols=[Symbol(bars=QUIET, taker=0.0005)], fee_pocket=Pocket.MARGIN)
    played = scene.buy(0, quantity=100, leverage=10).play()
    assert played.row(LedgerKind.OPEN)["margin_after"] == pytest.approx(995.0)
    assert played.wallet() == 0.0


def test_a_notional_of_exactly_the_minimum_is_taken() -> None:
    symbol = Symbol(bars=QUIET, minimum_notional=5.0)
    assert Scene(symbols=[symbol]).buy(0, quantity=0.05, leverage=10).play().kinds() == [LedgerKind.OPEN]


def test_the_fee_counts_in_what_the_wallet_has_to_hold() -> None:
    # 100 x 100 / 10 = 1000 is there, the fee of 5 is not
    scene = Scene(symbols=[Symbol(bars=QUIET, taker=0.0005)]).buy(0, quantity=100, leverage=10)
    assert scene.play().reasons(NoticeKind.REJECTION) == [Reason.INSUFFICIENT_MARGIN]
    assert Scene(bars=QUIET).buy(0, quantity=100, leverage=10).play().wallet() == pytest.approx(0.0)


@pytest.mark.parametrize(("cash", "opened"), [(34.99, False), (35.0, True)])
def test_an_order_worse_than_the_mark_needs_its_open_loss_too(cash: float, opened: bool) -> None:
    # 1 x 100 / 4 = 25 and the loss of 10 that the mark already shows
    scene = Scene(symbols=[Symbol(bars=QUIET, marks=[flat(90.0)] * 3)], cash=cash)
    played = scene.buy(0, quantity=1, leverage=4).play()
    assert (LedgerKind.OPEN in played.kinds()) is opened
    if opened:
        # the open loss is asked for, not taken
        assert played.wallet() == pytest.approx(10.0)


def test_the_leverage_of_an_open_isolated_position_is_not_lowered_by_a_new_order() -> None:
    played = Scene(bars=QUIET).buy(0, quantity=1, leverage=10).buy(1, quantity=1, leverage=9).play()
    assert played.reasons(NoticeKind.REJECTION) == [Reason.LEVERAGE_CANNOT_BE_LOWERED]


def test_the_tier_of_the_resulting_notional_caps_the_leverage_not_that_of_the_order_alone() -> None:
    tiers = ((0.0, 500.0, 0.01, 0.0, 50.0), (500.0, np.inf, 0.02, 5.0, 20.0))
    scene = Scene(symbols=[Symbol(bars=QUIET, tiers=tiers)])
    played = scene.buy(0, quantity=5, leverage=50).buy(1, quantity=1, leverage=50).play()
    # 5 x 100 = 500 still lies in the first tier; 6 x 100 does not
    assert played.kinds() == [LedgerKind.OPEN]
    assert played.reasons(NoticeKind.REJECTION) == [Reason.LEVERAGE_ABOVE_TIER]


@pytest.mark.parametrize(("last", "refused"), [(105.0, False), (105.01, True)])
def test_a_market_order_far_from_the_mark_is_refused(last: float, refused: bool) -> None:
    symbol = Symbol(bars=[flat(last)] * 3, marks=[flat(100.0)] * 3, price_band=0.05)
    played = Scene(symbols=[symbol]).buy(0, quantity=1, leverage=2).play()
    assert played.reasons(NoticeKind.REJECTION) == ([Reason.OUTSIDE_PRICE_BAND] if refused else [])


def test_a_symbol_has_only_so_many_working_orders() -> None:
    scene = Scene(bars=QUIET, order_limit=2)
    for price in (90.0, 91.0, 92.0):
        scene.buy(0, quantity=1, leverage=10, order_kind=OrderKind.LIMIT, price=price)
    assert scene.play().reasons(NoticeKind.REJECTION) == [Reason.TOO_MANY_ORDERS]
