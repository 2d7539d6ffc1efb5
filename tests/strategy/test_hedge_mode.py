"""Hedge mode as a strategy sees it: legs by name, natural defaults, and what results make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import backtest as bt
from backtest.enums import PositionMode, PositionSide
from backtest.errors import StrategyError, UsageError
from backtest.market.history import MarketHistory
from backtest.report.figures import figures
from backtest.result import Result
from backtest.sweeps import metrics
from backtest.sweeps.marks import Marks
from tests.builders import contract, history

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
CLOSES = [100.0, 100.0, 102.0, 110.0, 104.0, 101.0, 97.0, 95.0]


def market(*closes: list[float]) -> MarketHistory:
    return history(*(closes or (CLOSES,)), spread=0.5)


def ran(asked: dict[int, Callable[[bt.Strategy], object]], *closes: list[float], **options: object) -> Result:
    """A run in hedge mode of a strategy that asks at the closes of these bars."""

    class Asks(bt.Strategy):
        def next(self) -> None:
            if self.bar in asked:
                asked[self.bar](self)

    return bt.run(Asks, market(*closes), position_mode=PositionMode.HEDGE, **options)


def both(strategy: bt.Strategy) -> None:
    strategy.buy(BTC, quantity=1, leverage=2)
    strategy.sell(BTC, quantity=2, leverage=4)


def test_a_buy_opens_the_long_and_a_sell_the_short() -> None:
    result = ran({0: both})
    assert result.orders["position_side"].tolist() == ["long", "short"]
    assert result.trades[["symbol", "side", "leverage"]].to_numpy().tolist() == [
        [BTC, "long", 2.0],
        [BTC, "short", 4.0],
    ]
    assert result.positions["side"].tolist()[:2] == ["long", "short"]
    # 1 x (95 - 100) and 2 x (100 - 95) at the last close
    assert result.equity["equity"].iloc[-1] == pytest.approx(10_000.0 - 5.0 + 10.0)


def test_reduce_only_without_a_leg_closes_the_other_one() -> None:
    result = ran({0: both, 1: lambda s: s.buy(BTC, quantity=2, reduce_only=True)})
    assert result.trades["exit_reason"].tolist() == ["open", "order"]


def test_a_leg_may_be_named() -> None:
    asked = {
        0: lambda s: s.sell(BTC, quantity=1, leverage=2, leg="short"),
        1: lambda s: s.buy(BTC, quantity=0.4, leg=PositionSide.SHORT),
    }
    result = ran(asked)
    assert result.ledger["position_after"].tolist()[1:] == pytest.approx([-1.0, -0.6])
    assert result.ledger["position_side"].tolist() == ["", "short", "short"]


def test_positions_are_seen_by_leg() -> None:
    seen = {}

    def look(strategy: bt.Strategy) -> None:
        long, short = strategy.position(BTC, "long"), strategy.position(BTC, "short")
        seen[strategy.bar] = (
            long.quantity,
            short.quantity,
            strategy.position(BTC).quantity,
            repr(strategy.position(BTC)),
        )

    asked = {0: lambda s: s.sell(BTC, quantity=2, leverage=4), 1: look, 2: lambda s: s.buy(BTC, quantity=1), 3: look}
    ran(asked)
    assert seen[1][:3] == (0.0, -2.0, -2.0)  # the one that is open
    assert seen[3][:3] == (1.0, -2.0, 1.0)  # of two the long


def test_closing_a_symbol_closes_both_legs() -> None:
    result = ran({0: both, 2: lambda s: s.close_position(BTC)})
    assert result.trades["exit_reason"].tolist() == ["order", "order"]
    result = ran({0: both, 2: lambda s: s.close_position(BTC, leg="short", share=0.5)})
    assert result.ledger["position_after"].tolist()[1:] == [1.0, -2.0, -1.0]


def test_a_target_of_the_symbol_closes_the_other_leg() -> None:
    asked = {
        0: lambda s: s.target(BTC, quantity=2.0, leverage=2),
        1: lambda s: s.target(BTC, quantity=-1.0, leverage=2),
        2: lambda s: s.target(BTC, quantity=0.0),
    }
    result = ran(asked)
    assert result.ledger[["position_side", "quantity"]].to_numpy().tolist()[1:] == [
        ["long", 2.0], ["long", -2.0], ["short", -1.0], ["short", 1.0],
    ]  # fmt: skip
    result = ran({0: lambda s: s.target(BTC, quantity=-1.0, leg="short", leverage=2), 1: both})
    assert result.ledger["position_after"].tolist()[1:] == [-1.0, 1.0, -3.0]


def test_cancels_and_alerts_reach_both_legs_or_the_one_that_is_named() -> None:
    told = []

    class Watching(bt.Strategy):
        def init(self) -> None:
            self.number = self.alert(BTC, distance=0.45)

        def next(self) -> None:
            if self.bar == 0:
                self.buy(BTC, quantity=1, leverage=2)
                self.sell(BTC, quantity=1, leverage=2)
                self.buy(BTC, quantity=1, leverage=2, limit=50.0)
                self.sell(BTC, quantity=1, leverage=2, limit=150.0)
            if self.bar == 1:
                self.cancel_all(BTC, leg="long")
            if self.bar == 2:
                self.cancel_all(BTC)

        def on_alert(self, alert: bt.Alert) -> None:
            told.append((alert.number == self.number, alert.symbol, alert.position_side))

    result = bt.run(Watching, market(), position_mode=PositionMode.HEDGE)
    assert result.orders["done_time"].dt.hour.tolist()[2:] == [2, 3]
    # up to 110: the short's distance to 148.5 falls below 45 %; down to 95: the long's to 50.5
    assert told == [(True, BTC, PositionSide.SHORT)]


def test_hooks_are_told_the_leg() -> None:
    told = []

    class Listening(bt.Strategy):
        def next(self) -> None:
            if self.bar == 0:
                both(self)

        def on_fill(self, fill: bt.Fill) -> None:
            told.append(("fill", fill.position_side))

        def on_liquidation(self, position: bt.Position, event: bt.Liquidation) -> None:
            told.append((position.position_side, event.position_side))

    bt.run(Listening, market([100.0, 100.0, 140.0]), position_mode=PositionMode.HEDGE)
    # the short at 4x is gone above (200 + 50) / 2.02 = 123.76
    short = PositionSide.SHORT
    assert told == [("fill", PositionSide.LONG), ("fill", short), (short, short)]


class Planned(bt.Strategy):
    def plan(self) -> bt.Schedule:
        at, exposure = [0, 2, 4, 6], np.array([0.5, -0.4, 0.0, 0.2])
        column = np.full(len(CLOSES), np.nan)
        column[at] = exposure
        return self.targets(BTC, at, exposure=exposure, leverage=3) + self.schedule(
            exposure={(ETH, "long"): column, (ETH, "short"): -column},
            add_margin={(ETH, "short"): column * 10.0},
            leverage=3,
        )


class Decided(bt.Strategy):
    def next(self) -> None:
        exposure = {0: 0.5, 2: -0.4, 4: 0.0, 6: 0.2}.get(self.bar)
        if exposure is not None:
            self.target(BTC, exposure=exposure, leverage=3)
            self.target(ETH, exposure=exposure, leverage=3, leg="long")
            self.target(ETH, exposure=-exposure, leverage=3, leg="short")
            short = self.position(ETH, "short")
            (short.add_margin if exposure > 0.0 else short.remove_margin)(abs(exposure) * 10.0)


def test_a_plan_and_a_strategy_that_says_the_same_agree_in_hedge_mode() -> None:
    world = market(CLOSES, [price / 2 for price in CLOSES])
    planned = bt.run(Planned, world, position_mode=PositionMode.HEDGE)
    decided = bt.run(Decided, world, position_mode=PositionMode.HEDGE)
    assert len(planned.ledger) == 12
    assert planned.records.ledger.tobytes() == decided.records.ledger.tobytes()


def test_results_figures_and_the_metrics_of_a_sweep_know_the_legs() -> None:
    class Both(bt.Strategy):
        def next(self) -> None:
            if self.bar == 0:
                for symbol in self.symbols:
                    self.buy(symbol, quantity=1, leverage=2)
                    self.sell(symbol, quantity=2, leverage=4)

    world = market(CLOSES, [price / 2 for price in CLOSES])
    result = bt.run(Both, world, position_mode=PositionMode.HEDGE)
    assert result.extremes.nearest.shape == (4, len(CLOSES))
    # the high of 110.5 lies (123.76 - 110.5) / 110.5 below the short's liquidation price
    assert result.trades["min_distance"].iloc[1] == pytest.approx((250.0 / 2.02 - 110.5) / 110.5)
    assert {f"price-{BTC}", f"price-{ETH}"} <= figures(result).keys()
    assert "hedge mode" in repr(result)
    swept = metrics.measure(_finished(Both, world), Marks.of(world), 10_000.0)
    for name in ("equity", "max_drawdown", "trades"):
        assert swept[name] == pytest.approx(result.metrics[name]), name


def _finished(kind: type[bt.Strategy], world: MarketHistory):  # type: ignore[no-untyped-def]
    from backtest.engine import Driver

    driver = Driver(kind, {}, world, bt.RunConfig(position_mode=PositionMode.HEDGE))
    driver.run(None)
    return driver.simulation


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda s: s.buy(BTC, quantity=1, leg="both"), "name one of them"),
        (lambda s: s.buy(BTC, quantity=1, leg="shrt"), "did you mean 'short'"),
        (lambda s: s.position(BTC, "left"), "'left' is no position side"),
    ],
)
def test_a_leg_that_is_none_is_an_error(ask: Callable[[bt.Strategy], object], words: str) -> None:
    with pytest.raises(StrategyError, match=words):
        ran({0: ask})


def test_margin_planned_for_a_symbol_needs_its_leg() -> None:
    class Plans(bt.Strategy):
        def plan(self) -> bt.Schedule:
            return self.schedule(exposure={BTC: 0.5}, add_margin={BTC: 5.0})

    with pytest.raises(StrategyError, match="name it as in"):
        bt.run(Plans, market(), position_mode=PositionMode.HEDGE)


def test_a_leg_is_not_named_in_one_way_mode() -> None:
    class Names(bt.Strategy):
        def next(self) -> None:
            self.buy(BTC, quantity=1, leg="long")

    with pytest.raises(StrategyError, match="in one-way mode a symbol has one position"):
        bt.run(Names, market())


def test_a_venue_without_hedge_mode_is_refused() -> None:
    world = market()
    there = replace(world, venue="hyperliquid", contracts=(contract(BTC, venue="hyperliquid"),))

    class Idle(bt.Strategy):
        def next(self) -> None:
            """Asks for nothing."""

    with pytest.raises(UsageError, match="hyperliquid offers no hedge mode"):
        bt.run(Idle, there, position_mode=PositionMode.HEDGE)
