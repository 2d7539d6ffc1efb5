"""The tables of a result, on positions worked out by hand (`builders.one_long`)."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from backtest.enums import LedgerKind, NoticeKind, Reason
from backtest.errors import UsageError
from backtest.result import Result
from tests.builders import (
    HOUR_NS,
    Book,
    CoinFlipper,
    history,
    notice,
    one_long,
    one_long_history,
    one_long_result,
    result,
    simulate,
    wandering,
)

TABLES = (
    "equity", "positions", "trades", "ledger", "orders", "notices", "rejections", "funding", "margin_events",
    "risk_log",
)  # fmt: skip


@pytest.fixture(scope="module")
def hand() -> Result:
    return one_long_result()


def test_equity_is_wallet_plus_margin_plus_unrealised_pnl_at_the_close(hand: Result) -> None:
    # 01:00: wallet 10,000 − 101; margin 100; close 100 → 9,999
    # 02:00: 10 × (110 − 100) = 100 more; 03:00: less 1.1 of funding
    # 04:00: sold at 110: 9,899 + 197.8 = 10,096.8, flat
    # 05:00: 10,096.8 − 202 − 10 = 9,884.8; margin 210; 20 × (92 − 100) = −160 → 9,934.8
    # 06:00: the margin of 210 is gone: 9,884.8
    assert hand.equity["equity"].tolist() == pytest.approx([9999.0, 10099.0, 10097.9, 10096.8, 9934.8, 9884.8])
    assert hand.equity["wallet"].tolist() == pytest.approx([9899.0, 9899.0, 9899.0, 10096.8, 9884.8, 9884.8])
    assert hand.equity["margin"].tolist() == pytest.approx([100.0, 100.0, 98.9, 0.0, 210.0, 0.0])
    assert hand.equity.index[0] == pd.Timestamp("2020-01-01 01:00", tz="UTC")


def test_the_account_s_ratios(hand: Result) -> None:
    second = hand.equity.iloc[1]
    assert second["notional"] == pytest.approx(1100.0)
    assert second["leverage"] == pytest.approx(1100.0 / 10099.0)
    assert second["margin_use"] == pytest.approx(100.0 / 9999.0)
    assert hand.equity["drawdown"].iloc[-1] == pytest.approx(9884.8 / 10099.0 - 1.0)


def test_every_base_bar_can_be_asked_for(hand: Result) -> None:
    assert hand.equity_at("decision") is hand.equity
    every = hand.equity_at("bar")
    assert every["equity"].tolist() == pytest.approx(hand.equity["equity"].tolist())
    # bar 1 runs from 100 to 110; at its low the position is worth its margin of 100
    assert every["equity_low"].iloc[1] == pytest.approx(9999.0)
    with pytest.raises(UsageError, match="'decision' or 'bar'"):
        hand.equity_at("day")


def test_decisions_on_a_longer_timeframe_and_the_last_bar() -> None:
    market = history((100.0, 101.0, 102.0, 103.0, 104.0), timeframe_ns=2 * HOUR_NS)
    flat = result(market, Book(500.0).ledger(), cash=500.0)
    assert flat.equity.index.hour.tolist() == [2, 4, 5]
    assert flat.equity["equity"].tolist() == [500.0] * 3
    assert flat.positions.empty
    assert flat.trades.empty
    assert flat.risk_log.empty


def test_positions_show_margin_ratio_liquidation_price_and_distance(hand: Result) -> None:
    assert len(hand.positions) == 4
    last = hand.positions.iloc[-1]
    # 20 at mark 92: notional 1,840, maintenance 1 % = 18.4, balance 210 − 160 = 50, ratio 0.368
    assert last["maintenance_margin"] == pytest.approx(18.4)
    assert last["margin_balance"] == pytest.approx(50.0)
    assert last["margin_ratio"] == pytest.approx(0.368)
    assert last["liquidation_price"] == pytest.approx(1790.0 / 19.8)
    assert last["distance"] == pytest.approx((92.0 - 1790.0 / 19.8) / 92.0)
    assert last["effective_leverage"] == pytest.approx(1840.0 / 50.0)
    assert last["side"] == "long"


def test_a_trade_states_what_it_earned_and_on_what(hand: Result) -> None:
    won, lost = hand.trades.to_dict("records")
    # price 100, fees 1 + 1.1, funding 1.1
    assert won["pnl_price"] == pytest.approx(100.0)
    assert won["pnl"] == pytest.approx(96.8)
    assert won["roe"] == pytest.approx(0.968)  # the highest margin was 100
    assert won["return_price"] == pytest.approx(0.10)
    assert won["return_equity"] == pytest.approx(96.8 / 10_000.0)
    assert (won["exit_reason"], won["tag"], won["bars"], won["side"]) == ("order", "breakout", 3, "long")
    # price −192, fee 2, liquidation fee 18
    assert lost["pnl"] == pytest.approx(-212.0)
    assert lost["margin_posted"] == pytest.approx(210.0)
    assert lost["margin_added"] == pytest.approx(10.0)
    assert lost["top_ups"] == 1
    assert lost["roe"] == pytest.approx(-212.0 / 210.0)
    assert lost["return_equity"] == pytest.approx(-212.0 / 10_096.8)
    assert lost["exit_reason"] == "liquidation"


def test_excursions_are_those_of_the_mark_path_while_the_trade_was_open(hand: Result) -> None:
    won, lost = hand.trades.to_dict("records")
    assert won["mae"] == pytest.approx(0.0)
    assert won["mfe"] == pytest.approx(0.10)
    assert won["min_distance"] == pytest.approx((100.0 - 900.0 / 9.9) / 100.0)
    # liquidated on the way from 92 to 90, four fifths of the first leg down: 90.4
    assert lost["mae"] == pytest.approx(-0.096)
    assert lost["min_distance"] == 0.0


def test_an_open_trade_is_marked_at_the_end() -> None:
    book = Book(1000.0)
    # sell 2 at 50, 5x: margin 20; the mark falls to 40: profit 20
    book.write(
        LedgerKind.OPEN, 1, price=50.0, mark_price=50.0, quantity=-2.0, wallet=-20.0, margin=20.0,
        entry=50.0, leverage=5.0, liquidation=120.0 / 2.02, slippage=0.5,
    )  # fmt: skip
    run = result(history((50.0, 50.0, 45.0, 40.0)), book.ledger(), cash=1000.0)
    (trade,) = run.trades.to_dict("records")
    assert trade["exit_reason"] == "open"
    assert trade["close_time"] is pd.NaT
    assert trade["pnl"] == pytest.approx(20.0)
    assert (trade["pnl_price"], trade["slippage"]) == pytest.approx((20.5, 0.5))
    assert trade["return_price"] == pytest.approx(0.2)
    assert trade["side"] == "short"
    assert trade["bars"] == 3
    assert run.metrics["open_trades"] == 1
    assert run.metrics["net_pnl"] == pytest.approx(20.0)


def test_a_missing_bar_is_valued_at_the_last_known_mark() -> None:
    book = Book(1000.0)
    book.write(
        LedgerKind.OPEN,
        0,
        price=50.0,
        mark_price=50.0,
        quantity=2.0,
        wallet=-20.0,
        margin=20.0,
        entry=50.0,
        leverage=5.0,
    )
    market = history((50.0, 60.0, 55.0, 52.0))
    prices = market.prices.copy()
    prices[0, :, 2] = np.nan
    run = result(replace(market, prices=prices), book.ledger(), cash=1000.0)
    assert run.equity["equity"].tolist() == pytest.approx([1000.0, 1020.0, 1020.0, 1004.0])
    assert np.isnan(run.extremes.nearest[0, 2])


def test_funding_and_margin_events_are_selected_from_the_ledger(hand: Result) -> None:
    (paid,) = hand.funding.to_dict("records")
    assert paid["rate"] == pytest.approx(0.001)
    assert paid["payment"] == pytest.approx(1.1)
    assert paid["quantity"] == pytest.approx(10.0)
    (added,) = hand.margin_events.to_dict("records")
    assert (added["kind"], added["amount"]) == ("top-up", 10.0)


def test_orders_and_rejections_carry_their_reason(hand: Result) -> None:
    assert hand.orders["status"].tolist() == ["filled", "filled", "filled", "rejected"]
    assert hand.orders["side"].tolist() == ["buy", "sell", "buy", "buy"]
    (refused,) = hand.rejections.to_dict("records")
    assert refused["sentence"] == "the quantity, rounded down to the lot size, is zero"


def test_the_risk_log_tells_everything_in_its_order(hand: Result) -> None:
    log = hand.risk_log
    assert log["event"].tolist() == ["top-up", "rejection", "margin-call", "liquidation"]
    assert log["severity"].tolist() == ["warning", "warning", "warning", "critical"]
    assert "margin lost 210.00" in log["detail"].iloc[-1]


def test_every_kind_of_notice_has_a_sentence() -> None:
    kinds = [NoticeKind.ALERT, NoticeKind.AMBIGUOUS, NoticeKind.HOLE, NoticeKind.TOP_UP_FAILED]
    notices = [notice(kind, bar, reason=Reason.BUDGET_SPENT, value=0.04, level=0.05) for bar, kind in enumerate(kinds)]
    book = one_long()
    book.write(LedgerKind.TIERS, 5)
    book.write(LedgerKind.LEVERAGE, 5)
    run = result(one_long_history(), book.ledger(), notices=notices)
    assert set(run.risk_log["event"]) >= {"alert", "ambiguous", "hole", "top-up-failed", "tiers", "leverage"}
    assert run.risk_log["detail"].str.len().min() > 10


@pytest.mark.parametrize("name", TABLES)
def test_every_column_is_documented_and_every_index_is_utc(hand: Result, name: str) -> None:
    table = getattr(hand, name)
    assert str(table.index.dtype) == "datetime64[ns, UTC]"
    assert table.index.name == "time"
    assert set(table.columns) == set(table.attrs["columns"])


@pytest.mark.parametrize("name", TABLES)
def test_empty_tables_have_the_same_columns_and_types(hand: Result, name: str) -> None:
    flat = result(one_long_history(), Book(100.0).ledger(), cash=100.0)
    assert getattr(flat, name).columns.tolist() == getattr(hand, name).columns.tolist()
    assert str(getattr(flat, name).index.dtype) == "datetime64[ns, UTC]"


def test_a_result_survives_pickling(hand: Result) -> None:
    again = pickle.loads(pickle.dumps(hand))
    assert again.metrics["net_pnl"] == hand.metrics["net_pnl"]
    pd.testing.assert_frame_equal(again.trades, hand.trades)


def test_repr_is_the_summary_and_html_needs_no_script(hand: Result) -> None:
    assert "Net PnL" in repr(hand)
    page = hand._repr_html_()
    assert "<script" not in page
    assert "<svg" in page


def test_part_of_a_run_ends_where_it_was_broken_off() -> None:
    ledger = one_long().ledger()
    part = result(one_long_history(), ledger[ledger["bar"] < 3], bars=3, interrupted=True)
    assert len(part.equity) == 3
    assert "interrupted" in repr(part)


def test_a_real_run_agrees_with_the_broker_s_own_equity() -> None:
    seen = {}
    trader = CoinFlipper(seed=5, chance=0.2)

    def watching(simulation, bar: int) -> None:
        seen[bar] = float(simulation.account[0]["equity"])
        trader(simulation, bar)

    market = history(
        wandering(400, seed=1, step=0.03),
        wandering(400, seed=2, step=0.03),
        spread=0.4,
        funding=[(b, b % 2, 1e-4) for b in range(8, 400, 8)],
    )
    run = simulate(market, watching)
    ours = run.equity["equity"].to_numpy()[list(seen)]
    assert ours == pytest.approx(list(seen.values()), rel=1e-12)
    assert run.metrics["trades"] > 10
    assert run.metrics["liquidations"] > 0
    assert abs(run.metrics["residual"]) < 1e-9 * run.metrics["turnover"]
    assert run.trades["pnl"].sum() == pytest.approx(run.metrics["net_pnl"], abs=1e-8)
