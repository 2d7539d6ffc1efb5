"""Binance's public archive: zip files by month and day, out of a folder and over HTTP, verified and complete."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from backtest.cli.main import status
from backtest.clock import DAY_NS, HOUR_NS, MINUTE_NS, moment_ns
from backtest.errors import MarketDataError, UsageError
from backtest.market.fetch import Fetched, fetch
from backtest.market.loader import Access, Page, Stopped, Stretch
from backtest.market.series import Bars, FundingRates, SeriesKind
from backtest.market.store import Store
from data.archive_files import months, venue_symbol
from data.archives import Archive, BinanceArchive

BTC, COIN = "BTC/USDT:USDT", "BTC/USD:BTC"
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"
)
MONTHLY = "data/futures/um/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-{}.zip"
DAILY = "data/futures/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-{}.zip"


def zipped(*lines: str, name: str = "rows.csv") -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(name, "\n".join(lines) + "\n")
    return held.getvalue()


def kline(time_ns: int, price: float, unit_ns: int = 1_000_000) -> str:
    row = [time_ns // unit_ns, price, price + 2, price - 1, price + 1, 7, (time_ns + HOUR_NS) // unit_ns - 1, 3.5]
    return ",".join(str(each) for each in [*row, 10, 1, 1, 0])


def hours(first: str, count: int) -> list[str]:
    start = moment_ns(first)
    return [kline(start + hour * HOUR_NS, 100.0 + hour) for hour in range(count)]


def put(root: Path, path: str, *lines: str, checksum: str | None = "") -> None:
    """Write a zip file into an archive, with its checksum ("": the true one, None: none)."""
    content = zipped(*lines)
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    if checksum is not None:
        said = checksum or hashlib.sha256(content).hexdigest()
        file.with_name(f"{file.name}.CHECKSUM").write_text(f"{said}  {file.name}\n", encoding="ascii")


@dataclass
class Served:
    """A server of a folder, which counts what is asked for and fails as it is told."""

    root: Path
    asked: list[str] = field(default_factory=list)
    fail: Callable[[str, int], int] = lambda path, times: 0
    address: str = ""

    def answer(self, path: str) -> tuple[int, bytes]:
        self.asked.append(path)
        status = self.fail(path, self.asked.count(path))
        if status:
            return status, b""
        file = self.root / path.lstrip("/")
        return (200, file.read_bytes()) if file.is_file() else (404, b"<Code>NoSuchKey</Code>")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    kept = Served(root=tmp_path)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = kept.answer(self.path)
            if status == 1:  # a body that is cut
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b"PK")
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    kept.address = f"http://127.0.0.1:{server.server_address[1]}"
    yield kept
    server.shutdown()
    server.server_close()


def archive(base: object, venue: str = "binance", attempts: int = 4) -> Archive:
    return BinanceArchive().connect(venue, Access(address=str(base), workers=3, attempts=attempts))


def stretch(
    start: str, end: str, kind: SeriesKind = SeriesKind.OHLCV, symbol: str = BTC, interval_ns: int = HOUR_NS
) -> Stretch:
    return Stretch(
        symbol=symbol,
        kind=kind,
        interval_ns=interval_ns if kind.is_bars else None,
        start_ns=moment_ns(start),
        end_ns=moment_ns(end),
    )


def rows(pages: list[Page]) -> list[tuple[int, float]]:
    found: list[tuple[int, float]] = []
    for page in pages:
        if isinstance(page.series, Bars):
            found += zip(page.series.time_ns.tolist(), page.series.close.tolist(), strict=True)
        elif isinstance(page.series, FundingRates):
            found += zip(page.series.time_ns.tolist(), page.series.rate.tolist(), strict=True)
    return found


def remarks(pages: list[Page]) -> list[str]:
    return [remark for page in pages for remark in page.remarks]


def test_months_are_read_in_order_and_cut_to_the_stretch(tmp_path: Path) -> None:
    put(tmp_path, MONTHLY.format("2024-01"), HEADER, *hours("2024-01-01", 31 * 24))
    put(tmp_path, MONTHLY.format("2024-02"), *hours("2024-02-01", 29 * 24))  # without a header line, as older files
    pages = list(archive(tmp_path).pages(stretch("2024-01-10 05:00", "2024-02-20")))
    start = moment_ns("2024-01-10T05:00")
    expected = [(start + row * HOUR_NS, 101.0 + 9 * 24 + 5 + row) for row in range(21 * 24 + 19)]
    expected += [(moment_ns("2024-02-01") + row * HOUR_NS, 101.0 + row) for row in range(19 * 24)]
    assert rows(pages) == expected
    assert [page.settled_ns for page in pages] == [moment_ns("2024-02-01"), moment_ns("2024-02-20")]
    assert remarks(pages) == []


def test_the_folder_may_be_named_with_or_without_its_data_folder(tmp_path: Path) -> None:
    put(tmp_path, MONTHLY.format("2024-01"), *hours("2024-01-01", 5))
    for base in (tmp_path, tmp_path / "data"):
        assert len(rows(list(archive(base).pages(stretch("2024-01-01", "2024-02-01"))))) == 5


def test_microseconds_are_told_from_milliseconds(tmp_path: Path) -> None:
    start = moment_ns("2025-01-01")
    put(tmp_path, MONTHLY.format("2025-01"), HEADER, *(kline(start + i * HOUR_NS, 50.0, 1_000) for i in range(3)))
    pages = list(archive(tmp_path).pages(stretch("2025-01-01", "2025-02-01")))
    assert [time for time, _ in rows(pages)] == [start + i * HOUR_NS for i in range(3)]


def test_a_month_without_a_file_is_read_from_the_files_of_its_days(tmp_path: Path) -> None:
    for day in ("2024-03-01", "2024-03-02", "2024-03-03", "2024-03-05"):
        put(tmp_path, DAILY.format(day), *hours(day, 24))
    pages = list(archive(tmp_path).pages(stretch("2024-03-01", "2024-03-06")))
    assert len(rows(pages)) == 4 * 24
    assert remarks(pages) == ["the archive does not have BTCUSDT-1h-2024-03-04.zip"]


def test_a_few_days_are_asked_for_by_day_and_else_taken_from_the_month(served: Served) -> None:
    put(served.root, MONTHLY.format("2024-03"), *hours("2024-03-01", 31 * 24))
    put(served.root, DAILY.format("2024-03-04"), *hours("2024-03-04", 24))
    assert len(rows(list(archive(served.address).pages(stretch("2024-03-04", "2024-03-05"))))) == 24
    assert not any("monthly" in path for path in served.asked)
    pages = list(archive(served.address).pages(stretch("2024-03-04 22:00", "2024-03-05 02:00")))
    assert [value for _, value in rows(pages)] == [101.0 + 3 * 24 + hour for hour in range(22, 26)]
    assert remarks(pages) == []


def test_old_months_that_are_absent_are_named_together_and_their_days_not_asked_for(served: Served) -> None:
    put(served.root, MONTHLY.format("2020-03"), *hours("2020-03-01", 24))
    pages = list(archive(served.address).pages(stretch("2020-01-01", "2020-04-01")))
    assert len(rows(pages)) == 24
    assert remarks(pages) == ["the archive does not have BTCUSDT-1h-2020-01.zip to BTCUSDT-1h-2020-02.zip (2 files)"]
    assert not any("daily" in path for path in served.asked)


def test_a_file_that_fails_its_checksum_is_refused(tmp_path: Path) -> None:
    put(tmp_path, MONTHLY.format("2024-01"), *hours("2024-01-01", 3), checksum="0" * 64)
    with pytest.raises(MarketDataError, match=r"BTCUSDT-1h-2024-01.zip does not have the checksum.*download it again"):
        list(archive(tmp_path).pages(stretch("2024-01-01", "2024-02-01")))


def test_a_missing_checksum_is_said(tmp_path: Path) -> None:
    put(tmp_path, MONTHLY.format("2024-01"), *hours("2024-01-01", 3), checksum=None)
    opened = archive(tmp_path)
    assert len(rows(list(opened.pages(stretch("2024-01-01", "2024-02-01"))))) == 3
    assert opened.remarks == ("no checksum lay beside 1 of the archive's files: they were taken as they are",)


@pytest.mark.parametrize("fault", [500, 503, 429, 1])
def test_a_server_that_fails_now_and_then_is_asked_again(served: Served, fault: int) -> None:
    put(served.root, MONTHLY.format("2024-01"), *hours("2024-01-01", 3))
    served.fail = lambda path, times: fault if times < 3 else 0
    assert len(rows(list(archive(served.address).pages(stretch("2024-01-01", "2024-02-01"))))) == 3


def test_a_server_that_keeps_failing_and_one_that_refuses_are_told_apart(served: Served) -> None:
    served.fail = lambda path, times: 502
    with pytest.raises(MarketDataError, match=r"could not be had in 2 attempts \(HTTP 502"):
        list(archive(served.address, attempts=2).pages(stretch("2024-01-01", "2024-02-01")))
    served.fail = lambda path, times: 451
    with pytest.raises(MarketDataError, match="does not serve this place"):
        list(archive(served.address).pages(stretch("2024-01-01", "2024-02-01")))
    assert served.asked.count(served.asked[-1]) == 3
    with pytest.raises(MarketDataError, match="could not be had in 2 attempts"):
        list(archive("http://127.0.0.1:1", attempts=2).pages(stretch("2024-01-01", "2024-02-01")))


def test_a_file_cut_on_the_way_is_downloaded_again(served: Served) -> None:
    put(served.root, MONTHLY.format("2024-01"), *hours("2024-01-01", 3))
    whole = (served.root / MONTHLY.format("2024-01")).read_bytes()
    held = served.answer

    def cut(path: str) -> tuple[int, bytes]:
        status, content = held(path)
        first = path.endswith(".zip") and served.asked.count(path) == 1
        return (200, whole[:100]) if first else (status, content)

    served.answer = cut  # type: ignore[method-assign]
    assert len(rows(list(archive(served.address).pages(stretch("2024-01-01", "2024-02-01"))))) == 3


def test_mark_index_and_funding_have_their_own_files(tmp_path: Path) -> None:
    root = "data/futures/um/monthly"
    put(tmp_path, f"{root}/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip", *hours("2024-01-01", 2))
    put(tmp_path, f"{root}/indexPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip", *hours("2024-01-01", 3))
    start = moment_ns("2024-01-01") // 1_000_000
    settled = [f"{start + 3},8,0.0001", f"{start + 8 * 3_600_000},8,-0.00005"]
    lines = ["calc_time,funding_interval_hours,last_funding_rate", *settled]
    put(tmp_path, f"{root}/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-01.zip", *lines)
    opened = archive(tmp_path)
    for kind, count in ((SeriesKind.MARK, 2), (SeriesKind.INDEX, 3)):
        (page,) = opened.pages(stretch("2024-01-01", "2024-02-01", kind))
        assert isinstance(page.series, Bars)
        assert (page.series.kind, len(page.series)) == (kind, count)
    pages = list(opened.pages(stretch("2024-01-01", "2024-03-01", SeriesKind.FUNDING)))
    assert rows(pages) == [(moment_ns("2024-01-01"), 0.0001), (moment_ns("2024-01-01T08:00"), -0.00005)]
    assert remarks(pages) == [
        "the archive does not have BTCUSDT-fundingRate-2024-02.zip; funding comes in months, when each is over: fetch "
        "what is newer from the exchange"
    ]


def test_coin_margined_bars_carry_the_volume_of_the_base_asset(tmp_path: Path) -> None:
    path = "data/futures/cm/monthly/klines/BTCUSD_PERP/1h/BTCUSD_PERP-1h-2024-01.zip"
    put(tmp_path, path, HEADER, *hours("2024-01-01", 2))
    (page,) = archive(tmp_path, "binance-coin").pages(stretch("2024-01-01", "2024-02-01", symbol=COIN))
    assert isinstance(page.series, Bars)
    assert page.series.volume.tolist() == [3.5, 3.5]
    wanted = stretch("2024-01-01", "2024-02-01", SeriesKind.INDEX, symbol=COIN, interval_ns=MINUTE_NS)
    (month,) = months("binance-coin", wanted)
    assert month.whole.path == "data/futures/cm/monthly/indexPriceKlines/BTCUSD/1m/BTCUSD-1m-2024-01.zip"


def test_rows_out_of_order_or_twice_are_put_right_and_said(tmp_path: Path) -> None:
    lines = hours("2024-01-01", 4)
    put(tmp_path, MONTHLY.format("2024-01"), lines[1], lines[0], lines[2], lines[2], lines[3])
    pages = list(archive(tmp_path).pages(stretch("2024-01-01", "2024-02-01")))
    assert [value for _, value in rows(pages)] == [101.0, 102.0, 103.0, 104.0]
    assert remarks(pages) == [
        "BTCUSDT-1h-2024-01.zip: its rows were not in order of time",
        "BTCUSDT-1h-2024-01.zip: 1 rows stood twice",
    ]


def test_a_row_without_a_price_is_left_out_and_said(tmp_path: Path) -> None:
    lines = hours("2024-01-01", 3)
    start = moment_ns("2024-01-01") // 1_000_000
    lines[1] = f"{start + 3_600_000},0,0,0,0,0,{start + 7_199_999},0,0,0,0,0"
    put(tmp_path, MONTHLY.format("2024-01"), *lines)
    pages = list(archive(tmp_path).pages(stretch("2024-01-01", "2024-02-01")))
    assert [value for _, value in rows(pages)] == [101.0, 103.0]
    assert remarks(pages) == ["BTCUSDT-1h-2024-01.zip: 1 rows without a price are left out, so they are holes"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (lambda: [*hours("2024-01-01", 2), hours("2024-01-01", 2)[1].replace("102.0", "103.0")], "two rows of"),
        (lambda: hours("2024-02-01", 2), "holds a row of 2024-02-01"),
        (lambda: ["1,2,3"], "has 3 columns"),
        (lambda: [hours("2024-01-01", 1)[0].replace("100.0", "x")], "cannot be read as a table"),
        (lambda: [kline(moment_ns("2024-01-01") + MINUTE_NS, 5.0)], "off the grid"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, lines: Callable[[], list[str]], said: str) -> None:
    put(tmp_path, MONTHLY.format("2024-01"), *lines())
    with pytest.raises(MarketDataError, match=rf"BTCUSDT-1h-2024-01.zip.*{said}"):
        list(archive(tmp_path).pages(stretch("2024-01-01", "2024-02-01")))


def test_what_is_no_zip_file_is_refused(tmp_path: Path) -> None:
    put(tmp_path, MONTHLY.format("2024-01"), *hours("2024-01-01", 2), checksum=None)
    (tmp_path / MONTHLY.format("2024-01")).write_bytes(b"PK, but no more")
    with pytest.raises(MarketDataError, match=r"BTCUSDT-1h-2024-01\.zip is damaged"):
        list(archive(tmp_path).pages(stretch("2024-01-01", "2024-02-01")))


def test_told_to_stop_it_stops(served: Served) -> None:
    opened = archive(served.address)
    opened.stop()
    with pytest.raises(Stopped):
        list(opened.pages(stretch("2024-01-01", "2024-02-01")))


def test_symbols_in_all_their_forms(tmp_path: Path) -> None:
    linear, coin = archive(tmp_path), archive(tmp_path, "binance-coin")
    assert [linear.symbol(text) for text in ("BTC", "btcusdt", BTC)] == [BTC] * 3
    assert linear.symbol("1000SHIBUSDC") == "1000SHIB/USDC:USDC"
    assert [coin.symbol(text) for text in ("BTC", "BTCUSD_PERP", "btc-perp", "BTCUSD", COIN)] == [COIN] * 5
    assert venue_symbol("binance", "ETH/USDC:USDC") == "ETHUSDC"
    for opened, text in ((linear, COIN), (coin, BTC)):
        with pytest.raises(UsageError, match="margined"):
            opened.symbol(text)


def test_what_the_archive_has_not_is_said(tmp_path: Path) -> None:
    opened = archive(tmp_path)
    assert "no bars of 7m" in opened.lacks(BTC, SeriesKind.OHLCV, 7 * MINUTE_NS)
    assert "no leverage tiers" in opened.lacks(BTC, SeriesKind.TIERS, None)
    assert opened.lacks(BTC, SeriesKind.FUNDING, None) == opened.lacks(BTC, SeriesKind.MARK, DAY_NS) == ""
    assert opened.rules(BTC) is None
    with pytest.raises(UsageError, match="there is no folder"):
        archive(tmp_path / "none")
    with pytest.raises(UsageError, match="neither an http address nor a folder"):
        archive("ftp://somewhere/files")
    with pytest.raises(UsageError, match="nothing of 'binanze'; did you mean 'binance'"):
        archive(tmp_path, "binanze")
    assert BinanceArchive().serves("binance-coin")
    assert not BinanceArchive().serves("bybit")


def fetched(served: Served, store: Store, start: str, end: str, kinds: tuple[str, ...] = ("ohlcv",)) -> Fetched:
    return fetch(
        "binance",
        "BTC",
        "1h",
        start=start,
        end=end,
        kinds=kinds,
        store=store,
        loader="binance-archive",
        access=Access(address=served.address, workers=2),
    )


def test_a_fetch_stores_whole_months_and_does_not_ask_for_them_again(served: Served, tmp_path: Path) -> None:
    for month, days in (("2024-01", 31), ("2024-02", 29), ("2024-03", 31)):
        put(served.root, MONTHLY.format(month), HEADER, *hours(f"{month}-01", days * 24))
    store = Store(root=tmp_path / "store")
    first = fetched(served, store, "2024-01-01", "2024-03-01").series[0]
    assert (first.added, first.rows, first.holes) == (60 * 24, 60 * 24, ())
    asked = len(served.asked)
    assert fetched(served, store, "2024-01-01", "2024-03-01").series[0].added == 0
    assert len(served.asked) == asked
    assert fetched(served, store, "2024-01-01", "2024-04-01").series[0].added == 31 * 24
    assert [path for path in served.asked[asked:] if path.endswith(".zip")] == ["/" + MONTHLY.format("2024-03")]


def test_an_interrupted_fetch_goes_on_and_leaves_what_an_undisturbed_one_does(served: Served, tmp_path: Path) -> None:
    for month, days in (("2024-01", 31), ("2024-02", 29), ("2024-03", 31)):
        put(served.root, MONTHLY.format(month), HEADER, *hours(f"{month}-01", days * 24))
    store, whole = Store(root=tmp_path / "store"), Store(root=tmp_path / "whole")
    served.fail = lambda path, times: 403 if "2024-02" in path else 0
    with pytest.raises(MarketDataError, match="is refused"):
        fetched(served, store, "2024-01-01", "2024-04-01")
    served.fail = lambda path, times: 0
    fetched(served, store, "2024-01-01", "2024-04-01")
    fetched(served, whole, "2024-01-01", "2024-04-01")
    kept = {
        place: {path.name: path.read_bytes() for path in sorted(place.root.rglob("*.parquet"))}
        for place in (store, whole)
    }
    assert kept[store] == kept[whole]
    assert sorted(kept[whole]) == ["2024-01.parquet", "2024-02.parquet", "2024-03.parquet"]


def test_the_command_reads_an_archive(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(served.root, MONTHLY.format("2024-01"), HEADER, *hours("2024-01-01", 31 * 24))
    line = ["data", "fetch", "--venue", "binance", "-s", "BTC", "--timeframe", "1h", "-r", "2024-01-01..2024-02-01"]
    for base in (str(served.root), served.address):
        place = tmp_path / f"store-{len(base)}"
        assert status([*line, "--kind", "ohlcv", "--archive", base, "--store", str(place), "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert [series["rows"] for series in document["fetched"]] == [31 * 24]
