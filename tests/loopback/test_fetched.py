"""Bar 1: what is fetched from a venue is what it has, row for row, in each of the four wire formats.

Two and a half days here; `make loopback` fetches a year. Hyperliquid has no bars of the mark price, and there the bar
is of candles and funding, from a server that keeps its whole history (the exchange itself keeps 5,000 candles).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backtest.clock import HOUR_NS, MINUTE_NS
from backtest.market.fetch import Fetched, fetch
from backtest.market.key import SeriesKey
from backtest.market.loader import Access
from backtest.market.series import Bars, FundingRates, SeriesKind
from backtest.market.store import Store
from data.loopback.server import LoopbackServer
from data.loopback.venue import WIRES
from tests.loopback.making import LATER_MS, MILLISECOND_NS, START_NS, differences, made, symbols, wire

MINUTES = 3600
END_NS = START_NS + MINUTES * MINUTE_NS


def market(root: Path, venue: str, **how: object) -> Store:
    kinds = (SeriesKind.OHLCV,) if venue == "hyperliquid" else (SeriesKind.OHLCV, SeriesKind.MARK)
    return made(root, venue, minutes=MINUTES, kinds=kinds, **how)  # type: ignore[arg-type]


def brought(url: str, venue: str, store: Path, end_ns: int = END_NS, start_ns: int = START_NS) -> Fetched:
    kinds = ["ohlcv", "funding"] if venue == "hyperliquid" else ["ohlcv", "mark", "funding"]
    reach = Access(address=url, timeout_s=5.0, attempts=2)
    return fetch(venue, ["BTC", "ETH"], "1m", start=start_ns, end=end_ns, kinds=kinds, store=store, access=reach)


@pytest.mark.parametrize("venue", WIRES)
def test_a_fetched_store_equals_the_served_one_row_for_row(tmp_path: Path, venue: str) -> None:
    store = market(tmp_path / "served", venue)
    with LoopbackServer(wire(store, venue, now_ms=END_NS // MILLISECOND_NS)) as server:
        fetched = brought(server.url, venue, tmp_path / "fetched")
    assert differences(store.root, tmp_path / "fetched", venue) == []
    assert {each.symbol for each in fetched.series} == set(symbols(venue, "BTC", "ETH"))
    assert all(not each.holes and not each.absent for each in fetched.series)


@pytest.mark.parametrize("venue", WIRES)
def test_what_is_up_to_date_is_not_asked_for_again(tmp_path: Path, venue: str) -> None:
    store = market(tmp_path / "served", venue)
    with LoopbackServer(wire(store, venue, now_ms=END_NS // MILLISECOND_NS)) as server:
        brought(server.url, venue, tmp_path / "fetched")
        first = server.requests
        again = brought(server.url, venue, tmp_path / "fetched")
        asked = server.requests - first
    assert sum(each.added for each in again.series) == 0
    assert asked < first


@pytest.mark.parametrize("venue", WIRES)
def test_an_open_bar_is_left_out_and_comes_whole_when_it_has_closed(tmp_path: Path, venue: str) -> None:
    store = market(tmp_path / "served", venue)
    half_ns = START_NS + 1000 * MINUTE_NS + MINUTE_NS // 2
    with LoopbackServer(wire(store, venue, now_ms=half_ns // MILLISECOND_NS)) as server:
        brought(server.url, venue, tmp_path / "fetched")
    key = SeriesKey(venue=venue, symbol=symbols(venue, "BTC")[0], kind=SeriesKind.OHLCV, interval_ns=MINUTE_NS)
    assert Store(root=tmp_path / "fetched").extent(key) == (START_NS, START_NS + 1000 * MINUTE_NS)
    with LoopbackServer(wire(store, venue, now_ms=END_NS // MILLISECOND_NS)) as server:
        brought(server.url, venue, tmp_path / "fetched")
    assert differences(store.root, tmp_path / "fetched", venue) == []


@pytest.mark.parametrize("venue", WIRES)
def test_a_hole_at_the_venue_is_a_hole_in_the_store_and_is_said(tmp_path: Path, venue: str) -> None:
    whole = market(tmp_path / "whole", venue)
    holed = Store(root=tmp_path / "served")
    kept = [(0, 700), (701, 1100), (1600, 2400), (3000, MINUTES)]
    for symbol in symbols(venue, "BTC", "ETH"):
        key = SeriesKey(venue=venue, symbol=symbol, kind=SeriesKind.OHLCV, interval_ns=MINUTE_NS)
        for low, high in kept:
            part = whole.bars(key, START_NS + low * MINUTE_NS, START_NS + high * MINUTE_NS)
            assert isinstance(part, Bars)
            holed.write(part)
    with LoopbackServer(wire(holed, venue, now_ms=END_NS // MILLISECOND_NS)) as server:
        fetched = brought(server.url, venue, tmp_path / "fetched")
    assert differences(holed.root, tmp_path / "fetched", venue) == []
    bars = [each for each in fetched.series if each.kind is SeriesKind.OHLCV]
    assert [each.holes for each in bars] == [
        ((START_NS + 700 * MINUTE_NS, 1), (START_NS + 1100 * MINUTE_NS, 500), (START_NS + 2400 * MINUTE_NS, 600))
    ] * 2


@pytest.mark.parametrize("venue", WIRES)
def test_funding_of_a_changing_interval_comes_whole(tmp_path: Path, venue: str) -> None:
    """Eight hours, then four, then one, over many pages: 90 + 120 + 700 settlements."""
    served = Store(root=tmp_path / "served")
    steps = np.repeat([8, 4, 1], [90, 120, 700]) * HOUR_NS
    stamps = START_NS + np.concatenate([[0], np.cumsum(steps)[:-1]])
    end_ns = int(stamps[-1]) + HOUR_NS
    rate = np.round(np.random.default_rng(2).normal(1e-4, 2e-4, stamps.size), 8)
    for symbol in symbols(venue, "BTC", "ETH"):
        served.write(FundingRates(venue=venue, symbol=symbol, time_ns=stamps, rate=rate, source="made for a test"))
    with LoopbackServer(wire(served, venue, now_ms=end_ns // MILLISECOND_NS)) as server:
        reach = Access(address=server.url, timeout_s=5.0, attempts=2)
        fetch(
            venue,
            ["BTC", "ETH"],
            start=START_NS,
            end=end_ns,
            kinds=["funding"],
            store=tmp_path / "fetched",
            access=reach,
        )
    assert differences(served.root, tmp_path / "fetched", venue) == []


def test_tiers_of_binance_come_with_a_key_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = market(tmp_path / "served", "binance")
    with LoopbackServer(wire(store, "binance", now_ms=LATER_MS)) as server:
        without = brought(server.url, "binance", tmp_path / "fetched")
        monkeypatch.setenv("ISOMARGIN_BINANCE_KEY", "loopback")
        monkeypatch.setenv("ISOMARGIN_BINANCE_SECRET", "loopback")
        bearing = brought(server.url, "binance", tmp_path / "fetched")
    assert [len(each.rules.snapshot.tiers) for each in without.rules] == [0, 0]
    assert all(len(each.rules.snapshot.tiers) > 3 for each in bearing.rules)
