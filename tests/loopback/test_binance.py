"""What Binance's documentation says of its USDⓈ-M market data, asked of the loopback venue."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from data.loopback.server import LoopbackServer
from tests.loopback.making import LATER_MS, MILLISECOND_NS, START_NS, ask, made, wire

START = START_NS // MILLISECOND_NS
MINUTE = 60_000
MINUTES = 3000


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = made(tmp_path_factory.mktemp("binance"), "binance", minutes=MINUTES)
    with LoopbackServer(wire(store, "binance")) as server:
        yield server.url


def opens(url: str, **query: object) -> list[int]:
    status, rows = ask(url, "/fapi/v1/klines", symbol="BTCUSDT", interval="1m", **query)
    assert status == 200
    return [(row[0] - START) // MINUTE for row in rows]


def test_a_start_gives_the_rows_from_it_on_oldest_first(url: str) -> None:
    assert opens(url, startTime=START + 10 * MINUTE, limit=3) == [10, 11, 12]


def test_an_end_alone_gives_the_rows_up_to_it(url: str) -> None:
    assert opens(url, endTime=START + 10 * MINUTE, limit=3) == [8, 9, 10]


def test_neither_start_nor_end_gives_the_latest_500(url: str) -> None:
    assert opens(url) == list(range(2500, 3000))


def test_start_and_end_bound_both_sides(url: str) -> None:
    assert opens(url, startTime=START + 1, endTime=START + 3 * MINUTE) == [1, 2, 3]


def test_a_page_has_at_most_1500_rows(url: str) -> None:
    assert len(opens(url, startTime=START, limit=1500)) == 1500
    assert ask(url, "/fapi/v1/klines", symbol="BTCUSDT", interval="1m", limit=1501) == (
        400,
        {"code": -1130, "msg": "Data sent for parameter 'limit' is not valid."},
    )


def test_a_row_has_twelve_fields_prices_as_text_and_times_as_numbers(url: str) -> None:
    _, (row,) = ask(url, "/fapi/v1/klines", symbol="BTCUSDT", interval="1m", startTime=START, limit=1)
    assert [type(value) for value in row] == [int, *[str] * 5, int, str, int, str, str, str]
    assert row[6] == START + MINUTE - 1
    _, (mark,) = ask(url, "/fapi/v1/markPriceKlines", symbol="BTCUSDT", interval="1m", startTime=START, limit=1)
    assert [type(value) for value in mark] == [type(value) for value in row]
    assert mark[5] == "0"


def test_small_prices_have_no_exponent(url: str) -> None:
    _, (row,) = ask(url, "/fapi/v1/klines", symbol="ETHUSDT", interval="1m", startTime=START, limit=1)
    assert all(text.startswith("0.00") and "e" not in text for text in row[1:5])


def test_funding_stamps_are_some_milliseconds_late(url: str) -> None:
    _, rows = ask(url, "/fapi/v1/fundingRate", symbol="BTCUSDT", startTime=START, limit=1000)
    assert len(rows) == 7  # every eight hours of two days and two hours
    assert [row["fundingTime"] // MINUTE for row in rows] == [(START // MINUTE) + 480 * step for step in range(7)]
    assert all(isinstance(row["fundingRate"], str) and row["symbol"] == "BTCUSDT" for row in rows)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"symbol": "NOSUCH", "interval": "1m"}, -1121),
        ({"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ({"symbol": "BTCUSDT"}, -1102),
        ({"symbol": "BTCUSDT", "interval": "1m", "startTime": "soon"}, -1100),
    ],
)
def test_a_bad_request_has_the_venues_code(url: str, query: dict[str, str], code: int) -> None:
    status, body = ask(url, "/fapi/v1/klines", **query)
    assert (status, body["code"]) == (400, code)


def test_leverage_brackets_need_a_signature_and_the_right_time(url: str) -> None:
    def brackets(key: str, secret: str, stamp: int) -> tuple[int, object]:
        query = {"timestamp": stamp}
        signature = hmac.new(secret.encode(), urlencode(query).encode(), hashlib.sha256).hexdigest()
        headers = {"X-MBX-APIKEY": key}
        status, body = ask(url, "/fapi/v1/leverageBracket", headers=headers, **query, signature=signature)
        return status, body[0]["symbol"] if status == 200 else body["code"]

    assert brackets("loopback", "loopback", LATER_MS) == (200, "BTCUSDT")
    assert brackets("other", "loopback", LATER_MS) == (401, -2015)
    assert brackets("loopback", "other", LATER_MS) == (400, -1022)
    assert brackets("loopback", "loopback", LATER_MS - 6000) == (400, -1021)
    assert brackets("loopback", "loopback", LATER_MS + 2000) == (400, -1021)


def test_an_open_bar_is_unfinished_and_nothing_later_is_served(tmp_path_factory: pytest.TempPathFactory) -> None:
    store = made(tmp_path_factory.mktemp("open"), "binance", minutes=60)
    whole, part = [], []
    for now_ms, kept in ((LATER_MS, whole), (START + 20 * MINUTE + MINUTE // 2, part)):
        with LoopbackServer(wire(store, "binance", now_ms=now_ms)) as server:
            _, rows = ask(server.url, "/fapi/v1/klines", symbol="BTCUSDT", interval="1m", startTime=START)
            kept.extend(rows)
    assert len(part) == 21
    assert part[:20] == whole[:20]
    assert part[20][:2] == whole[20][:2]
    assert float(part[20][5]) == pytest.approx(float(whole[20][5]) / 2)


def test_longer_bars_are_put_together_from_the_stored_ones(url: str) -> None:
    query = {"symbol": "BTCUSDT", "startTime": START + 60 * MINUTE}
    _, minutes = ask(url, "/fapi/v1/klines", interval="1m", limit=60, **query)
    _, (hour,) = ask(url, "/fapi/v1/klines", interval="1h", limit=1, **query)
    assert hour[0] == START + 60 * MINUTE
    assert float(hour[1]) == float(minutes[0][1])
    assert float(hour[2]) == max(float(row[2]) for row in minutes)
    assert float(hour[3]) == min(float(row[3]) for row in minutes)
    assert float(hour[4]) == float(minutes[-1][4])
    assert float(hour[5]) == pytest.approx(sum(float(row[5]) for row in minutes))
    _, days = ask(url, "/fapi/v1/klines", interval="1d", symbol="BTCUSDT")
    assert [(row[0] - START) // MINUTE for row in days] == [0, 1440, 2880]
