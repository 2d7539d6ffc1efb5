"""Twelve faults found in other simulators, each as the sentence that it breaks."""

from __future__ import annotations

import numpy as np
import pytest

from backtest.enums import Holes, LedgerKind, NoticeKind, OrderKind, Reason
from tests.rulebook.scene import Scene, Symbol, flat

CALM = [flat(100.0), flat(100.0)]
# 1 % to 1,000, then 5 % less 1000 x 0.04 = 40
STEEP = ((0.0, 1_000.0, 0.01, 0.0, 125.0), (1_000.0, np.inf, 0.05, 40.0, 20.0))


def test_1_the_tier_is_looked_up_by_notional_and_not_by_the_margin_posted() -> None:
    # 50 at 100 with 10x: the margin of 500 lies in the first tier, the notional of 5000 in the second
    row = Scene(symbols=[Symbol(bars=CALM, tiers=STEEP)]).buy(0, quantity=50, leverage=10).play().row(LedgerKind.OPEN)
    # (5000 - 500 - 40) / (50 x 0.95) = 93.89; by the margin's tier it would be 90.91
    assert row["liquidation_after"] == pytest.approx(4_460.0 / 47.5)


@pytest.mark.parametrize(
    ("last", "mark", "liquidated"),
    [
        pytest.param((100.0, 100.0, 50.0, 100.0), flat(100.0), False, id="a wick of the last price alone"),
        pytest.param(flat(100.0), (100.0, 100.0, 90.0, 100.0), True, id="an extreme of the mark alone"),
    ],
)
def test_2_the_extremes_of_the_mark_liquidate_and_neither_closes_nor_trades(
    last: tuple[float, float, float, float], mark: tuple[float, float, float, float], liquidated: bool
) -> None:
    symbol = Symbol(bars=[*CALM, last], marks=[*CALM, mark])
    played = Scene(symbols=[symbol]).buy(0, quantity=1, leverage=10).play()
    assert (LedgerKind.LIQUIDATION in played.kinds()) is liquidated


@pytest.mark.parametrize(("side", "gap"), [("buy", 20.0), ("sell", 500.0)])
def test_3_a_gap_through_the_liquidation_price_costs_the_margin_and_nothing_more(side: str, gap: float) -> None:
    scene = Scene(bars=[*CALM, flat(gap)])
    played = getattr(scene, side)(0, quantity=1, leverage=10).play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.LIQUIDATION]
    assert played.wallet() == pytest.approx(990.0)


def test_4_a_stop_beyond_the_liquidation_price_comes_too_late_and_nothing_vetoes_a_liquidation() -> None:
    # stop at 89, margin promised for the next open: the mark meets 90.909 first
    scene = Scene(bars=[*CALM, (100.0, 100.0, 85.0, 100.0), flat(100.0)])
    played = scene.buy(0, quantity=1, leverage=10, stop=89.0).add_margin(2, 500.0).play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.LIQUIDATION]
    assert played.reasons(NoticeKind.REJECTION) == [Reason.NO_POSITION]


def test_5_funding_leaves_the_margin_and_moves_the_liquidation_price() -> None:
    symbol = Symbol(bars=[*CALM, flat(100.0)], funding=[(2, 0.01)])
    row = Scene(symbols=[symbol]).buy(0, quantity=1, leverage=10).play().row(LedgerKind.FUNDING)
    assert (row["wallet"], row["margin_after"]) == (0.0, pytest.approx(9.0))
    assert row["liquidation_after"] == pytest.approx(91.0 / 0.99)


@pytest.mark.parametrize(
    ("quantity", "side"), [pytest.param(3, "sell", id="reversed"), pytest.param(1, "buy", id="enlarged")]
)
def test_5_a_settlement_is_counted_once_on_what_was_held_into_it(quantity: float, side: str) -> None:
    symbol = Symbol(bars=[flat(100.0)] * 4, funding=[(2, 0.01)])
    scene = Scene(symbols=[symbol]).buy(0, quantity=1, leverage=10)
    played = getattr(scene, side)(1, quantity=quantity, leverage=10).play()
    # 1 x 100 x 0.01, though 2 other units are held after the open of the stamp
    assert played.row(LedgerKind.FUNDING)["funding"] == pytest.approx(1.0)


def test_5_settlements_fall_where_the_venue_put_them_and_not_every_eight_hours() -> None:
    symbol = Symbol(bars=[flat(100.0)] * 30, funding=[(8, 0.001), (12, 0.001), (13, 0.001), (14, 0.001)])
    played = Scene(symbols=[symbol]).buy(0, quantity=1, leverage=10).play()
    assert played.rows(LedgerKind.FUNDING)["bar"].tolist() == [8, 12, 13, 14]


def test_6_a_long_whose_margin_covers_its_whole_value_has_no_liquidation_price() -> None:
    # 1x without a fee from the margin: 100 of margin on 100; it survives a fall to a hundredth
    played = Scene(bars=[*CALM, (100.0, 100.0, 0.01, 0.01)]).buy(0, quantity=1, leverage=1).play()
    assert played.kinds() == [LedgerKind.OPEN]
    assert np.isnan(played.row(LedgerKind.OPEN)["liquidation_after"])


def test_6_a_short_always_has_one() -> None:
    # (100 + 100) / 1.01
    row = Scene(bars=CALM).sell(0, quantity=1, leverage=1).play().row(LedgerKind.OPEN)
    assert row["liquidation_after"] == pytest.approx(200.0 / 1.01)


def test_7_equity_counts_the_unrealised_profit() -> None:
    # a risk of 1 % at the close of bar 1: equity is 990 + 10 + 100 of profit, so 11 over a distance of 110
    scene = Scene(symbols=[Symbol(bars=[flat(100.0), flat(100.0), flat(200.0), flat(200.0)])])
    scene.buy(0, quantity=1, leverage=10)
    played = scene.buy(2, quantity=0.01, leverage=10, size_kind=3, stop=90.0).play()
    assert played.rows(LedgerKind.OPEN)[1]["quantity"] == pytest.approx(0.1)


def test_8_maintenance_follows_the_notional_at_mark_and_not_the_leverage_nor_the_entry() -> None:
    # a short of 1 at 100 with 10x: at 108 the requirement is 1.08, not 1.0 (entry) nor 0.108 (over leverage)
    played = Scene(bars=[*CALM, flat(108.0)], margin_call=0.5).sell(0, quantity=1, leverage=10).play()
    call = played.notices[played.notices["kind"] == NoticeKind.MARGIN_CALL][0]
    assert call["value"] == pytest.approx(1.08 / 2.0)
    # and the price is 110 / 1.01, not 109 (entry) nor 109.9
    assert played.row(LedgerKind.OPEN)["liquidation_after"] == pytest.approx(110.0 / 1.01)


def test_9_isolated_mode_really_liquidates() -> None:
    played = Scene(bars=[*CALM, (100.0, 100.0, 90.9, 100.0)]).buy(0, quantity=1, leverage=10).play()
    assert played.row(LedgerKind.LIQUIDATION)["price"] == pytest.approx(90.0 / 0.99)


def test_10_the_run_goes_on_after_a_liquidation() -> None:
    bars = [*CALM, (100.0, 100.0, 90.0, 100.0), flat(100.0), flat(110.0)]
    played = Scene(bars=bars).buy(0, quantity=1, leverage=10).buy(2, quantity=1, leverage=10).sell(3, quantity=1).play()
    assert played.kinds() == [LedgerKind.OPEN, LedgerKind.LIQUIDATION, LedgerKind.OPEN, LedgerKind.CLOSE]
    # 0.909 of maintenance margin came back; then 10 were won
    assert played.wallet() == pytest.approx(990.0 + 0.9090909090909 + 10.0)


def test_11_two_legs_keep_their_own_margins_and_are_neither_netted_nor_counted_twice() -> None:
    symbols = [Symbol(bars=[*CALM, (100.0, 100.0, 90.0, 95.0)]), Symbol(bars=[*CALM, (100.0, 100.0, 90.0, 95.0)])]
    scene = Scene(symbols=symbols).buy(0, quantity=1, leverage=10, leg=0).sell(0, quantity=1, leverage=10, leg=1)
    played = scene.play()
    # the long is liquidated though the short has won as much
    assert played.row(LedgerKind.LIQUIDATION)["leg"] == 0
    assert played.wallet() == pytest.approx(980.0 + 0.9090909090909)
    assert played.outcome.account.positions[1].margin == 10


def test_11_an_order_without_free_margin_is_refused() -> None:
    symbols = [Symbol(bars=CALM), Symbol(bars=CALM)]
    scene = Scene(symbols=symbols, cash=15.0).buy(0, quantity=1, leverage=10, leg=0)
    played = scene.sell(0, quantity=1, leverage=10, leg=1).play()
    assert played.reasons(NoticeKind.REJECTION) == [Reason.INSUFFICIENT_MARGIN]


def test_12_the_maintenance_margin_is_not_handed_back_where_the_fee_takes_it() -> None:
    # Binance, BTC: 1.25 % of the notional is more than the 1 % that is left
    symbol = Symbol(bars=[*CALM, (100.0, 100.0, 90.0, 100.0)], liquidation_fee=0.0125)
    played = Scene(symbols=[symbol]).buy(0, quantity=1, leverage=10).play()
    assert played.row(LedgerKind.LIQUIDATION)["wallet"] == 0.0
    assert played.wallet() == pytest.approx(990.0)


def test_a_hole_is_no_price_that_a_liquidation_can_be_read_on() -> None:
    symbol = Symbol(bars=[*CALM, (np.nan,) * 4, flat(100.0)])
    played = Scene(symbols=[symbol], holes=Holes.HOLD).buy(0, quantity=1, leverage=10, order_kind=OrderKind.MARKET)
    assert played.play().kinds() == [LedgerKind.OPEN]
