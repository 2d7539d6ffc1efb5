"""Several wallets as one account: the strategy's view, its hooks, and the figures told in one currency, by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import backtest as bt
from backtest import runs
from backtest.audit import audit
from backtest.currencies.combined import CombinedResult
from backtest.enums import PositionMode, label
from backtest.errors import MarketDataError, StrategyError, UsageError
from backtest.strategy.events import Fill, FundingPayment
from backtest.strategy.position import Position
from tests.currencies.worlds import BITCOIN, DEPOSITS, ETHER, LINEAR, market, wandering

RISING = [40_000.0, 40_000.0, 44_000.0, 44_000.0, 50_000.0, 45_000.0]
ETHERS = [2_000.0, 2_000.0, 2_000.0, 2_100.0, 2_200.0, 2_000.0]


class Three(bt.Strategy):
    """Opens one position in each wallet at the first decision."""

    def next(self) -> None:
        if self.bar == 0:
            self.buy(LINEAR, quantity=0.1, leverage=10)
            self.buy(BITCOIN, quantity=40_000, leverage=10)
            self.sell(ETHER, quantity=2_000, leverage=2)


def run(strategy: type[bt.Strategy] | str, history: Any, **options: Any) -> CombinedResult:
    found = bt.run(strategy, history, **({"cash": DEPOSITS} | options))
    assert isinstance(found, CombinedResult)
    return found


def test_equity_is_the_sum_of_the_wallets_at_the_marks_of_the_moment() -> None:
    found = run(Three, market(RISING, ETHERS))
    equity = found.equity["equity"].to_numpy()
    assert found.currency == "USDT"
    # 10,000 USDT + 1 BTC at 40,000 + 5 ETH at 2,000
    assert found.deposit == equity[0] == pytest.approx(60_000.0)
    # at the third close, 44,000: 10,000 + 0.1 x 4,000; 1 BTC + 40,000 x (1/40,000 - 1/44,000) = 12/11; 5 ETH at 2,000
    assert equity[2] == pytest.approx(10_400.0 + 12.0 / 11.0 * 44_000.0 + 10_000.0, rel=1e-12)
    # at the fifth, 50,000 and 2,200: 10,000 + 1,000; 1.2 BTC; 5 - 2,000 x (1/2,000 - 1/2,200) = 5 - 1/11 ETH
    assert equity[4] == pytest.approx(11_000.0 + 1.2 * 50_000.0 + (5.0 - 1.0 / 11.0) * 2_200.0, rel=1e-12)
    assert np.array_equal(found.equity_at("bar")["equity"], found.extremes.equity)


def test_the_turnover_is_told_at_the_closes_of_the_fills() -> None:
    # 0.1 BTC at 40,000; 1 BTC at 40,000; 1 ETH at 2,000
    assert run(Three, market(RISING, ETHERS)).metrics["turnover"] == pytest.approx(4_000.0 + 40_000.0 + 2_000.0)


def test_the_profit_parts_into_what_the_wallets_made_and_what_they_are_worth() -> None:
    class Two(bt.Strategy):
        def next(self) -> None:
            if self.bar == 0:
                self.buy(BITCOIN, quantity=40_000, leverage=10)

    found = run(Two, market(RISING[:3], symbols=(LINEAR, BITCOIN)), cash={"USDT": 10_000, "BTC": 1})
    # 1/11 BTC is made in the bar that closes at 44,000: 4,000 USDT; the bitcoin held before gains 4,000 USDT
    assert found.metrics["pnl_price"] == pytest.approx(4_000.0, rel=1e-12)
    assert found.metrics["pnl_conversion"] == pytest.approx(4_000.0, rel=1e-12)
    assert found.metrics["net_pnl"] == pytest.approx(8_000.0, rel=1e-12)
    assert found.metrics["residual"] == pytest.approx(0.0, abs=1e-8)


def test_the_conversion_is_named_with_the_contracts_that_it_goes_through() -> None:
    notes = run(Three, market(RISING, ETHERS)).heading.notes
    assert f"BTC is told in USDT at the mark price of the moment ({LINEAR})" in notes
    assert f"ETH is told in USDT at the mark price of the moment ({ETHER}, 1 / {BITCOIN}, {LINEAR})" in notes


def test_an_account_of_coins_is_told_in_what_they_are_quoted_in() -> None:
    found = run(Three, market(RISING, ETHERS), report_currency="USD")
    assert found.equity["equity"].iloc[0] == pytest.approx(60_000.0)
    assert found.currency == "USD"

    class Idle(bt.Strategy):
        def next(self) -> None:
            pass

    coins = run(Idle, market(RISING, ETHERS, symbols=(BITCOIN, ETHER)), cash={"BTC": 1, "ETH": 5})
    assert coins.currency == "USD"
    # held idle the coins are worth what they are worth: 45,000 + 5 x 2,000 at the end
    assert coins.metrics["equity"] == pytest.approx(55_000.0)
    assert coins.metrics["pnl_conversion"] == pytest.approx(5_000.0)
    assert coins.metrics["pnl_price"] == pytest.approx(0.0)


class Trader(bt.Strategy):
    """Trades every symbol by its own wallet alone; `hooks` decides how it is driven."""

    def next(self) -> None:
        for number, symbol in enumerate(self.symbols):
            if self.position(symbol) and self.bar % 7 == number:
                self.close_position(symbol)
            elif not self.position(symbol) and self.bar % 5 == number:
                size = 0.2 * self.wallet(symbol).equity / len(self.wallet(symbol).symbols)
                order = self.buy if self.bar % 2 else self.sell
                order(symbol, margin=size, leverage=10, stop=self.close[symbol] * (0.98 if self.bar % 2 else 1.02))


class Hooked(Trader):
    """The same with hooks."""

    def on_fill(self, fill: Fill) -> None:
        if fill.opened:
            self.position(fill.symbol).add_margin(0.01 * self.wallet(fill.symbol).cash)


class Planned(bt.Strategy):
    """The same exposures for every symbol, given in advance."""

    def plan(self) -> bt.Schedule:
        steps = np.arange(len(self.close.whole(self.symbols[0])))
        wanted = {symbol: np.where(steps % 9 < 5, 0.4, -0.3) for symbol in self.symbols}
        return self.schedule(exposure=wanted, leverage=3)


@pytest.mark.parametrize("strategy", [Trader, Hooked, Planned])
def test_each_wallet_is_what_it_would_be_alone(strategy: type[bt.Strategy]) -> None:
    btc, eth = wandering(400, 40_000.0, 1), wandering(400, 2_000.0, 2)
    rates = [(bar, leg, 0.0003) for bar in range(8, 400, 8) for leg in range(3)]
    whole = market(btc, eth, funding=rates, spread=20.0)
    found = run(strategy, whole)
    for part, (symbol, cash) in zip(found.parts, [(LINEAR, 10_000.0), (BITCOIN, 1.0), (ETHER, 5.0)], strict=True):
        alone = bt.run(_shifted(strategy, whole.symbols.index(symbol)), whole.only([symbol]), cash=cash)
        assert len(part.records.ledger) == len(alone.records.ledger) > 20
        for name in ("bar", "kind", "price", "quantity", "wallet_after", "margin_after"):
            assert np.array_equal(part.records.ledger[name], alone.records.ledger[name], equal_nan=True), name
        assert part.metrics["equity"] == alone.metrics["equity"]
    assert audit(found.ledger).ok
    assert set(audit(found.ledger).currencies) == {"USDT", "BTC", "ETH"}
    assert found.metrics["residual"] == pytest.approx(0.0, abs=1e-6)


def _shifted(strategy: type[bt.Strategy], number: int) -> type[bt.Strategy]:
    """The strategy for the symbol of this number alone."""
    if strategy is Planned:
        return strategy

    def next_(self: Any) -> None:
        symbol = self.symbols[0]
        if self.position(symbol) and self.bar % 7 == number:
            self.close_position(symbol)
        elif not self.position(symbol) and self.bar % 5 == number:
            order = self.buy if self.bar % 2 else self.sell
            stop = self.close[symbol] * (0.98 if self.bar % 2 else 1.02)
            order(symbol, margin=0.2 * self.wallet(symbol).equity, leverage=10, stop=stop)

    return type(strategy.__name__, (strategy,), {"next": next_, "__module__": __name__})


def test_a_hook_sees_its_own_wallet_at_the_event_and_the_others_at_the_last_close() -> None:
    seen: list[tuple[str, float, float, float]] = []

    class Watching(bt.Strategy):
        def next(self) -> None:
            if self.bar == 0:
                self.buy(LINEAR, quantity=0.1, leverage=5)
                self.buy(BITCOIN, quantity=4_000, leverage=5)

        def on_funding(self, position: Position, payment: FundingPayment) -> None:
            other = BITCOIN if position.symbol == LINEAR else LINEAR
            seen.append((position.symbol, position.mark_price, self.position(other).mark_price, self.equity))

    history = market(
        [40_000.0, 40_000.0, 40_000.0, 50_000.0], symbols=(LINEAR, BITCOIN), funding=[(3, 0, 0.01), (3, 1, 0.01)]
    )
    prices = history.prices.copy()
    prices[:, [0, 1, 5, 6], 3] = 48_000.0  # the fourth bar opens with a jump
    prices[:, [1, 6], 3] = 50_000.0
    run(Watching, replace(history, prices=prices), cash={"USDT": 10_000, "BTC": 1})
    # the first wallet is told at its funding, while the second still stands at the close before: 40,000, and it is
    # converted at that; 10,000 + 0.1 x 8,000 - 1 % of 4,800 + 1 BTC
    assert seen[0] == (LINEAR, 48_000.0, 40_000.0, pytest.approx(10_800.0 - 48.0 + 40_000.0))
    # the second one does not see where the first one's bar ended (50,000)
    assert seen[1][:3] == (BITCOIN, 48_000.0, 40_000.0)


def test_what_a_hook_asks_of_another_wallet_reaches_the_venue_at_the_next_open() -> None:
    asked: list[int] = []

    class Answering(bt.Strategy):
        def next(self) -> None:
            if self.bar == 0:
                self.buy(LINEAR, quantity=0.1, leverage=5)
                self.buy(BITCOIN, quantity=4_000, leverage=5)

        def on_funding(self, position: Position, payment: FundingPayment) -> None:
            other = BITCOIN if position.symbol == LINEAR else LINEAR
            asked.append(self.close_position(other, tag=f"after {position.symbol}"))

    history = market(RISING, symbols=(LINEAR, BITCOIN), funding=[(2, 0, 0.0001), (2, 1, 0.0001)])
    found = run(Answering, history, cash={"USDT": 10_000, "BTC": 1})
    closed = found.ledger[found.ledger["kind"] == "close"]
    assert closed["bar"].tolist() == [3, 3]
    assert dict(zip(closed["symbol"], closed["tag"], strict=True)) == {
        LINEAR: f"after {BITCOIN}",
        BITCOIN: f"after {LINEAR}",
    }
    assert sorted(closed["order"]) == sorted(asked)
    assert len(set(found.orders["order"])) == len(found.orders) == 4


def test_a_hole_under_one_wallets_position_stops_the_run() -> None:
    history = market(RISING, ETHERS)
    prices = history.prices.copy()
    prices[2, :, 3] = math.nan
    with pytest.raises(MarketDataError, match=r"ETH/USD:ETH has no prices for 1 bars"):
        run(Three, replace(history, prices=prices))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cash": None}, "each with a wallet of its own; say what each begins with: --cash USDT=10000,BTC=1,ETH=1"),
        ({"cash": 10_000.0}, "say what each begins with"),
        ({"cash": {"USDT": 1.0, "BTC": 1.0}}, "name each of them and no other"),
        ({"margin_mode": "cross"}, "in cross margin one wallet stands behind all positions"),
        ({"report_currency": "EUR"}, "no contract of this run says what USDT is worth in EUR"),
    ],
)
def test_what_cannot_be_is_refused_with_its_mend(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        run(Three, market(RISING, ETHERS), **options)
    assert said in str(raised.value)


def test_commands_that_have_one_wallet_say_so() -> None:
    history = market(RISING, ETHERS)
    with pytest.raises(UsageError, match="can be run"):
        bt.sweep("buy-and-hold", history, cash=DEPOSITS, grid={"leverage": [1, 2]})
    with pytest.raises(UsageError, match="can be run"):
        bt.montecarlo(Three, history, cash=DEPOSITS, paths=2)
    for name in ("volatility-scaled", "hedged-pairs"):
        with pytest.raises(UsageError, match="settled in several currencies"):
            run(name, history)
    with pytest.raises(UsageError, match="vectorbt has one currency"):
        run(Three, history).to_vectorbt()

    class Alarmed(Three):
        def init(self) -> None:
            self.alert(drawdown=0.1)

    with pytest.raises(StrategyError, match="watches one wallet"):
        run(Alarmed, history)


def test_a_run_is_saved_read_and_repeated(tmp_path: Any) -> None:
    found = run(Three, market(RISING, ETHERS))
    folder = runs.save(found, tmp_path)
    saved = runs.open_run(str(folder))
    assert saved.manifest["config"]["cash"] == "USDT=10000.0,BTC=1.0,ETH=5.0"
    assert saved.heading == found.heading
    assert repr(saved) == repr(found)
    assert "Wallets  10,000.00 → " in repr(found)
    assert audit(saved.ledger).ok
    assert "Money is told in USDT." in (folder / "report.html").read_text(encoding="utf-8")
    again = bt.rerun(found)
    assert np.array_equal(again.records.ledger["wallet"], found.records.ledger["wallet"])


def test_in_hedge_mode_a_wallet_has_the_two_legs_of_its_symbols() -> None:
    class Straddling(bt.Strategy):
        def next(self) -> None:
            if self.bar == 0:
                for symbol in self.symbols:
                    size = 0.2 * self.wallet(symbol).equity
                    self.buy(symbol, margin=size, leverage=2, leg="long")
                    self.sell(symbol, margin=size, leverage=2, leg="short")

        def on_fill(self, fill: Fill) -> None:
            position = self.position(fill.symbol, label(fill.position_side))
            assert position.quantity * fill.side > 0.0

    found = run(Straddling, market(RISING, ETHERS), position_mode=PositionMode.HEDGE)
    held = found.ledger[found.ledger["kind"] == "open"]
    assert held[["symbol", "position_side", "leg"]].to_numpy().tolist() == [
        [symbol, side, 2 * number + at]
        for number, symbol in enumerate((LINEAR, BITCOIN, ETHER))
        for at, side in enumerate(("long", "short"))
    ]
    # what one leg wins the other loses, in each wallet: the coins' worth alone changes
    assert found.metrics["pnl_price"] == pytest.approx(0.0, abs=1e-8)
    assert found.metrics["pnl_conversion"] == pytest.approx(45_000.0 - 40_000.0)
    assert audit(found.ledger).ok


def test_a_run_that_is_broken_off_keeps_the_bars_that_all_wallets_have_finished() -> None:
    class Impatient(Trader):
        def next(self) -> None:
            super().next()
            if self.bar == 50:
                raise KeyboardInterrupt

    found = run(Impatient, market(wandering(100, 40_000.0, 1), wandering(100, 2_000.0, 2)))
    assert found.interrupted
    assert found.length == len(found.extremes.equity) == 51
    assert found.equity["equity"].iloc[-1] == pytest.approx(found.extremes.equity[-1], rel=1e-12)
    assert audit(found.ledger).ok


def test_a_shipped_strategy_trades_each_wallet_by_its_own_equity() -> None:
    btc, eth = wandering(600, 40_000.0, 5, 0.008), wandering(600, 2_000.0, 6, 0.008)
    found = run("gradual-leverage", market(btc, eth), trend=48, window=24, room=1.0)
    assert set(found.trades["currency"]) == {"USDT", "BTC", "ETH"}
    assert found.metrics["rejections"] < 0.2 * found.metrics["orders"]
