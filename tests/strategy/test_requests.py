"""What a strategy may ask for: sound requests reach the venue as they are meant, the others are errors with a place."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

import backtest as bt
from backtest.errors import BacktestError, StrategyError, UsageError
from backtest.result import Result
from tests.builders import history

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
CLOSES = [100.0, 100.0, 102.0, 110.0, 104.0, 101.0, 97.0, 95.0]


def ran(ask: Callable[[bt.Strategy], object], *closes: list[float], at: int = 0, **options: object) -> Result:
    """A run of a strategy that asks once, at the close of a bar."""

    class Asks(bt.Strategy):
        def next(self) -> None:
            if self.bar == at:
                ask(self)

    return bt.run(Asks, history(*(closes or (CLOSES,)), spread=0.5), **options)


def refused(ask: Callable[[bt.Strategy], object]) -> str:
    with pytest.raises(StrategyError) as error:
        ran(ask)
    message = str(error.value)
    assert __file__ in message, message
    return message


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"margin": "100"}, "margin is '100', which is no number"),
        ({"margin": True}, "margin is True, which is no number"),
        ({"margin": float("nan")}, "margin is NaN"),
        ({"margin": -5}, "sizes are positive"),
        ({"quantity": 1, "leverge": 3}, "no keyword 'leverge'; did you mean 'leverage'"),
        ({"quantity": 1, "leverage": 0}, "leverage is 0; it is 1 or more"),
        ({"quantity": 1, "leverage": float("nan")}, "leverage is NaN"),
        ({"quantity": 1, "limit": -100}, "limit is -100; it is a price above 0"),
        ({"quantity": 1, "limit": float("nan")}, "limit is NaN"),
        ({"quantity": 1, "stop": 105.0}, "stop=105 is on the wrong side"),
        ({"quantity": 1, "limit": 90.0, "stop": 95.0}, "a buy of BTC/USDT:USDT at 90 lies below"),
        ({"quantity": 1, "take_profit": 95.0}, "take_profit=95 is on the wrong side"),
        ({"risk": 0.01, "stop": 105.0}, "stop=105 is on the wrong side"),
        ({"risk": 0.01}, "give stop= too"),
        ({}, "exactly one of quantity, notional, margin, risk; 0 were given"),
        ({"quantity": 1, "margin": 5}, "2 were given"),
        ({"quantity": 1, "callback_rate": 2.0}, "callback_rate is 2; it is a fraction between 0 and 1"),
        ({"quantity": 1, "callback_rate": 0.1, "limit": 90.0}, "neither limit= nor trigger="),
        ({"quantity": 1, "callback_rate": 0.1, "callback_distance": 1.0}, "callback_rate= or callback_distance="),
        ({"quantity": 1, "activation": 90.0}, "activation= belongs to a trailing stop"),
        ({"quantity": 1, "trailing_stop": 3.0}, "trailing_stop is 3; it is a fraction"),
        ({"quantity": 1, "time_in_force": "gtc1"}, "'gtc1' is no time in force; did you mean 'gtc'"),
        ({"quantity": 1, "time_in_force": "gtd"}, "good_till="),
        ({"quantity": 1, "time_in_force": "ioc", "good_till": "2020-01-02"}, "not both"),
        ({"quantity": 1, "limit": 90.0, "post_only": True, "time_in_force": "fok"}, "may not wait"),
        ({"quantity": 1, "oco": 7}, "no order of number 7 was given"),
        ({"quantity": 1, "trigger_on": "marks"}, "did you mean 'mark'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_request_without_a_meaning_is_an_error_with_its_place(request_: dict[str, object], words: str) -> None:
    message = refused(lambda strategy: strategy.buy(BTC, **request_))
    assert words in message
    assert message.count("\n") == 2  # the lambda here, and where it was called


def test_a_sell_has_its_stop_above_and_its_take_profit_below() -> None:
    assert "lies above" in refused(lambda strategy: strategy.sell(BTC, quantity=1, stop=95.0))
    result = ran(lambda strategy: strategy.sell(BTC, quantity=1, leverage=2, stop=115.0, take_profit=96.0))
    assert result.trades["exit_reason"].tolist() == ["take-profit"]


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda s: s.target(BTC, exposure=-0.5, stop=95.0), "stop=95 is on the wrong side"),
        (lambda s: s.target(BTC, exposure="1"), "exposure is '1', which is no number"),
        (lambda s: s.position(BTC).add_margin("5"), "amount is '5', which is no number"),
        (lambda s: s.position(BTC).add_margin(-5), "an amount of -5 cannot be moved"),
        (lambda s: s.position(BTC).set_leverage(0.5), "leverage is 0.5; it is 1 or more"),
        (lambda s: s.position(BTC).set_top_up(margin_ratio="0.5", amount=5), "margin_ratio is '0.5'"),
        (lambda s: s.position(BTC).reduce("half"), "share is 'half'"),
        (lambda s: s.target(BTC, exposur=1.0), "unexpected keyword argument 'exposur'"),
        (lambda s: s.target(BTC, exposur=1.0), "did you mean 'exposure'?"),
        (lambda s: s.position(BTC).set_top_up(margin_ration=0.5, amount=5), "did you mean 'margin_ratio'?"),
        (lambda s: s.cancel(3), "no order of number 3 was given"),
        (lambda s: s.buy("BTC", quantity=1), "'BTC' is not in this run"),
    ],
)
def test_so_are_targets_and_margin_commands(ask: Callable[[bt.Strategy], object], words: str) -> None:
    assert words in refused(ask)


def test_a_trailing_stop_follows_from_its_activation_price() -> None:
    def ask(strategy: bt.Strategy) -> None:
        strategy.buy(BTC, quantity=1, leverage=2)
        strategy.sell(BTC, quantity=1, callback_rate=0.05, activation=105.0, trigger_on="last")

    result = ran(ask)
    # the best is the high of 110.5: 110.5 x 0.95 = 104.975, down to 104.97
    assert result.trades["exit_reason"].tolist() == ["trailing-stop"]
    assert result.trades["close_price"].tolist() == [104.97]
    order = result.orders.iloc[1]
    assert (order["kind"], order["callback_rate"], order["best"], order["trigger"]) == (
        "trailing-stop", 0.05, 110.5, 104.97,
    )  # fmt: skip


def test_a_bracket_may_trail() -> None:
    result = ran(lambda strategy: strategy.buy(BTC, quantity=1, leverage=2, stop=80.0, trailing_stop=0.05))
    assert result.trades["exit_reason"].tolist() == ["trailing-stop"]
    assert result.orders["status"].tolist() == ["filled", "cancelled", "filled"]
    assert result.orders["group"].tolist() == [0, 2, 2]


def test_an_order_is_good_till_a_time() -> None:
    until = pd.Timestamp("2020-01-01 03:30", tz="UTC")
    result = ran(lambda strategy: strategy.buy(BTC, quantity=1, leverage=2, limit=97.0, good_till=until))
    order = result.orders.iloc[0]
    assert (order["status"], order["reason"], order["time_in_force"]) == ("cancelled", "expired", "gtd")
    assert order["expires"] == order["done_time"] == pd.Timestamp("2020-01-01 04:00", tz="UTC")


def test_an_order_that_should_fill_at_once_is_cancelled_with_a_reason() -> None:
    result = ran(lambda strategy: strategy.buy(BTC, quantity=1, leverage=2, limit=97.0, time_in_force="ioc"))
    assert result.orders["reason"].tolist() == ["not-filled-at-once"]


def test_one_cancels_the_other_across_symbols_and_in_chains() -> None:
    def ask(strategy: bt.Strategy) -> None:
        first = strategy.buy(BTC, quantity=1, leverage=2, trigger=103.0)
        second = strategy.buy(ETH, quantity=1, leverage=2, limit=50.0, oco=first)
        strategy.sell(BTC, quantity=1, leverage=2, trigger=96.0, oco=second)

    result = ran(ask, CLOSES, [60.0] * len(CLOSES))
    assert result.orders["status"].tolist() == ["filled", "cancelled", "cancelled"]
    assert result.orders["group"].tolist() == [0, 1, 1]
    assert set(result.orders["reason"][1:]) == {"sibling-filled"}


class NextWithABar(bt.Strategy):
    def next(self, bar):  # type: ignore[no-untyped-def, override]
        """Takes what it is not given."""


class Silent(bt.Strategy):
    def init(self) -> None:
        """Decides nothing."""


class Misspelt(bt.Strategy):
    def next(self) -> None:
        """Listens to fills, it thinks."""

    def on_fils(self, fill: bt.Fill) -> None:
        """Is never called."""


class Recursive(bt.Strategy):
    def next(self) -> None:
        self.next()


@pytest.mark.parametrize(
    ("kind", "error", "words"),
    [
        (NextWithABar, StrategyError, "NextWithABar.next(self, bar) cannot be called: it is called as next(self)"),
        (Silent, UsageError, "Silent decides nothing: it has neither next() nor plan()"),
        (Misspelt, UsageError, "'on_fils', which nothing calls; did you mean 'on_fill'"),
        (Recursive, StrategyError, "RecursionError"),
    ],
)
def test_a_class_that_cannot_work_is_said_once_and_with_its_place(
    kind: type[bt.Strategy], error: type[BacktestError], words: str
) -> None:
    with pytest.raises(error) as raised:
        bt.run(kind, history(CLOSES))
    message = str(raised.value)
    assert words in message
    assert kind is Silent or __file__ in message
    assert message.count("\n") < 10
