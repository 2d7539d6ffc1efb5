"""vectorbt as a second accountant: its portfolio of our fills, and its own simulation where it has one."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from backtest.broker.simulation import Simulation
from backtest.enums import OrderKind, Side, SizeKind
from backtest.result import Result
from tests.builders import CoinFlipper, contract, history, simulate, wandering

FEES = {"maker": 0.0002, "taker": 0.0005, "liquidation_fee": 0.01}


@pytest.fixture(scope="module")
def levered() -> Result:
    rules = [contract("BTC/USDT:USDT", **FEES), contract("ETH/USDT:USDT", **FEES)]
    funding = [(bar, leg, 2e-4) for bar in range(8, 2000, 8) for leg in (0, 1)]
    market = history(
        wandering(2000, seed=11, step=0.02),
        wandering(2000, seed=12, step=0.02),
        spread=0.3,
        contracts=rules,
        funding=funding,
    )
    return simulate(market, CoinFlipper(seed=3, chance=0.2), slippage=0.0003)


def test_vectorbt_s_value_plus_cumulative_funding_is_our_equity(levered: Result) -> None:
    import vectorbt as vbt

    assert levered.metrics["liquidations"] > 5
    assert len(levered.funding) > 50
    ours = levered.to_vectorbt()
    plain = vbt.Portfolio(ours.wrapper, ours.close, ours.orders.values, ours.logs.values, np.array([10_000.0]), True)
    paid = levered.ledger.groupby("bar")["funding"].sum().reindex(range(2000), fill_value=0.0).cumsum().to_numpy()
    equity = levered.equity["equity"].to_numpy()
    assert np.abs(plain.value().to_numpy() - paid - equity).max() < 1e-9 * 10_000.0
    assert np.abs(ours.value().to_numpy() - equity).max() < 1e-9 * 10_000.0


def test_the_subclass_carries_funding_into_profit_statistics_and_columns(levered: Result) -> None:
    portfolio = levered.to_vectorbt()
    assert portfolio.total_profit() == pytest.approx(levered.metrics["net_pnl"], abs=1e-7)
    assert portfolio.final_value() == pytest.approx(levered.metrics["equity"], abs=1e-7)
    assert portfolio.funding.to_numpy().sum() == pytest.approx(levered.metrics["funding_net"])
    assert portfolio.wrapper.index.tz is None
    assert len(portfolio.trades.records) >= levered.metrics["trades"]
    by_symbol = portfolio.total_profit(group_by=False)
    assert by_symbol.sum() == pytest.approx(levered.metrics["net_pnl"], abs=1e-7)
    for symbol, pnl in levered.trades.groupby("symbol")["pnl"].sum().items():
        assert by_symbol[symbol] == pytest.approx(pnl, abs=1e-7)
    assert "End Value" in portfolio.stats(settings={"freq": "1h"})


def test_drawdowns_and_sharpe_agree_with_ours_on_daily_equity(levered: Result) -> None:
    import vectorbt as vbt

    daily = levered.equity["equity"].resample("1D", label="right", closed="right").last().dropna()
    theirs = vbt.Drawdowns.from_ts(pd.concat([pd.Series([10_000.0]), daily]).reset_index(drop=True)).max_drawdown()
    high = np.maximum.accumulate(np.concatenate(([10_000.0], daily.to_numpy())))
    assert theirs == pytest.approx(float((np.concatenate(([10_000.0], daily)) / high - 1.0).min()))
    start = pd.Series([10_000.0], index=[daily.index[0] - pd.Timedelta("1D")])
    returns = pd.concat([start, daily]).pct_change().dropna()
    returns.index = returns.index.tz_localize(None)
    sharpe = returns.vbt.returns(freq="1D", year_freq="365 days").sharpe_ratio()
    assert sharpe == pytest.approx(levered.metrics["sharpe"], rel=1e-9)


def test_an_unlevered_run_without_funding_agrees_with_vectorbt_s_own_simulation() -> None:
    import vectorbt as vbt

    closes = wandering(500, seed=21)
    fee = 0.0005
    market = history(closes, contracts=[contract(taker=fee)])
    sizes = np.zeros(500)
    random = np.random.default_rng(9)

    def trade(simulation: Simulation, bar: int) -> None:
        if bar % 7 or bar == 499:
            return
        held = float(simulation.positions[0]["quantity"])
        change = float(np.round(random.uniform(0.1, 2.0), 3)) if held == 0.0 else -held
        side = Side.BUY if change > 0.0 else Side.SELL
        simulation.order(0, side, OrderKind.MARKET, SizeKind.QUANTITY, abs(change), leverage=1.0)
        sizes[bar + 1] = change

    ours = simulate(market, trade)
    index = ours.equity.index.tz_localize(None)
    opens = market.prices[0, 0]
    theirs = vbt.Portfolio.from_orders(
        pd.Series(closes, index=index), pd.Series(np.where(sizes == 0.0, np.nan, sizes), index=index),
        price=pd.Series(opens, index=index), fees=fee, init_cash=10_000.0, freq="1h",
    )  # fmt: skip
    assert ours.metrics["trades"] > 20
    assert len(theirs.orders.records) == len(ours.orders)
    assert np.abs(theirs.value().to_numpy() - ours.equity["equity"].to_numpy()).max() < 1e-9 * 10_000.0


def test_vectorbt_is_not_imported_on_the_way_in() -> None:
    heavy = "{'vectorbt', 'matplotlib'}"
    asked = f"import sys, backtest.result, backtest.runs; print(sorted({heavy} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
