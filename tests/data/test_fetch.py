"""Fetching from a venue that is laid out here: faults, resuming, the unfinished bar, the store, the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from backtest.cli.main import status
from backtest.clock import MINUTE_NS, moment_ns
from backtest.errors import MarketDataError, UsageError
from backtest.market import snapshots
from backtest.market.fetch import Fetched, fetch
from backtest.market.key import SeriesKey
from backtest.market.loader import Access
from backtest.market.loading import load
from backtest.market.series import SeriesKind
from backtest.market.store import Store
from data.exchange import client, patience
from tests.data.test_fetch_venues import BINANCE_SYMBOL, LOCAL
from tests.data.venue_stub import NOW_MS, Answer, Asked, Wire, wired

__all__ = ["wired"]

Lay = Callable[[Mapping[str, object]], Wire]
BTC = "BTC/USDT:USDT"
START_MS = 1_704_067_200_000  # 2024-01-01 00:00 UTC
MINUTE_MS = 60_000
START, END = "2024-01-01", "2024-01-03"
ROWS = 2 * 1_440
KEY = SeriesKey(venue="binance", symbol=BTC, kind=SeriesKind.OHLCV, interval_ns=MINUTE_NS)
SECOND = {**BINANCE_SYMBOL, "symbol": "ETHUSDT", "pair": "ETHUSDT", "baseAsset": "ETH"}


def kline(at_ms: int, **changed: object) -> list[object]:
    """A kline whose values follow from its time."""
    base = 100 + at_ms // MINUTE_MS % 50
    row = {"open": base, "high": base + 2, "low": base - 2, "close": base + 1, "volume": 3} | changed
    return [at_ms, *(str(row[name]) for name in ("open", "high", "low", "close", "volume")), at_ms + 59_999, "0", 1]


class Market:
    """A minute market at Binance's addresses: what it has, and what goes wrong with the n-th request for bars."""

    def __init__(self) -> None:
        self.absent: set[int] = set()
        self.last_ms = 10**15
        self.time_ms = NOW_MS
        self.faults: dict[int, object] = {}
        self.changed: dict[int, Mapping[str, object]] = {}
        self.count = 0

    def klines(self, asked: Asked) -> object:
        self.count += 1
        if self.count in self.faults:
            fault = self.faults[self.count]
            return fault(asked) if callable(fault) else fault
        return self.rows(asked)

    def rows(self, asked: Asked) -> list[list[object]]:
        step = {"1m": MINUTE_MS, "1d": 86_400_000}[asked.query["interval"]]
        first, last = int(asked.query["startTime"]), int(asked.query["endTime"])
        times = range(-(-first // step) * step, min(last, self.last_ms) + 1, step)
        times = [at for at in times if at not in self.absent and at >= START_MS][: int(asked.query["limit"])]
        return [kline(at, **self.changed.get(at, {})) for at in times]

    def funding(self, asked: Asked) -> list[dict[str, object]]:
        first, last = int(asked.query["startTime"]), int(asked.query["endTime"])
        times = [at for at in range(START_MS, START_MS + 9 * 28_800_000, 28_800_000) if first <= at <= last]
        return [{"symbol": asked.query["symbol"], "fundingRate": "0.0001", "fundingTime": at} for at in times]

    @property
    def table(self) -> dict[str, object]:
        return {
            "/fapi/v1/time": lambda asked: {"serverTime": self.time_ms},
            "/fapi/v1/exchangeInfo": {"symbols": [BINANCE_SYMBOL, SECOND], "rateLimits": [], "timezone": "UTC"},
            "/fapi/v1/klines": self.klines,
            "/fapi/v1/markPriceKlines": self.rows,
            "/fapi/v1/fundingRate": self.funding,
        }


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.fixture
def wire(market: Market, wired: Lay) -> Wire:
    return wired(market.table)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Nobody waits in earnest; the list says for how long one would have."""
    waits: list[float] = []
    real = client.Pace.wait

    def wait(self: client.Pace, seconds: float) -> None:
        real(self, 0)
        if seconds > 0:
            waits.append(seconds)

    monkeypatch.setattr(client.Pace, "wait", wait)
    yield waits


def bars(store: Path, **wanted: Any) -> Fetched:
    """A fetch of the two days' bars."""
    asked: dict[str, Any] = {"start": START, "end": END, "kinds": ["ohlcv"], "contracts": False, "access": LOCAL}
    return fetch("binance", "BTC", "1m", store=store, **(asked | wanted))


def times(store: Path) -> list[int]:
    """The stored times of bars in milliseconds."""
    held = Store(root=store).bars(KEY)
    return [] if held is None else [int(at) // 1_000_000 for at in held.time_ns]


ALL = [START_MS + at * MINUTE_MS for at in range(ROWS)]


class TestFaults:
    """What goes wrong on the way."""

    @pytest.mark.parametrize(
        "fault",
        [
            Answer({"code": -1003, "msg": "Too many requests"}, 429, {"Retry-After": "7"}),
            Answer({"code": -1003, "msg": "Way too many requests; IP banned"}, 418, {"Retry-After": "30"}),
            Answer("<html>502 Bad Gateway</html>", 502),
            Answer({"code": -1001, "msg": "Internal error"}, 500),
            Answer('[[1704067200000,"100","102","98"', 200),
            Answer("", 200),
            requests.exceptions.ReadTimeout("timed out"),
            requests.exceptions.ConnectionError("Connection reset by peer"),
            requests.exceptions.ChunkedEncodingError("Connection broken: IncompleteRead"),
        ],
        ids=["429", "418", "502", "500", "cut JSON", "empty body", "time-out", "reset", "broken"],
    )
    def test_a_passing_fault_is_waited_out(
        self, fault: object, market: Market, wire: Wire, hurried: list[float], tmp_path: Path
    ) -> None:
        market.faults = {2: fault, 3: fault}
        (series,) = bars(tmp_path).series
        assert (series.added, series.holes) == (ROWS, ())
        assert times(tmp_path) == ALL
        if isinstance(fault, Answer) and fault.headers:
            assert max(hurried) == pytest.approx(float(fault.headers["Retry-After"]), abs=1.0)
        else:
            assert hurried

    def test_a_fault_that_stays_ends_with_what_was_kept(self, market: Market, wire: Wire, tmp_path: Path) -> None:
        market.faults = dict.fromkeys(range(2, 99), Answer("down", 503))
        with pytest.raises(MarketDataError, match=r"did not answer to BTC.* in 8 attempts.*kept: 1,000 rows of BTC"):
            bars(tmp_path)
        assert times(tmp_path) == ALL[:1_000]
        market.faults = {}
        bars(tmp_path)
        assert times(tmp_path) == ALL

    def test_delays_double_up_to_a_limit(
        self, market: Market, wire: Wire, hurried: list[float], tmp_path: Path
    ) -> None:
        market.faults = dict.fromkeys(range(1, 99), Answer("down", 503))
        with pytest.raises(MarketDataError):
            bars(tmp_path)
        for attempt, delay in enumerate(hurried):
            whole = min(patience.LOCAL_MOST_S, patience.LOCAL_FIRST_S * 2**attempt)
            assert whole / 2 <= delay <= whole
        assert len(hurried) == 7

    @pytest.mark.parametrize("what", ["repeated", "shifted", "shuffled", "empty"])
    def test_a_strange_page_loses_nothing(self, what: str, market: Market, wire: Wire, tmp_path: Path) -> None:
        def strange(asked: Asked) -> object:
            rows = market.rows(asked)
            back = {**asked.query, "startTime": int(asked.query["startTime"]) - 300 * MINUTE_MS}
            return {
                "repeated": [*rows, *rows[-20:]],
                "shifted": market.rows(Asked(asked.path, back)),
                "shuffled": rows[::-1],
                "empty": [],
            }[what]

        market.faults = {1: strange, 2: strange, 4: strange}
        bars(tmp_path)
        assert times(tmp_path) == ALL

    def test_contradicting_rows_name_the_place(self, market: Market, wire: Wire, tmp_path: Path) -> None:
        at = START_MS + 700 * MINUTE_MS
        market.faults = {1: lambda asked: [*market.rows(asked), kline(at, close=99)]}
        with pytest.raises(MarketDataError, match=r"BTC/USDT:USDT ohlcv 1m: .* rows for 2024-01-01 11:40"):
            bars(tmp_path)

    def test_a_row_that_is_no_bar_is_left_out_and_said(self, market: Market, wire: Wire, tmp_path: Path) -> None:
        at = START_MS + 5 * MINUTE_MS
        market.changed = {at: {"high": 1}}
        (series,) = bars(tmp_path).series
        assert series.holes == ((at * 1_000_000, 1),)
        assert "left out, for it is no bar: 2024-01-01 00:05" in series.remarks[0]

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (Answer({"code": 0, "msg": "Service unavailable from a restricted location"}, 451), "does not serve this"),
            (Answer("The Amazon CloudFront distribution is blocked in your country.", 403), "does not serve this"),
            (Answer("<html>403 Forbidden</html>", 403), "blocked, or too much was asked"),
            (Answer({"code": -1121, "msg": "Invalid symbol."}, 400), "does not know the symbol"),
            (Answer({"code": -2015, "msg": "Invalid API-key, IP, or permissions"}, 401), "refused the key"),
            (Answer({"code": -1016, "msg": "This service is no longer available"}, 410), "refused|answer"),
        ],
        ids=["451", "403 country", "403", "unknown symbol", "key", "gone"],
    )
    def test_what_will_not_pass_is_said_at_once(
        self, answer: Answer, said: str, market: Market, wire: Wire, tmp_path: Path
    ) -> None:
        market.faults = dict.fromkeys(range(1, 99), answer)
        with pytest.raises((MarketDataError, UsageError), match=said):
            bars(tmp_path, access=Access(address=LOCAL.address, attempts=2))
        assert market.count <= 2

    def test_an_answer_that_cannot_be_read_is_said(self, market: Market, wired: Lay, tmp_path: Path) -> None:
        laid = wired({**market.table, "/fapi/v1/exchangeInfo": {"symbols": [{"no": "symbol"}]}})
        with pytest.raises(MarketDataError, match="Binance USDⓈ-M"):
            bars(tmp_path)
        assert len(laid.asked) < 5

    def test_a_machine_without_a_connection_is_told_soon(self, wired: Lay, tmp_path: Path) -> None:
        laid = wired({"": requests.exceptions.ConnectionError("no route to host")})
        with pytest.raises(MarketDataError, match=r"cannot be reached .* check this machine's connection"):
            bars(tmp_path)
        assert len(laid.asked) == 4

    def test_a_venue_without_a_clock_is_read_by_this_machines(self, market: Market, wired: Lay, tmp_path: Path) -> None:
        wired({**market.table, "/fapi/v1/time": Answer({"code": 0, "msg": "no such path"}, 404)})
        found = bars(tmp_path)
        assert "this machine's clock tells which bar is finished" in found.remarks[0]
        assert times(tmp_path) == ALL

    def test_maintenance_is_said_at_once(self, wired: Lay, tmp_path: Path) -> None:
        busy = {"code": "50001", "msg": "Service temporarily unavailable, please try again later", "data": []}
        laid = wired({"": Answer(busy, 503)})
        with pytest.raises(MarketDataError, match="OKX is under maintenance"):
            fetch("okx", "BTC", start=START, end=END, store=tmp_path, access=LOCAL)
        assert len(laid.asked) == 1

    def test_an_unknown_symbol_names_the_near_ones(self, wire: Wire, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"no perpetual 'BTCC/USDT:USDT'; near to it are BTC/USDT:USDT"):
            fetch("binance", "BTCC/USDT:USDT", start=START, store=tmp_path, access=LOCAL)

    def test_an_unknown_venue_names_the_near_one_and_a_closed_one_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="did you mean 'binance'"):
            fetch("binanse", "BTC", start=START, store=tmp_path)
        with pytest.raises(UsageError, match="BitMEX closed on 2026-09-23"):
            fetch("bitmex", "BTC", start=START, store=tmp_path)


class TestResuming:
    """What is asked for, and what not."""

    def test_an_up_to_date_range_asks_for_no_bar(self, market: Market, wire: Wire, tmp_path: Path) -> None:
        bars(tmp_path, kinds=["ohlcv", "mark", "funding"])
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
        wire.asked.clear()
        found = bars(tmp_path, kinds=["ohlcv", "mark", "funding"])
        assert [each.added for each in found.series] == [0, 0, 0]
        assert [each.rows for each in found.series] == [ROWS, ROWS, 6]
        assert {each.path.rpartition("/")[2] for each in wire.asked} == {"time", "exchangeInfo"}
        assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before

    def test_a_longer_range_asks_for_the_rest(self, market: Market, wire: Wire, tmp_path: Path) -> None:
        bars(tmp_path, end="2024-01-02", kinds=["ohlcv", "funding"])
        wire.asked.clear()
        bars(tmp_path, kinds=["ohlcv", "funding"])
        assert times(tmp_path) == ALL
        starts = [int(query["startTime"]) for query in wire.queries("/klines")]
        assert min(starts) == START_MS + 1_440 * MINUTE_MS
        assert min(int(query["startTime"]) for query in wire.queries("/fundingRate")) == START_MS + 2 * 28_800_000

    def test_a_hole_in_what_is_stored_is_asked_for_again(self, market: Market, wire: Wire, tmp_path: Path) -> None:
        market.absent = set(ALL[100:110])
        (series,) = bars(tmp_path).series
        assert series.holes == ((ALL[100] * 1_000_000, 10),)
        market.absent = set()
        wire.asked.clear()
        bars(tmp_path)
        assert times(tmp_path) == ALL
        assert [int(query["startTime"]) for query in wire.queries("/klines")] == [ALL[100]]

    def test_a_restart_asks_for_all_and_compares(self, market: Market, wire: Wire, tmp_path: Path) -> None:
        bars(tmp_path)
        market.count = 0
        (series,) = bars(tmp_path, resume=False).series
        assert (series.added, market.count) == (0, 3)
        market.changed = {ALL[1_500]: {"volume": 4}}
        with pytest.raises(MarketDataError, match=r"at 2024-01-02 01:00 the store has volume 3, the new row says 4"):
            bars(tmp_path, resume=False)
        assert times(tmp_path) == ALL

    def test_what_came_before_ctrl_c_is_kept(
        self, market: Market, wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(done: float, rows: int) -> None:
            if rows >= 2_000:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            bars(tmp_path, end="2024-01-20", watch=interrupted)
        kept = times(tmp_path)
        assert kept == [START_MS + at * MINUTE_MS for at in range(len(kept))]
        assert len(kept) >= 2_000
        bars(tmp_path, end="2024-01-20")
        assert len(times(tmp_path)) == 19 * 1_440

    def test_the_unfinished_bar_waits(self, market: Market, wire: Wire, tmp_path: Path) -> None:
        market.time_ms = START_MS + 90 * MINUTE_MS + 30_000  # 01:30:30 by the venue's clock
        market.last_ms = START_MS + 90 * MINUTE_MS
        market.changed = {market.last_ms: {"volume": 1}}
        bars(tmp_path, end=None)
        assert times(tmp_path) == ALL[:90]
        market.time_ms += MINUTE_MS
        market.changed = {}
        bars(tmp_path, end=None)
        assert times(tmp_path) == ALL[:91]

    def test_a_range_before_the_listing_says_where_the_rows_begin(
        self, market: Market, wire: Wire, tmp_path: Path
    ) -> None:
        (series,) = bars(tmp_path, start="2022-01-01").series
        assert series.first_ns == START_MS * 1_000_000
        assert series.holes == ((moment_ns("2022-01-01"), 730 * 1_440),)
        assert market.count < 20

    @pytest.mark.parametrize(
        ("start", "end", "said"),
        [("2024-01-02", "2024-01-01", "is empty"), ("2031-01-01", None, "still to come")],
    )
    def test_a_range_without_time_is_refused(
        self, start: str, end: str | None, said: str, wire: Wire, tmp_path: Path
    ) -> None:
        with pytest.raises(UsageError, match=said):
            bars(tmp_path, start=start, end=end)


class TestContracts:
    """Rules and tiers of contracts, and their history."""

    def test_equal_rules_add_nothing_and_changed_ones_a_line(
        self, market: Market, wire: Wire, wired: Lay, tmp_path: Path
    ) -> None:
        asked: dict[str, Any] = {"kinds": [], "contracts": True}
        assert [each.new for each in bars(tmp_path, **asked).rules] == [True]
        assert [each.new for each in bars(tmp_path, **asked).rules] == [False]
        market.time_ms += 40 * 86_400_000
        coarser = [{**BINANCE_SYMBOL["filters"][0], "tickSize": "0.50"}, *BINANCE_SYMBOL["filters"][1:]]  # type: ignore[index,misc]
        listed = {"symbols": [{**BINANCE_SYMBOL, "filters": coarser}], "rateLimits": []}
        wired({**market.table, "/fapi/v1/exchangeInfo": listed})
        assert [each.new for each in bars(tmp_path, **asked).rules] == [True]
        held = snapshots.read(tmp_path, "binance", BTC)
        assert [(each.tick, each.taken_ns) for each in held] == [
            (0.1, moment_ns("2026-01-01")),
            (0.5, moment_ns("2026-02-10")),
        ]

    def test_a_run_uses_the_fetched_steps_and_tiers(
        self, market: Market, wired: Lay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        brackets = [
            {
                "symbol": "BTCUSDT",
                "brackets": [
                    {
                        "bracket": 1,
                        "initialLeverage": 50,
                        "notionalCap": 70000,
                        "notionalFloor": 0,
                        "maintMarginRatio": 0.01,
                        "cum": 0.0,
                    },
                    {
                        "bracket": 2,
                        "initialLeverage": 20,
                        "notionalCap": 90000,
                        "notionalFloor": 70000,
                        "maintMarginRatio": 0.02,
                        "cum": 700.0,
                    },
                ],
            }
        ]
        monkeypatch.setenv("ISOMARGIN_BINANCE_KEY", "key")
        monkeypatch.setenv("ISOMARGIN_BINANCE_SECRET", "secret")
        wired({**market.table, "/fapi/v1/leverageBracket": brackets})
        (rules,) = bars(tmp_path, contracts=True).rules
        assert [(each.cap, each.amount) for each in rules.rules.snapshot.tiers] == [(70000, 0.0), (90000, 700.0)]
        (contract,) = load("binance", "BTC/USDT:USDT", "1m", store=tmp_path).contracts
        assert (contract.tick, contract.lot, contract.minimum_notional) == (0.1, 0.001, 100.0)
        table = contract.tiers_at(moment_ns("2026-01-01"))
        # the amount of the second tier: 70,000 × (0.02 − 0.01)
        assert [(each.floor, each.cap, each.rate, each.amount, each.leverage) for each in table.tiers] == [
            (0, 70000, 0.01, 0.0, 50),
            (70000, 90000, 0.02, 700.0, 20),
        ]
        assert contract.tiers_at(moment_ns("2025-12-31")) != table

    def test_without_a_key_the_shipped_tiers_hold_and_that_is_said(self, wire: Wire, tmp_path: Path) -> None:
        assert "ISOMARGIN_BINANCE_KEY" not in os.environ
        (rules,) = bars(tmp_path, contracts=True).rules
        assert rules.rules.snapshot.tiers == ()
        assert "ISOMARGIN_BINANCE_KEY" in rules.rules.remarks[0]


class TestPace:
    """How many requests go out in which time."""

    def test_requests_of_all_clients_wait_for_one_another(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = 100.0
        monkeypatch.setattr(client.time, "monotonic", lambda: now)
        waited: list[float] = []
        monkeypatch.setattr(client.Pace, "wait", lambda self, seconds: waited.append(seconds))
        pace = client.Pace(limited=True)
        for _ in range(3):
            pace.take(0.25)
        pace.rest(9.0)
        pace.take(0.25)
        assert waited == [0.0, 0.25, 0.5, 9.0]

    def test_a_server_on_this_machine_is_not_paced(self) -> None:
        assert client.is_local("http://127.0.0.1:8787/x")
        assert client.is_local("http://localhost:1")
        assert client.is_local("http://[::1]:1")
        assert not client.is_local("https://fapi.binance.com")


class TestCommand:
    """`backtest data fetch`."""

    LINE = ("data", "fetch", "--venue", "binance", "-s", "BTC", "-r", f"{START}..{END}", "--base-url", LOCAL.address)

    def test_a_line_a_series_and_a_contract(
        self, market: Market, wire: Wire, workspace: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        market.absent = {ALL[7]}
        assert status([*self.LINE, "-s", "ETHUSDT"]) == 0
        out = capsys.readouterr().out.splitlines()
        assert out[:3] == [
            "BTC/USDT:USDT  ohlcv 1m  2,879 new, 0 known  2024-01-01 00:00 → 2024-01-03 00:00 UTC  "
            "1 hole of 1 bar at 2024-01-01 00:07",
            "BTC/USDT:USDT  mark 1m  2,879 new, 0 known  2024-01-01 00:00 → 2024-01-03 00:00 UTC  "
            "1 hole of 1 bar at 2024-01-01 00:07",
            "BTC/USDT:USDT  funding  6 new, 0 known  2024-01-01 00:00 → 2024-01-02 16:00 UTC  every 8h",
        ]
        assert out[6].startswith(
            "BTC/USDT:USDT  contract of 2026-01-01, new  tick 0.1, lot 0.001, minimum notional 100"
        )
        assert (workspace / "store/binance/ETHUSDTUSDT/mark-1m/2024-01.parquet").is_file()

    def test_json_is_one_document(
        self, market: Market, wire: Wire, workspace: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert status([*self.LINE, "--kind", "ohlcv,contracts", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["schema_version"] == 1
        (series,) = document["fetched"]
        assert (series["added"], series["rows"], series["holes"], series["timeframe"]) == (ROWS, ROWS, [], "1m")
        (contract,) = document["contracts"]
        assert (contract["tick"], contract["market"], contract["new"]) == (0.1, "BTCUSDT", True)

    def test_a_range_without_rows_ends_with_3(
        self, wire: Wire, workspace: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        line = [*self.LINE, "--kind", "ohlcv"]
        line[line.index("-r") + 1] = "2023-01-01..2023-01-02"
        assert status(line) == 3
        assert "nothing: the venue answered with no row of this range" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            (["--kind", "candles"], "'candles' is no kind of series"),
            (["--kind", "tiers"], "leverage tiers come with the contract rules"),
            (["--archive", "somewhere"], "--archive and --base-url name two sources"),
            (["--timeout", "0"], "a timeout of 0 s"),
            (["--tf", "7m"], "offers no bars of 7m"),
        ],
    )
    def test_wrong_use_is_said(
        self, more: list[str], said: str, wire: Wire, workspace: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code = status([*self.LINE, "--kind", "ohlcv", *more] if "--kind" not in more else [*self.LINE, *more])
        captured = capsys.readouterr()
        assert code in (2, 3)
        assert said in captured.err + captured.out
