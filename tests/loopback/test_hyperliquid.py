"""What Hyperliquid's documentation says of its info endpoint, asked of the loopback venue."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from data.loopback.server import LoopbackServer
from tests.loopback.making import LATER_MS, MILLISECOND_NS, START_NS, ask, made, wire

START = START_NS // MILLISECOND_NS
MINUTE = 60_000
MINUTES = 6000


@pytest.fixture(scope="module", params=[False, True], ids=["as documented", "whole history"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, bool]]:
    store = made(tmp_path_factory.mktemp("hyperliquid"), "hyperliquid", minutes=MINUTES, funding_hours=1)
    with LoopbackServer(wire(store, "hyperliquid", whole_history=request.param)) as server:
        yield server.url, request.param


def candles(url: str, start: int, end: int) -> list[int]:
    wanted = {"coin": "BTC", "interval": "1m", "startTime": start, "endTime": end}
    status, rows = ask(url, "/info", body={"type": "candleSnapshot", "req": wanted})
    assert status == 200
    return [(row["t"] - START) // MINUTE for row in rows]


def test_candles_reach_back_5000_bars(served: tuple[str, bool]) -> None:
    url, whole_history = served
    first = 0 if whole_history else 1000
    assert candles(url, START, LATER_MS) == list(range(first, first + 5000))


def test_both_ends_of_the_range_are_inclusive(served: tuple[str, bool]) -> None:
    assert candles(served[0], START + 5000 * MINUTE, START + 5002 * MINUTE) == [5000, 5001, 5002]


def test_a_candle_has_prices_as_text_and_times_as_numbers(served: tuple[str, bool]) -> None:
    wanted = {"coin": "ETH", "interval": "1m", "startTime": START + 5000 * MINUTE, "endTime": START + 5000 * MINUTE}
    _, (row,) = ask(served[0], "/info", body={"type": "candleSnapshot", "req": wanted})
    assert {name: type(value) for name, value in row.items()} == {
        **dict.fromkeys("tTn", int),
        **dict.fromkeys("sioclhv", str),
    }
    assert (row["s"], row["i"], row["T"] - row["t"]) == ("ETH", "1m", MINUTE - 1)


def test_funding_is_hourly_and_a_little_late(served: tuple[str, bool]) -> None:
    _, rows = ask(served[0], "/info", body={"type": "fundingHistory", "coin": "BTC", "startTime": START})
    assert [row["time"] // MINUTE * MINUTE for row in rows] == [START + hour * 60 * MINUTE for hour in range(100)]
    assert any(row["time"] % MINUTE for row in rows)


def test_a_page_of_funding_has_500_settlements(tmp_path_factory: pytest.TempPathFactory) -> None:
    store = made(tmp_path_factory.mktemp("long"), "hyperliquid", minutes=600 * 60, funding_hours=1, kinds=())
    with LoopbackServer(wire(store, "hyperliquid")) as server:
        _, rows = ask(server.url, "/info", body={"type": "fundingHistory", "coin": "BTC", "startTime": START})
    assert len(rows) == 500
    assert rows[-1]["time"] // MINUTE * MINUTE == START + 499 * 60 * MINUTE


def test_an_unknown_coin_is_a_server_error_without_words(served: tuple[str, bool]) -> None:
    assert ask(served[0], "/info", body={"type": "fundingHistory", "coin": "NOSUCH", "startTime": 0}) == (500, None)


@pytest.mark.parametrize("body", [{"type": "nosuch"}, [], {"type": "fundingHistory", "coin": "BTC"}])
def test_an_unreadable_request_is_422(served: tuple[str, bool], body: object) -> None:
    status, said = ask(served[0], "/info", body=body)
    assert (status, said) == (422, "Failed to deserialize the JSON body into the target type")


def test_the_list_of_contracts_names_margin_tables(served: tuple[str, bool]) -> None:
    _, meta = ask(served[0], "/info", body={"type": "meta"})
    assert [each["name"] for each in meta["universe"]] == ["BTC", "ETH"]
    assert [number for number, _ in meta["marginTables"]] == [each["marginTableId"] for each in meta["universe"]]
