"""What OKX's documentation says of its v5 market data, asked of the loopback venue."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from data.loopback.server import LoopbackServer
from tests.loopback.making import LATER_MS, MILLISECOND_NS, START_NS, ask, made, wire

START = START_NS // MILLISECOND_NS
MINUTE = 60_000
DAY = 1440 * MINUTE


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = made(tmp_path_factory.mktemp("okx"), "okx", minutes=3000)
    with LoopbackServer(wire(store, "okx")) as server:
        yield server.url


def opens(url: str, path: str = "history-candles", **query: object) -> list[int]:
    status, body = ask(url, f"/api/v5/market/{path}", instId="BTC-USDT-SWAP", bar="1m", **query)
    assert (status, body["code"], body["msg"]) == (200, "0", "")
    return [(int(row[0]) - START) // MINUTE for row in body["data"]]


def test_before_is_newer_and_after_is_older_and_both_are_exclusive(url: str) -> None:
    assert opens(url, before=START + 10 * MINUTE, after=START + 14 * MINUTE) == [13, 12, 11]


def test_before_alone_gives_the_latest_rows(url: str) -> None:
    assert opens(url, before=START, limit=3) == [2999, 2998, 2997]


def test_candles_without_history_reach_back_1440_bars(url: str) -> None:
    assert opens(url, "candles", after=START + 1562 * MINUTE, limit=300) == [1561, 1560]
    assert opens(url, "history-candles", after=START + 1562 * MINUTE, limit=3) == [1561, 1560, 1559]


def test_a_page_has_at_most_300_rows_and_100_of_the_mark(url: str) -> None:
    assert len(opens(url)) == 100
    assert len(opens(url, limit=300)) == 300
    assert len(opens(url, "history-mark-price-candles", limit=100)) == 100
    body = ask(url, "/api/v5/market/history-mark-price-candles", instId="BTC-USDT-SWAP", limit=101)[1]
    assert body == {"code": "51000", "data": [], "msg": "Parameter limit error"}


def test_volume_is_in_contracts_of_a_hundredth_then_in_coins(url: str) -> None:
    _, body = ask(url, "/api/v5/market/history-candles", instId="BTC-USDT-SWAP", limit=1)
    (row,) = body["data"]
    assert float(row[5]) == pytest.approx(100 * float(row[6]))
    assert (len(row), row[8]) == (9, "1")


def test_an_open_bar_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    store = made(tmp_path_factory.mktemp("open"), "okx", minutes=60)
    with LoopbackServer(wire(store, "okx", now_ms=START + 20 * MINUTE + 1)) as server:
        _, body = ask(server.url, "/api/v5/market/candles", instId="BTC-USDT-SWAP", limit=2)
    assert [(int(row[0]) - START, row[8]) for row in body["data"]] == [(20 * MINUTE, "0"), (19 * MINUTE, "1")]


def test_days_that_begin_in_hong_kong_have_no_bars(url: str) -> None:
    assert ask(url, "/api/v5/market/history-candles", instId="BTC-USDT-SWAP", bar="1D")[1]["data"] == []


def test_funding_reaches_back_three_months(tmp_path_factory: pytest.TempPathFactory) -> None:
    store = made(tmp_path_factory.mktemp("funding"), "okx", minutes=200 * 1440, bases=("BTC",), kinds=())
    path, query = "/api/v5/public/funding-rate-history", {"instId": "BTC-USDT-SWAP", "after": START + 150 * DAY}
    counts = []
    for whole_history in (False, True):
        with LoopbackServer(wire(store, "okx", whole_history=whole_history)) as server:
            _, body = ask(server.url, path, **query)
            counts.append(len(body["data"]))
            assert int(body["data"][0]["fundingTime"]) == START + 150 * DAY - 480 * MINUTE
    # the last stamp is at 199 d 16 h, so that what is kept begins at 107 d 16 h: 127 stamps before 150 d
    assert counts == [127, 400]


def test_an_unknown_instrument_has_the_venues_code(url: str) -> None:
    assert ask(url, "/api/v5/market/history-candles", instId="NO-SUCH-SWAP")[1]["code"] == "51001"
    assert ask(url, "/api/v5/public/position-tiers", instFamily="NO-SUCH", tdMode="cross")[1]["code"] == "51001"


def test_the_time_is_the_venues_clock(url: str) -> None:
    assert ask(url, "/api/v5/public/time")[1]["data"] == [{"ts": str(LATER_MS)}]
