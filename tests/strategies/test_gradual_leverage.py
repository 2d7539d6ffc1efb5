"""Gradual leverage: steps up on profit while volatility allows, steps down otherwise."""

from __future__ import annotations

import numpy as np
import pytest

import backtest as bt
from backtest.enums import LedgerKind
from backtest.errors import BacktestError
from backtest.market.contract import TierTable
from backtest.result import Result
from strategies.gradual_leverage import GradualLeverage
from tests.strategies.worlds import alternating, kinds, rising, world

CALM = np.round(alternating(0.001, 60) * 0.9998 ** np.arange(60), 2)
"""Sixty hours back and forth by 0.1 %, down by 0.02 % in each: no new high, a daily volatility of half a percent."""
QUICK = {"trend": 60, "window": 24, "share": 0.5, "stride": 0.3}
UP_AND_DOWN = np.concatenate((CALM, rising(4, step=0.02), rising(4, price=108.24, step=-0.02)[[0, 1, 2, 2]]))
"""Then 102, 104.04, 106.12, 108.24 and back by 2 % three times. The volatility is 4 to 6 % a day by then, a stride of
0.3 of it less than 2 %: steps at 102 (enter), 104.04 and 106.12, and down at 103.95 and 101.87."""


def steps(result: Result) -> list[tuple[str, float, float]]:
    """Tag, price and leverage after of every fill."""
    filled = result.ledger[result.ledger["kind"].isin(["open", "close"])]
    return list(zip(filled["tag"], filled["price"], filled["leverage_after"], strict=True))


def test_it_enters_at_the_first_leverage_and_raises_it_only_on_profit() -> None:
    market = world(np.concatenate((CALM, rising(12))))
    result = bt.run(GradualLeverage, market, top=4, **QUICK)
    taken = steps(result)
    assert [tag for tag, _, _ in taken] == ["enter", "step up", "step up", "step up"]
    assert [leverage for _, _, leverage in taken] == [1, 2, 3, 4]
    prices = [price for _, price, _ in taken]
    assert prices == sorted(prices)
    assert len(set(prices)) == 4


def test_the_stake_is_the_share_of_equity_and_each_step_buys_it_once_more() -> None:
    market = world(np.concatenate((CALM, rising(4))))
    result = bt.run(GradualLeverage, market, cash=10_000, **QUICK)
    opened = result.records.ledger[result.records.ledger["kind"] == LedgerKind.OPEN]
    equity = result.equity["equity"].to_numpy()
    for row in opened:
        # sized at the close before: 0.5 × equity / price, rounded down to the lot of 0.001
        close = market.prices[0, 3, row["bar"] - 1]
        assert row["quantity"] == pytest.approx(0.5 * equity[row["bar"] - 1] / close, abs=0.00101)


def test_after_each_fill_notional_over_margin_balance_is_the_leverage_of_the_step() -> None:
    result = bt.run(GradualLeverage, world(UP_AND_DOWN), top=3, **QUICK)
    rows = result.records.ledger
    expected = iter([1, 2, 3, 2, 1])
    filled = np.flatnonzero(np.isin(rows["kind"], [LedgerKind.OPEN, LedgerKind.CLOSE]))
    for at, following in zip(filled, [*filled[1:], len(rows)], strict=True):
        settled = rows[at:following][rows[at:following]["bar"] == rows[at]["bar"]][-1]
        quantity, mark = settled["position_after"], settled["mark_price"]
        balance = settled["margin_after"] + quantity * (mark - settled["entry_after"])
        assert quantity * mark / balance == pytest.approx(next(expected), rel=1e-9)
    assert next(expected, None) is None


def test_a_step_down_sells_one_part_in_leverage_and_leaves_the_leverage_setting_alone() -> None:
    result = bt.run(GradualLeverage, world(UP_AND_DOWN), top=3, **QUICK)
    down = result.ledger[result.ledger["tag"] == "step down"].iloc[0]
    held = down["position_after"] - down["quantity"]
    assert -down["quantity"] == pytest.approx(held / 3, abs=0.001)
    assert down["leverage_after"] == 3
    assert len(result.rejections) == 0


def test_it_steps_up_and_down_where_the_docstring_says() -> None:
    result = bt.run(GradualLeverage, world(UP_AND_DOWN), top=3, **QUICK)
    assert [(tag, round(price, 2)) for tag, price, _ in steps(result)] == [
        ("enter", 102.0),
        ("step up", 104.04),
        ("step up", 106.12),
        ("step down", 103.95),
        ("step down", 101.87),
    ]


def test_without_profit_it_never_steps_up() -> None:
    new_high_then_fall = np.concatenate((CALM, rising(1), rising(20, price=101.0, step=-0.002)))
    result = bt.run(GradualLeverage, world(new_high_then_fall), **QUICK)
    assert {tag for tag, _, _ in steps(result)} == {"enter", "leave"}
    assert result.positions["quantity"].iloc[-1] == 0.0 or len(result.positions) < len(result.equity)


def test_after_steps_down_it_waits_for_a_profit_before_it_steps_up_again() -> None:
    # up by 2 % three times: at 103.91 the last step has gained its stride, but the position, at 104.03 on average, no
    # profit; at 105.99 it has one
    again = np.concatenate((UP_AND_DOWN, rising(3, price=101.87, step=0.02)))
    taken = steps(bt.run(GradualLeverage, world(again), top=3, **QUICK))[5:]
    assert [(tag, round(price, 2)) for tag, price, _ in taken] == [("step up", 105.99)]


def test_a_volatile_market_holds_the_leverage_down() -> None:
    market = world(np.concatenate((alternating(0.03, 60), rising(12, price=103.0, step=0.03))))
    # daily volatility ≈ ln 1.03 × √24 ≈ 14.5 %: four of them are 58 %, more than the 50 % that leverage 2 leaves
    result = bt.run(GradualLeverage, market, **QUICK)
    assert {leverage for _, _, leverage in steps(result)} == {1}


def test_a_step_that_the_venue_refuses_is_not_taken() -> None:
    capped = (TierTable.from_rungs(0, ((1_000_000.0, 0.01, 2.0),), "made for a test"),)
    result = bt.run(GradualLeverage, world(np.concatenate((CALM, rising(12))), tier_tables=capped), **QUICK)
    assert set(result.rejections["reason"]) == {"leverage-above-tier"}
    assert {leverage for _, _, leverage in steps(result)} == {1, 2}


def test_profit_of_the_steps_goes_to_the_wallet() -> None:
    result = bt.run(GradualLeverage, world(np.concatenate((CALM, rising(12)))), **QUICK)
    assert kinds(result)["remove-margin"] >= 3


def test_a_first_leverage_above_the_top_is_refused() -> None:
    with pytest.raises(BacktestError, match="first 6 is above top 5"):
        bt.run(GradualLeverage, world(CALM), first=6)
