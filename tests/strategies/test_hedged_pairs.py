"""Hedged pairs: opposite signs, a ratio of the past, top-ups out of a budget, and no leg left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import backtest as bt
from backtest.enums import LedgerKind
from backtest.errors import BacktestError
from backtest.market.history import MarketHistory
from backtest.result import Result
from strategies.hedged_pairs import ESTIMATES, HedgedPairs, estimate
from tests.builders import HOUR_NS, START_NS
from tests.strategies.worlds import BTC, ETH, correlated, world

QUICK = {"window": 48, "correlation": 0.2}
BARS = 80


def parted(*after: float, jump: float = 1.05) -> MarketHistory:
    """Two coins move together for 80 bars; then the first jumps and goes on to `after` × that price, bar by bar."""
    a, b = correlated(BARS, legs=2)
    path = a[-1] * np.concatenate(([jump], jump * np.array(after)))
    return world(np.round(np.append(a, path), 2), np.append(b, np.full(len(path), b[-1])))


def of_kind(result: Result, kind: LedgerKind) -> np.ndarray:
    return result.records.ledger[result.records.ledger["kind"] == kind]


def test_the_dear_leg_is_sold_and_the_cheap_one_bought_with_margins_of_their_own() -> None:
    result = bt.run(HedgedPairs, parted(1.0, 1.0), cash=10_000, enter=3.0, stop=12.0, **QUICK)
    a, b = of_kind(result, LedgerKind.OPEN)
    assert a["bar"] == b["bar"] == BARS + 1  # the bar after the jump
    assert a["quantity"] < 0.0 < b["quantity"]
    # share 0.2 of 10,000 is 2,000 of margin in two legs at leverage 4: 8,000 of notional
    assert a["margin"] + b["margin"] == pytest.approx(2_000.0, rel=1e-3)
    assert -a["quantity"] * a["price"] + b["quantity"] * b["price"] == pytest.approx(8_000.0, rel=1e-3)


def test_the_notionals_stand_in_the_ratio_of_the_past_returns() -> None:
    market = parted(1.0, 1.0)
    result = bt.run(HedgedPairs, market, enter=3.0, stop=12.0, **QUICK)
    a, b = of_kind(result, LedgerKind.OPEN)
    # slope of the last 48 log returns of a on those of b, up to and with the bar of the jump, by least squares
    returns = np.diff(np.log(market.prices[:, 3, : BARS + 1]), axis=1)[:, -48:]
    slope = np.polyfit(returns[1], returns[0], 1)[0]
    assert (b["quantity"] * b["price"]) / (-a["quantity"] * a["price"]) == pytest.approx(slope, rel=1e-3)


def test_estimates_do_not_change_when_only_the_future_changes() -> None:
    closes = world(*correlated(200, legs=2))
    frame = closes.frame(BTC)[["close"]].rename(columns={"close": BTC}).assign(**{ETH: closes.frame(ETH)["close"]})
    other = frame.copy()
    other.iloc[120:] *= np.random.default_rng(3).uniform(0.5, 2.0, (80, 2))
    for name in ESTIMATES:
        was, now = (estimate(name, BTC, ETH, 48, each).to_numpy() for each in (frame, other))
        assert was[:120].tobytes() == now[:120].tobytes()
        assert not np.array_equal(was[120:], now[120:])


def test_it_closes_both_legs_when_the_spread_comes_back() -> None:
    result = bt.run(HedgedPairs, parted(1.0, 0.95, 0.95), enter=3.0, stop=12.0, **QUICK)
    closed = result.ledger[result.ledger["kind"] == "close"]
    assert closed["tag"].tolist() == ["come back", "come back"]
    assert result.records.ledger[-1]["position_after"] == 0.0


def test_it_gives_up_when_the_spread_breaks_the_stop() -> None:
    result = bt.run(HedgedPairs, parted(1.0, 1.15, 1.15), enter=3.0, stop=12.0, **QUICK)
    assert set(result.ledger[result.ledger["kind"] == "close"]["tag"]) == {"stop"}


def test_its_patience_ends() -> None:
    result = bt.run(HedgedPairs, parted(*[1.0] * 20), enter=3.0, stop=12.0, patience=10, **QUICK)
    opened, closed = of_kind(result, LedgerKind.OPEN), of_kind(result, LedgerKind.CLOSE)
    assert set(result.ledger[result.ledger["kind"] == "close"]["tag"]) == {"patience"}
    assert closed["bar"].tolist() == [opened["bar"][0] + 10] * 2


def test_when_one_leg_is_liquidated_the_other_is_closed_at_the_next_open() -> None:
    result = bt.run(HedgedPairs, parted(1.0, 1.4, 1.4, 1.4), enter=3.0, stop=12.0, budget=0.0, **QUICK)
    (dead,) = of_kind(result, LedgerKind.LIQUIDATION)
    (survivor,) = of_kind(result, LedgerKind.CLOSE)
    assert (dead["leg"], survivor["leg"]) == (0, 1)
    assert survivor["bar"] == dead["bar"] + 1
    assert survivor["segment"] == 0
    assert survivor["position_after"] == 0.0
    assert len(result.rejections) == 0


def test_the_survivor_is_closed_within_the_hour_where_the_bars_are_finer() -> None:
    result = bt.run(
        HedgedPairs, finer(parted(1.0, 1.4, 1.4, 1.4)), enter=3.0, stop=12.0, budget=0.0, timeframe="1h", **QUICK
    )
    (dead,) = of_kind(result, LedgerKind.LIQUIDATION)
    (survivor,) = of_kind(result, LedgerKind.CLOSE)
    assert survivor["time_ns"] == dead["time_ns"] + HOUR_NS // 4
    assert (dead["time_ns"] - START_NS) % HOUR_NS < HOUR_NS * 3 // 4


def test_the_threatened_leg_is_topped_up_in_mid_bar_and_survives() -> None:
    path = (1.0, 1.16, 1.0, 0.95)
    without = bt.run(HedgedPairs, parted(*path), enter=3.0, stop=12.0, budget=0.0, guard=0.15, **QUICK)
    result = bt.run(HedgedPairs, parted(*path), enter=3.0, stop=12.0, budget=0.1, guard=0.15, **QUICK)
    (added, *_) = of_kind(result, LedgerKind.ADD_MARGIN)
    assert len(of_kind(without, LedgerKind.ADD_MARGIN)) == 0
    assert added["leg"] == 0
    assert added["segment"] in (1, 2, 3)
    # to one and a half guard distances: 0.15 × 1.5 = 0.225 above the mark
    assert added["liquidation_after"] / added["mark_price"] == pytest.approx(1.225, rel=1e-6)


def test_the_budget_bounds_what_is_added() -> None:
    path = np.cumprod(np.full(12, 1.02))
    result = bt.run(HedgedPairs, parted(1.0, *path), cash=10_000, enter=3.0, stop=12.0, budget=0.02, guard=0.2, **QUICK)
    added = of_kind(result, LedgerKind.ADD_MARGIN)["margin"]
    assert len(added) >= 1
    assert added.sum() == pytest.approx(200.0, rel=1e-3)


def test_of_three_symbols_the_widest_spread_is_traded_and_no_symbol_twice() -> None:
    closes = correlated(BARS, legs=3, seed=3)
    jumps = (1.06, 1.0, 1.0)  # the spread of the first to both others widens in the same bar
    market = world(*(np.append(each, np.round([each[-1] * by] * 3, 2)) for each, by in zip(closes, jumps, strict=True)))
    result = bt.run(HedgedPairs, market, enter=3.0, stop=12.0, **QUICK)
    table = pd.DataFrame(market.prices[:, 3].T)
    second, third = (abs(estimate("z", 0, other, 48, table)[BARS]) for other in (1, 2))
    assert min(second, third) > 3.0
    assert of_kind(result, LedgerKind.OPEN)["leg"].tolist() == [0, 1 if second > third else 2]


def test_one_symbol_is_no_pair() -> None:
    with pytest.raises(BacktestError, match="a pair needs two symbols, this run has BTC/USDT:USDT alone"):
        bt.run(HedgedPairs, world(correlated(60)[0]))


def test_thresholds_out_of_order_are_refused() -> None:
    with pytest.raises(BacktestError, match="must rise in this order"):
        bt.run(HedgedPairs, parted(1.0), leave=2.5)


def finer(market: MarketHistory) -> MarketHistory:
    """The same market in quarters of an hour, each hour's move spread evenly over its four."""
    closes = market.prices[:, 3]
    opens = market.prices[:, 0]
    quarters = [
        np.round(one_open[:, None] + (one_close - one_open)[:, None] * np.arange(1, 5) / 4, 2).ravel()
        for one_open, one_close in zip(opens, closes, strict=True)
    ]
    fine = world(*quarters)
    return replace(fine, interval_ns=HOUR_NS // 4, timeframe_ns=HOUR_NS // 4)
