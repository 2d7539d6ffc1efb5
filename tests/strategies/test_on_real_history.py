"""The strategies on recorded Binance history, 2020-01-07 to 2022-05-01, with mark prices and funding."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import backtest as bt
from backtest import venues
from backtest.market.history import MarketHistory
from tests.strategies.worlds import BTC, ETH, SYMBOLS, XRP

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def market(real_data: Path) -> MarketHistory:
    """Hourly BTC, ETH and XRP with the tiers that are known."""

    def table(symbol: str, kind: str) -> pd.DataFrame:
        found = pd.read_parquet(real_data / f"binance_{symbol[:3]}USDT_{kind}.parquet").set_index("time")
        return found.loc["2020-01-07":"2022-04-30"]

    return MarketHistory.from_frames(
        [venues.contract("binance", symbol) for symbol in SYMBOLS],
        {symbol: table(symbol, "ohlcv_1h") for symbol in SYMBOLS},
        mark={symbol: table(symbol, "mark_1h") for symbol in SYMBOLS},
        funding={symbol: table(symbol, "funding")["funding_rate"] for symbol in SYMBOLS},
    )


@pytest.mark.parametrize(
    ("name", "least_orders", "most_orders"),
    [
        ("buy-and-hold", 3, 3),
        ("gradual-leverage", 100, 2000),
        ("hedged-pairs", 100, 2000),
        ("volatility-scaled", 100, 3000),
    ],
)
def test_it_trades_all_three_symbols_throughout_and_is_hardly_refused(
    market: MarketHistory, name: str, least_orders: int, most_orders: int
) -> None:
    result = bt.run(name, market, cash=10_000)
    assert least_orders <= len(result.orders) <= most_orders
    assert len(result.rejections) <= 0.01 * len(result.orders)
    assert set(result.orders["symbol"]) == {BTC, ETH, XRP}
    assert result.equity["equity"].min() > 0.0
    if name != "buy-and-hold":
        years = {int(year) for year in result.orders.index.year}
        assert years == {2020, 2021, 2022}
