"""CSV and Parquet tables: columns found or mapped, units guessed and said, nothing repaired."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backtest.clock import DAY_NS, HOUR_NS, MINUTE_NS, moment_ns
from backtest.errors import MarketDataError, UsageError
from backtest.market.loader import Delivery, FileRequest
from backtest.market.series import Bars, FundingRates, SeriesKind
from data.table_files import TableFiles

BASE_MS = 1_709_251_200_000  # 2024-03-01 00:00 UTC
HEADER = "time,open,high,low,close,volume"
ROWS = [f"{BASE_MS + i * 3_600_000},{100 + i},{102 + i},{99 + i},{101 + i},5" for i in range(4)]


def read(path: Path, **said: object) -> Delivery:
    return TableFiles().read(path, FileRequest(**({"venue": "binance", "symbol": "BTC/USDT:USDT"} | said)))


def written(folder: Path, *lines: str, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def bars(delivery: Delivery) -> Bars:
    assert isinstance(delivery.series, Bars)
    return delivery.series


def test_bars_are_read_with_their_interval_and_unit_said(tmp_path: Path) -> None:
    delivery = read(written(tmp_path, HEADER, *ROWS))
    assert delivery.remarks == ("time unit: ms (guessed)", "interval: 1h (from the stamps)")
    assert bars(delivery).time_ns[0] == BASE_MS * 1_000_000
    assert bars(delivery).close.tolist() == [101, 102, 103, 104]
    assert bars(delivery).source == "file.csv"


@pytest.mark.parametrize(("unit", "per_second"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_each_unit_of_time_is_recognised(tmp_path: Path, unit: str, per_second: int) -> None:
    rows = [f"{(BASE_MS // 1000 + i * 60) * per_second},1,1,1,1,1" for i in range(3)]
    delivery = read(written(tmp_path, HEADER, *rows))
    assert delivery.remarks[0] == f"time unit: {unit} (guessed)"
    assert bars(delivery).time_ns[2] == BASE_MS * 1_000_000 + 2 * MINUTE_NS


@pytest.mark.parametrize(
    ("first", "second", "remark"),
    [
        ("2024-03-01 00:00:00", "2024-03-01 01:00:00", "time without a zone: read as UTC"),
        ("2024-03-01T00:00:00Z", "2024-03-01T01:00:00Z", ""),
        ("2024-03-01T02:00:00+02:00", "2024-03-01T03:00:00+02:00", ""),
        ("2024-03-01 00:00:00.000001", "2024-03-01 01:00:00.000001", "off the grid"),
    ],
)
def test_text_is_read_as_utc(tmp_path: Path, first: str, second: str, remark: str) -> None:
    path = written(tmp_path, HEADER, f"{first},1,1,1,1,1", f"{second},1,1,1,1,1")
    if remark == "off the grid":
        with pytest.raises(MarketDataError, match=remark):
            read(path)
        return
    delivery = read(path)
    assert bars(delivery).time_ns.tolist() == [moment_ns("2024-03-01"), moment_ns("2024-03-01T01:00")]
    assert remark == "" or remark in delivery.remarks


def test_columns_may_be_mapped(tmp_path: Path) -> None:
    path = written(tmp_path, "stamp,o,h,l,settle,vol", *ROWS)
    assert bars(read(path, columns={"time": "stamp", "close": "settle"})).close[0] == 101
    with pytest.raises(UsageError, match="no column 'setle'; did you mean 'settle'"):
        read(path, columns={"time": "stamp", "close": "setle"})
    with pytest.raises(UsageError, match="--map knows no 'clos'; did you mean 'close'"):
        read(path, columns={"clos": "settle"})
    with pytest.raises(UsageError, match="no column looks like 'time'"):
        read(path)


def test_a_file_without_a_header_is_read_in_the_order_of_the_archive(tmp_path: Path) -> None:
    delivery = read(written(tmp_path, *(f"{row},{BASE_MS},1,2,3,4,0" for row in ROWS)))
    assert bars(delivery).high.tolist() == [102, 103, 104, 105]
    assert "no header line" in delivery.remarks[0]


def test_a_compressed_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file.csv.gz"
    path.write_bytes(gzip.compress("\n".join([HEADER, *ROWS]).encode()))
    assert len(bars(read(path))) == 4


def test_parquet_is_read_in_any_unit(tmp_path: Path) -> None:
    times = pa.array([moment_ns("2024-03-01") // 1000 + i * 3_600_000_000 for i in range(3)])
    table = pa.table(
        {"time": times.cast(pa.timestamp("us", tz="UTC"))}
        | {name: [10.0, 10.0, 10.0] for name in ("open", "high", "low", "close", "volume")}
    )
    pq.write_table(table, tmp_path / "file.parquet")
    delivery = read(tmp_path / "file.parquet")
    assert bars(delivery).interval_ns == HOUR_NS
    assert bars(delivery).time_ns[0] == moment_ns("2024-03-01")


def test_days_may_be_dates(tmp_path: Path) -> None:
    table = pa.table(
        {"date": [date(2024, 3, 1), date(2024, 3, 2)]}
        | {name: [10.0, 10.0] for name in ("open", "high", "low", "close")}
    )
    pq.write_table(table, tmp_path / "file.parquet")
    assert bars(read(tmp_path / "file.parquet", kind=SeriesKind.INDEX)).interval_ns == DAY_NS


def test_funding_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, "fundingTime,fundingRate", f"{BASE_MS + 7},0.0001", f"{BASE_MS + 28_800_003},-0.0002")
    rates = read(path, kind=SeriesKind.FUNDING).series
    assert isinstance(rates, FundingRates)
    assert rates.time_ns.tolist() == [BASE_MS * 1_000_000, (BASE_MS + 28_800_000) * 1_000_000]
    assert rates.rate.tolist() == [0.0001, -0.0002]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([ROWS[0], ROWS[2], ROWS[1]], r"file.csv: .* line 4 \(2024-03-01 01:00\) .* not sorted"),
        ([ROWS[0], ROWS[1], ROWS[1]], r"2024-03-01 01:00 stands twice, in line 3 and line 4"),
        ([ROWS[0], ROWS[1].replace("103,", ","), ROWS[2]], r"high nan in line 3 \(2024-03-01 01:00\)"),
        ([ROWS[0], ROWS[1].replace("103,", "90,"), ROWS[2]], r"high 90 in line 3 .* lies below"),
        ([ROWS[0], ROWS[1].replace("103,", "x,"), ROWS[2]], r"'high' holds 'x' in line 3, which is no number"),
        ([ROWS[0], ",1,1,1,1,1", ROWS[2]], r"'time' is empty in line 3"),
        ([], "no row"),
    ],
)
def test_a_bad_row_is_refused_with_its_place(tmp_path: Path, rows: list[str], said: str) -> None:
    with pytest.raises(MarketDataError, match=said):
        read(written(tmp_path, HEADER, *rows), interval_ns=HOUR_NS)


def test_overlapping_bars_are_refused_when_the_interval_is_stated(tmp_path: Path) -> None:
    with pytest.raises(MarketDataError, match="off the grid"):
        read(written(tmp_path, HEADER, *ROWS), interval_ns=4 * HOUR_NS)


def test_a_gap_does_not_change_the_interval_that_is_read(tmp_path: Path) -> None:
    found = bars(read(written(tmp_path, HEADER, ROWS[0], ROWS[1], ROWS[3])))
    assert found.interval_ns == HOUR_NS
    assert [missing for _, missing in found.gaps] == [1]


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file.parquet").write_bytes(b"nonsense")
    with pytest.raises(MarketDataError, match="cannot be read as a table"):
        read(tmp_path / "file.parquet")
    with pytest.raises(UsageError, match="there is no file"):
        read(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="add --symbol"):
        read(written(tmp_path, HEADER, *ROWS), symbol=None)


def test_stamps_of_many_rows_keep_their_nanoseconds(tmp_path: Path) -> None:
    stamps = moment_ns("2024-03-01") + np.arange(1000) * HOUR_NS
    path = written(tmp_path, HEADER, *(f"{stamp},1,1,1,1,1" for stamp in stamps))
    assert np.array_equal(bars(read(path)).time_ns, stamps)


def test_a_time_written_the_local_way_is_refused_in_one_line(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, "01/05/2021 00:00,1,1,1,1,1", "01/05/2021 01:00,1,1,1,1,1")
    with pytest.raises(
        MarketDataError, match=r"holds text that is no time: .*01/05/2021 00:00.*write 2020-01-07"
    ) as told:
        read(path)
    assert "\n" not in str(told.value)


def test_lines_are_counted_as_in_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER, "", ROWS[0], ROWS[2], "", ROWS[1])
    with pytest.raises(MarketDataError, match=r"file.csv: BTC/USDT:USDT ohlcv: line 6 .* not sorted"):
        read(path)
    headless = written(tmp_path, ROWS[0], ROWS[2], ROWS[1], name="headless.csv")
    with pytest.raises(MarketDataError, match="line 3 "):
        read(headless)
    packed = tmp_path / "packed.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(MarketDataError, match="line 6 "):
        read(packed)


def test_a_table_without_lines_has_rows_counted_from_0(tmp_path: Path) -> None:
    columns = {name: [10.0, 10.0] for name in ("open", "high", "low", "close", "volume")}
    pq.write_table(pa.table({"time": [BASE_MS + 3_600_000, BASE_MS]} | columns), tmp_path / "file.parquet")
    with pytest.raises(MarketDataError, match=r"row 1 \(2024-03-01 00:00\) comes after"):
        read(tmp_path / "file.parquet")


def test_stamps_of_funding_off_the_minute_are_said(tmp_path: Path) -> None:
    path = written(tmp_path, "time,rate", f"{BASE_MS + 7},0.0001", f"{BASE_MS + 28_800_019},-0.0002")
    assert "2 stamps up to 19 ms after the minute: floored to it" in read(path, kind=SeriesKind.FUNDING).remarks
