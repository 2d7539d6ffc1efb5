"""The real client reads of the loopback venue what lies in its store: markets, bars, funding, tiers, time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ccxt
import numpy as np
import pytest

from backtest.clock import MINUTE_NS
from backtest.market.contract import TierTable
from backtest.market.key import SeriesKey
from backtest.market.series import SeriesKind
from backtest.market.store import Store
from data.loopback.server import LoopbackServer
from data.loopback.venue import WIRES
from tests.loopback.making import LATER_MS, MILLISECOND_NS, START_NS, client, made, symbols, wire

START = START_NS // MILLISECOND_NS
RUNGS = ((50_000.0, 0.004, 125.0), (600_000.0, 0.005, 100.0), (3_000_000.0, 0.01, 50.0))


@pytest.fixture(scope="module", params=WIRES)
def venue(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def store(venue: str, tmp_path_factory: pytest.TempPathFactory) -> Store:
    filled = made(tmp_path_factory.mktemp(venue), venue, minutes=2000)
    table = TierTable.from_rungs(START_NS, RUNGS, "made for a test")
    for symbol in symbols(venue, "BTC", "ETH"):
        filled.write_tiers(venue, symbol, [table])
    return filled


@pytest.fixture(scope="module")
def exchange(venue: str, store: Store) -> Iterator[Any]:
    with LoopbackServer(wire(store, venue)) as server:
        opened = client(venue, server.url)
        opened.load_markets()
        yield opened


def test_its_markets_are_the_stored_contracts(venue: str, exchange: Any) -> None:
    assert sorted(exchange.markets) == sorted(symbols(venue, "BTC", "ETH"))
    assert all(market["swap"] and market["linear"] and market["active"] for market in exchange.markets.values())


def test_its_time_is_the_venues(exchange: Any) -> None:
    assert exchange.fetch_time() == LATER_MS


@pytest.mark.parametrize("base", ["BTC", "ETH"])
def test_a_page_of_bars_is_what_is_stored(venue: str, store: Store, exchange: Any, base: str) -> None:
    (symbol,) = symbols(venue, base)
    key = SeriesKey(venue=venue, symbol=symbol, kind=SeriesKind.OHLCV, interval_ns=MINUTE_NS)
    bars = store.bars(key, START_NS + 500 * MINUTE_NS, START_NS + 600 * MINUTE_NS)
    assert bars is not None
    rows = np.array(exchange.fetch_ohlcv(symbol, "1m", since=START + 500 * 60_000, limit=100), float)
    assert rows[:, 0].astype(np.int64).tolist() == (bars.time_ns // MILLISECOND_NS).tolist()
    for column, name in enumerate(("open", "high", "low", "close", "volume"), 1):
        assert rows[:, column].tolist() == getattr(bars, name).tolist()


def test_a_page_of_marks_is_what_is_stored(venue: str, store: Store, exchange: Any) -> None:
    (symbol,) = symbols(venue, "BTC")
    key = SeriesKey(venue=venue, symbol=symbol, kind=SeriesKind.MARK, interval_ns=MINUTE_NS)
    bars = store.bars(key, START_NS, START_NS + 50 * MINUTE_NS)
    assert bars is not None
    if venue == "hyperliquid":
        assert not exchange.has["fetchMarkOHLCV"]
        return
    rows = exchange.fetch_ohlcv(symbol, "1m", since=START, limit=50, params={"price": "mark"})
    assert [row[4] for row in rows] == bars.close.tolist()


def test_funding_is_what_is_stored(venue: str, store: Store, exchange: Any) -> None:
    (symbol,) = symbols(venue, "ETH")
    rates = store.funding(venue, symbol)
    assert rates is not None
    rows = exchange.fetch_funding_rate_history(symbol, since=START, limit=100)
    assert [row["timestamp"] // 60_000 for row in rows] == (rates.time_ns // MINUTE_NS).tolist()
    assert [row["fundingRate"] for row in rows] == rates.rate.tolist()


def test_tiers_are_the_stored_ones(venue: str, exchange: Any) -> None:
    (symbol,) = symbols(venue, "BTC")
    if venue == "hyperliquid":
        _, table = exchange.public_post_info({"type": "meta"})["marginTables"][0]
        assert [int(rung["maxLeverage"]) for rung in table["marginTiers"]] == [125, 100, 50]
        return
    if venue == "binance":
        exchange.apiKey = exchange.secret = "loopback"
        exchange.milliseconds = lambda: LATER_MS
        tiers = exchange.fetch_leverage_tiers([symbol])[symbol]
        exchange.apiKey = exchange.secret = None
    else:
        tiers = exchange.fetch_market_leverage_tiers(symbol)
    assert [(tier["maintenanceMarginRate"], tier["maxLeverage"]) for tier in tiers] == [
        (rate, leverage) for _, rate, leverage in RUNGS
    ]


def test_leverage_brackets_without_a_key_are_refused(venue: str, exchange: Any) -> None:
    if venue == "binance":
        with pytest.raises(ccxt.AuthenticationError):
            exchange.fetch_leverage_tiers()
