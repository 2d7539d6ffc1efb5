"""Faults on demand: the same for a seed whatever the order of requests, and each seen by the real client as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ccxt
import numpy as np
import pytest

from data.loopback.faults import PAGE_FAULTS, Fault, Faults, spoiled
from data.loopback.server import LoopbackServer
from data.loopback.venue import WIRES
from data.loopback.wire import Page
from tests.loopback.making import MILLISECOND_NS, START_NS, client, made, symbols, wire

START = START_NS // MILLISECOND_NS
KEYS = [f"request {number}" for number in range(40)]


def test_a_draw_hangs_on_the_seed_and_the_request_and_not_on_the_order() -> None:
    first, second = Faults(seed=7, share=0.5), Faults(seed=7, share=0.5)
    forwards = {key: [first.draw(key) for _ in range(5)] for key in KEYS}
    backwards: dict[str, list[object]] = {key: [] for key in KEYS}
    for _ in range(5):
        for key in reversed(KEYS):
            backwards[key].append(second.draw(key))
    assert forwards == backwards
    other = Faults(seed=8, share=0.5)
    assert {key: [other.draw(key) for _ in range(5)] for key in KEYS} != forwards


def test_the_share_is_kept_and_every_kind_appears() -> None:
    faults = Faults(seed=1, share=0.3, run=1)
    drawn = [faults.draw(f"request {number}")[0] for number in range(20_000)]
    struck = [fault for fault in drawn if fault is not None]
    assert len(struck) / 20_000 == pytest.approx(0.3, abs=0.02)
    assert set(struck) == set(Fault)
    assert struck.count(Fault.BAN) < struck.count(Fault.RESET) / 3


def test_a_request_fails_at_most_so_many_times_running() -> None:
    faults = Faults(seed=1, share=1.0, run=2)
    drawn = [faults.draw("the same")[0] is None for _ in range(9)]
    assert drawn == [False, False, True] * 3


def test_the_clock_is_off_by_at_most_ten_minutes() -> None:
    skews = [Faults(seed=seed).skew_ms for seed in range(300)]
    assert min(skews) < -400_000
    assert max(skews) > 400_000
    assert max(map(abs, skews)) <= 600_000
    assert Faults(seed=1, skewed=False).skew_ms == 0


@pytest.mark.parametrize("how", [0.0, 0.4, 0.99])
@pytest.mark.parametrize("fault", PAGE_FAULTS)
def test_page_faults_do_what_they_say(fault: Fault, how: float) -> None:
    page = Page(low=20, high=30, visible=34, rows=lambda low, high: list(range(low, high)), wrap=list, series="s")
    bad = spoiled(page, fault, how)
    rows = bad.rows(bad.low, bad.high)
    if fault is Fault.EMPTY_PAGE:
        assert rows == []
    elif fault is Fault.SHORT_PAGE:
        assert rows == list(range(20, 20 + len(rows)))
        assert len(rows) < 10
    elif fault is Fault.REPEATED_PAGE:
        assert rows == list(range(10, 20))
    elif fault is Fault.OVERLAPPING_PAGE:
        assert rows[0] < 20
        assert 30 < rows[-1] + 1 <= 34
    elif fault is Fault.DOUBLED_ROWS:
        assert len(rows) == 11
        assert sorted(set(rows)) == list(range(20, 30))
    else:
        assert sorted(rows) == list(range(20, 30))
        assert rows != sorted(rows)


@pytest.fixture(scope="module")
def wires(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    root: Path = tmp_path_factory.mktemp("faults")
    return {name: wire(made(root / name, name, minutes=300), name) for name in WIRES}


def page(exchange: Any, symbol: str) -> list[list[float]]:
    """Fifty bars, asked for in the same words each time: the client would put its own time into some requests."""
    until = {"until": START + 49 * 60_000} if exchange.id == "hyperliquid" else {}
    rows: list[list[float]] = exchange.fetch_ohlcv(symbol, "1m", since=START, limit=50, params=until)
    return rows


LOUD = {
    Fault.RATE_LIMIT: ccxt.NetworkError,
    Fault.BAN: (ccxt.NetworkError, ccxt.ExchangeError),
    Fault.GATEWAY_PAGE: ccxt.ExchangeNotAvailable,
    Fault.TIMEOUT: ccxt.NetworkError,
    Fault.RESET: ccxt.NetworkError,
    Fault.CUT_TRANSFER: ccxt.NetworkError,
}


@pytest.mark.parametrize("venue", WIRES)
@pytest.mark.parametrize("fault", LOUD)
def test_the_real_client_raises_on_a_loud_fault_and_goes_on_after_it(
    wires: dict[str, Any], venue: str, fault: Fault
) -> None:
    (symbol,) = symbols(venue, "BTC")
    faults = Faults(seed=1, share=1.0, run=1, kinds=(fault,), stall_s=0.01, skewed=False)
    with LoopbackServer(wires[venue]) as server:
        exchange = client(venue, server.url)
        exchange.load_markets()
    with LoopbackServer(wires[venue], faults=faults) as server:
        fresh = client(venue, server.url)
        fresh.set_markets(exchange.markets)
        with pytest.raises(LOUD[fault]):
            page(fresh, symbol)
        assert len(page(fresh, symbol)) == 50


@pytest.mark.parametrize("venue", WIRES)
def test_the_real_client_takes_an_empty_page_for_no_rows(wires: dict[str, Any], venue: str) -> None:
    (symbol,) = symbols(venue, "BTC")
    faults = Faults(seed=1, share=1.0, run=1, kinds=(Fault.EMPTY_PAGE,), skewed=False)
    with LoopbackServer(wires[venue], faults=faults) as server:
        exchange = client(venue, server.url)
        exchange.load_markets()
        assert page(exchange, symbol) == []
        rows = page(exchange, symbol)
    assert np.diff([row[0] for row in rows]).tolist() == [60_000] * 49
