"""What Bybit's documentation says of its v5 market data, asked of the loopback venue."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from data.loopback.server import LoopbackServer
from tests.loopback.making import LATER_MS, MILLISECOND_NS, START_NS, ask, made, wire

START = START_NS // MILLISECOND_NS
MINUTE = 60_000


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = made(tmp_path_factory.mktemp("bybit"), "bybit", minutes=3000)
    with LoopbackServer(wire(store, "bybit")) as server:
        yield server.url


def opens(url: str, **query: object) -> list[int]:
    status, body = ask(url, "/v5/market/kline", category="linear", symbol="BTCUSDT", interval="1", **query)
    assert (status, body["retCode"], body["retMsg"]) == (200, 0, "OK")
    return [(int(row[0]) - START) // MINUTE for row in body["result"]["list"]]


def test_rows_come_newest_first(url: str) -> None:
    assert opens(url, start=START, end=START + 3 * MINUTE) == [3, 2, 1, 0]


def test_a_start_alone_gives_the_rows_from_the_bar_that_holds_it(url: str) -> None:
    assert opens(url, start=START + 10 * MINUTE + 5, limit=3) == [12, 11, 10]


def test_a_range_of_more_rows_than_a_page_gives_its_last_ones(url: str) -> None:
    assert opens(url, start=START, end=START + 99 * MINUTE, limit=2) == [99, 98]


def test_a_page_has_200_rows_and_at_most_1000(url: str) -> None:
    assert len(opens(url)) == 200
    assert len(opens(url, limit=5000)) == 1000


def test_all_numbers_are_text(url: str) -> None:
    _, body = ask(url, "/v5/market/kline", category="linear", symbol="BTCUSDT", interval="1", limit=1)
    assert [type(value) for value in body["result"]["list"][0]] == [str] * 7
    _, body = ask(url, "/v5/market/mark-price-kline", category="linear", symbol="BTCUSDT", interval="1", limit=1)
    assert [type(value) for value in body["result"]["list"][0]] == [str] * 5


def test_a_funding_request_with_a_start_needs_an_end(url: str) -> None:
    query = {"category": "linear", "symbol": "BTCUSDT", "startTime": START}
    assert ask(url, "/v5/market/funding/history", **query)[1]["retCode"] == 10001
    _, body = ask(url, "/v5/market/funding/history", **query, endTime=LATER_MS, limit=2)
    stamps = [int(row["fundingRateTimestamp"]) for row in body["result"]["list"]]
    assert stamps == [START + 6 * 480 * MINUTE, START + 5 * 480 * MINUTE]


def test_an_unknown_symbol_is_an_error_under_status_200(url: str) -> None:
    status, body = ask(url, "/v5/market/kline", category="linear", symbol="NOSUCH", interval="1")
    assert (status, body["retCode"], body["retMsg"]) == (200, 10001, "Not supported symbols")


def test_only_the_linear_category_lists_instruments(url: str) -> None:
    counts = {}
    for category in ("linear", "inverse", "spot", "option"):
        _, body = ask(url, "/v5/market/instruments-info", category=category)
        counts[category] = len(body["result"]["list"])
    assert counts == {"linear": 2, "inverse": 0, "spot": 0, "option": 0}
