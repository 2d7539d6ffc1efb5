"""CSV and Parquet files with columns of any name: bars of last, mark or index price, funding rates, leverage tiers.

Columns are found by their usual names, or by a mapping (`--map time=ts,open=o`). The interval is read from the stamps
unless given. Nothing is repaired: a row out of order, twice there, empty or impossible raises with its place.
A CSV file without a header line is read in the order of Binance's archive: time, open, high, low, close, volume.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv
from pyarrow import parquet as pq

from backtest.clock import MINUTE_NS, interval_text
from backtest.errors import MarketDataError, UsageError, near
from backtest.market.loader import Delivery, FileRequest, Tiers
from backtest.market.series import Bars, FundingRates, SeriesKind, UnsoundRowError, check_order
from data import tier_files
from data.time_column import stamps_ns

USUAL = {
    "time": ("time", "timestamp", "date", "datetime", "open_time", "opentime", "ts", "t", "calc_time", "fundingtime"),
    "open": ("open", "o"),
    "high": ("high", "h"),
    "low": ("low", "l"),
    "close": ("close", "c"),
    "volume": ("volume", "vol", "v"),
    "rate": ("rate", "funding_rate", "fundingrate", "last_funding_rate"),
}
"""Our name of a column, and the names (in lower case) under which it is looked for."""

HEADERLESS = ("time", "open", "high", "low", "close", "volume")


class TableFiles:
    """Loader of CSV, Parquet and (for tiers) JSON files."""

    summary = "CSV or Parquet tables of bars, funding or tiers; JSON tables of tiers"

    def recognises(self, path: Path) -> bool:
        """Whether the file's ending is one of a table."""
        return path.name.lower().endswith((".csv", ".csv.gz", ".parquet", ".json"))

    def read(self, path: Path, request: FileRequest) -> Delivery:
        """The series of a table."""
        if request.symbol is None:
            raise UsageError(f"{path.name} does not say of which symbol it is; add --symbol BTC/USDT:USDT")
        kind = request.kind or SeriesKind.OHLCV
        try:
            if kind is SeriesKind.TIERS:
                tables = tier_files.tables(path, request.symbol, request.valid_from_ns)
                return Delivery(series=Tiers(venue=request.venue, symbol=request.symbol, tables=tables))
            read = _table(path)
            try:
                return table_series(read.table, path.name, request, kind, read.remarks)
            except UnsoundRowError as error:
                raise MarketDataError(f"{path.name}: {error.told(read.place)}") from error
        except MarketDataError as error:
            if isinstance(error.__cause__, UnsoundRowError):
                raise
            raise MarketDataError(f"{path.name}: {error}") from error


def table_series(
    table: pa.Table, source: str, request: FileRequest, kind: SeriesKind, remarks: tuple[str, ...] = ()
) -> Delivery:
    """The bars or funding rates in a table whose columns bear usual or mapped names; `request.symbol` is given."""
    assert request.symbol is not None
    if not table.num_rows:
        raise MarketDataError("there is no row in it")
    unknown = [name for name in request.columns if name not in USUAL]
    if unknown:
        raise UsageError(f"--map knows no '{unknown[0]}'; {near(unknown[0], USUAL)}it knows {', '.join(USUAL)}")
    names = _names(table.column_names, request.columns)
    stamps, guessed = stamps_ns(_column(table, names, "time"), names["time"])
    remarks += guessed
    if kind is SeriesKind.FUNDING:
        rate = _numbers(table, names, "rate")
        rates = FundingRates(venue=request.venue, symbol=request.symbol, time_ns=stamps, rate=rate, source=source)
        return Delivery(series=rates, remarks=(*remarks, *_jitter(stamps)))
    length = request.interval_ns
    if length is None:
        check_order(f"{request.symbol} {kind.value}", stamps)
        length = _interval(stamps)
        remarks += (f"interval: {interval_text(length)} (from the stamps)",)
    volume = _numbers(table, names, "volume") if kind is SeriesKind.OHLCV else np.full(stamps.size, np.nan)
    bars = Bars(
        venue=request.venue,
        symbol=request.symbol,
        kind=kind,
        interval_ns=length,
        time_ns=stamps,
        open=_numbers(table, names, "open"),
        high=_numbers(table, names, "high"),
        low=_numbers(table, names, "low"),
        close=_numbers(table, names, "close"),
        volume=volume,
        source=source,
    )
    return Delivery(series=bars, remarks=remarks)


@dataclass(frozen=True)
class _Read:
    """A table, what is to be said of it, and the line of the file that its header stands in (None: no text file)."""

    path: Path
    table: pa.Table
    remarks: tuple[str, ...] = ()
    header: int | None = None

    def place(self, row: int) -> str:
        """Where a row stands: its line in the file, counted from 1, or its number in a table without lines, from 0."""
        if self.header is None:
            return f"row {row}"
        with pa.input_stream(self.path, compression="detect") as stream:
            filled = (number for number, line in enumerate(io.BytesIO(stream.read()), 1) if line.strip())
            return f"line {next(islice(filled, row + self.header, None), row + self.header + 1)}"


def _table(path: Path) -> _Read:
    try:
        if path.name.lower().endswith(".parquet"):
            return _Read(path, pq.ParquetFile(path).read())
        with pa.input_stream(path, compression="detect") as stream:
            table = csv.read_csv(stream)
        if not all(_is_number(name) for name in table.column_names):
            return _Read(path, table, header=1)
        width = len(table.column_names)
        names = [*HEADERLESS[:width], *(f"column_{each}" for each in range(len(HEADERLESS), width))]
        with pa.input_stream(path, compression="detect") as stream:
            table = csv.read_csv(stream, read_options=csv.ReadOptions(column_names=names))
        return _Read(path, table, (f"no header line: read as {', '.join(HEADERLESS)}",), header=0)
    except FileNotFoundError as error:
        raise UsageError(f"there is no file {path}") from error
    except (pa.ArrowException, OSError) as error:
        raise MarketDataError(f"it cannot be read as a table: {error}") from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _names(present: list[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """Our name of each column found, and the file's."""
    for ours, theirs in mapping.items():
        if theirs not in present:
            raise UsageError(
                f"--map {ours}={theirs}: the file has no column '{theirs}'; {near(theirs, present)}"
                f"it has {', '.join(present)}"
            )
    lower = {name.lower(): name for name in present}
    found = {}
    for ours, usual in USUAL.items():
        named = mapping.get(ours) or next((lower[name] for name in usual if name in lower), None)
        if named is not None:
            found[ours] = named
    return found


def _column(table: pa.Table, names: Mapping[str, str], ours: str) -> pa.ChunkedArray:
    if ours not in names:
        raise UsageError(
            f"no column looks like '{ours}' (the file has {', '.join(table.column_names)}); "
            f"name it with --map {ours}=..."
        )
    return table.column(names[ours])


def _numbers(table: pa.Table, names: Mapping[str, str], ours: str) -> NDArray[np.float64]:
    column = _column(table, names, ours)
    try:
        return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    except pa.ArrowException as error:
        for row, value in enumerate(column.to_pylist()):
            if value is not None and not _is_number(str(value)):
                raise UnsoundRowError(
                    f"the column '{names[ours]}' holds '{value}' in {{0}}, which is no number", row
                ) from error
        raise MarketDataError(f"the column '{names[ours]}' holds what is no number: {error}") from error


def _jitter(stamps: NDArray[np.int64]) -> tuple[str, ...]:
    """What is said of settlements that are stamped off the minute, to which they are floored."""
    off = stamps % MINUTE_NS
    late = int((off > 0).sum())
    if not late:
        return ()
    return (f"{late} stamps up to {int(off.max()) / 1e6:g} ms after the minute: floored to it",)


def _interval(stamps: NDArray[np.int64]) -> int:
    if stamps.size < 2:
        raise UsageError("the interval of a single bar cannot be read from it; add --timeframe 1h")
    steps, counts = np.unique(np.diff(stamps), return_counts=True)
    length = int(steps[np.argmax(counts)])
    if length > 0 and length % MINUTE_NS == 0:
        return length
    raise UsageError("the interval cannot be read from the stamps; add --timeframe 1h")
