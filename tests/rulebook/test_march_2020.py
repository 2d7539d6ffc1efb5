"""Isolated beside cross in the crash of March 2020: BTC and ETH longs of a quarter of the wallet each, left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

import backtest as bt
from backtest.cli.main import status

pytestmark = pytest.mark.real_data

SYMBOLS = ["BTC/USDT:USDT", "ETH/USDT:USDT"]


class TwoLongs(bt.Strategy):
    """Two longs opened before the crash and left alone."""

    btc = bt.Param(3.0, low=1, high=20)
    eth = bt.Param(5.0, low=1, high=20)

    def next(self) -> None:
        if self.bar == 0:
            for symbol, leverage in zip(SYMBOLS, (self.btc, self.eth), strict=True):
                self.buy(symbol, margin=0.25 * self.equity, leverage=leverage)


def compared(folder: Path, **leverage: float) -> bt.Comparison:
    for coin in ("BTC", "ETH"):
        for kind in ("ohlcv_1h", "mark_1h", "funding"):
            words = ["--kind", kind.partition("_")[0], *(["--timeframe", "1h"] if kind != "funding" else [])]
            file = str(folder / f"binance_{coin}USDT_{kind}.parquet")
            assert status(["data", "import", file, "--venue", "binance", "--symbol", f"{coin}/USDT:USDT", *words]) == 0
    history = bt.load("binance", SYMBOLS, "1h", start="2020-03-01", end="2020-04-01")
    return bt.compare(
        isolated=bt.run(TwoLongs, history, cash=10_000, **leverage),
        cross=bt.run(TwoLongs, history, cash=10_000, margin_mode="cross", **leverage),
    )


@pytest.mark.usefixtures("workspace")
def test_isolated_positions_lose_no_more_than_their_margins_where_cross_loses_the_wallet(real_data: Path) -> None:
    found = compared(real_data)
    fates = found.fates
    assert list(fates["exit_reason"]) == ["liquidation"] * 4
    isolated = fates.loc["isolated"]
    # the fee of opening, half a tenth of a percent of the notional, was the wallet's
    fees = 0.0005 * isolated["quantity"] * isolated["open_price"]
    assert (isolated["pnl"] >= -(isolated["margin_posted"] + fees) * (1 + 1e-12)).all()
    assert found.table.at["lowest_equity", "isolated"] > 4_900.0
    assert found.table.at["lowest_equity", "cross"] == pytest.approx(0.0, abs=1e-9)
    # each lived longer on the whole wallet, and took it along
    died = fates.reset_index().pivot(index="symbol", columns="run", values="close_time")
    assert (died["cross"] > died["isolated"]).all()


@pytest.mark.usefixtures("workspace")
def test_with_less_leverage_the_wallet_carries_both_through_where_their_own_margins_do_not(real_data: Path) -> None:
    found = compared(real_data, eth=2.0)
    assert found.table.at["liquidations", "isolated"] == 2
    assert found.table.at["liquidations", "cross"] == 0
    assert found.table.at["lowest_equity", "cross"] < found.table.at["lowest_equity", "isolated"]
