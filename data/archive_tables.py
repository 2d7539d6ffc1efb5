"""What a zip file of the archive holds, as a series: bars of the last, mark or index price, or settlements of funding.

Klines: open time, open, high, low, close, volume, close time, quote volume, ...; COIN-M counts volume in contracts and
has the base asset's in the column behind the close time. Funding: time, interval in hours, rate. A header line may be
there or not. Times are milliseconds, in newer files microseconds. Rows are put in order; one that stands twice is kept
once and one without a price is left out, both said.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from backtest.clock import time_text
from backtest.errors import MarketDataError
from backtest.market.loader import Stretch
from backtest.market.series import Bars, FundingRates, SeriesKind
from data.archive_files import MARKETS, ArchiveFile

KLINES = ("time", "open", "high", "low", "close", "volume", "close_time", "quote_volume")
FUNDING = ("time", "hours", "rate")
MICROSECONDS_FROM = 10**14
"""No stamp in milliseconds reaches this number (the year 5138), and all in microseconds since 1973 do."""

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows of one file that lie in a stretch (None: no row does), and what is worth saying of them."""

    series: Bars | FundingRates | None
    remarks: tuple[str, ...]


def table(content: bytes, file: ArchiveFile, venue: str, stretch: Stretch) -> Table:
    """The series in a zip file."""
    funding = stretch.kind is SeriesKind.FUNDING
    columns = _columns(_unpacked(content, file.name), FUNDING if funding else KLINES, file.name)
    columns["time"] = columns["time"] * np.where(columns["time"] < MICROSECONDS_FROM, 1_000_000, 1_000)
    remarks = list(_tidied(columns, file.name))
    times = columns["time"]
    if times.size and not (file.start_ns <= times[0] and times[-1] < file.end_ns):
        odd = times[0] if times[0] < file.start_ns else times[-1]
        raise MarketDataError(f"{file.name} holds a row of {time_text(int(odd))}, which is not of its time; ask anew")
    if not funding:
        priced = np.all([columns[name] > 0 for name in ("open", "high", "low", "close")], axis=0)
        if not priced.all():
            remarks.append(f"{file.name}: {int((~priced).sum())} rows without a price are left out, so they are holes")
            columns = {name: values[priced] for name, values in columns.items()}
    low, high = np.searchsorted(columns["time"], (stretch.start_ns, stretch.end_ns))
    columns = {name: values[low:high] for name, values in columns.items()}
    if not columns["time"].size:
        return Table(series=None, remarks=tuple(remarks))
    return Table(series=_series(columns, file.name, venue, stretch), remarks=tuple(remarks))


def _series(columns: Columns, name: str, venue: str, stretch: Stretch) -> Bars | FundingRates:
    source = "Binance's public archive"
    try:
        if stretch.interval_ns is None:
            return FundingRates(
                venue=venue,
                symbol=stretch.symbol,
                time_ns=columns["time"],
                rate=columns["rate"],
                source=source,
            )
        volume = columns["quote_volume" if MARKETS[venue] == "cm" else "volume"]
        return Bars(
            venue=venue,
            symbol=stretch.symbol,
            kind=stretch.kind,
            interval_ns=stretch.interval_ns,
            time_ns=columns["time"],
            open=columns["open"],
            high=columns["high"],
            low=columns["low"],
            close=columns["close"],
            volume=volume if stretch.kind is SeriesKind.OHLCV else np.full(volume.size, np.nan),
            source=source,
        )
    except MarketDataError as error:
        raise MarketDataError(f"{name}: {error}") from error


def _unpacked(content: bytes, name: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            inside = [each for each in packed.namelist() if each.endswith(".csv")]
            if len(inside) != 1:
                raise MarketDataError(f"{name} holds {len(inside)} CSV files and should hold one")
            return packed.read(inside[0])
    except (zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        raise MarketDataError(f"{name} is damaged ({error}); nothing of it is stored: download it again") from error


def _columns(text: bytes, names: tuple[str, ...], name: str) -> Columns:
    header = text[:1].isalpha()
    width = text.partition(b"\n")[0].count(b",") + 1
    if not text.strip() or width < len(names):
        raise MarketDataError(f"{name} has {width} columns and should have {', '.join(names)}")
    every = [*names, *(f"more_{each}" for each in range(width - len(names)))]
    kinds = {each: pa.int64() if each == "time" else pa.float64() for each in names}
    try:
        found = csv.read_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(column_names=every, skip_rows=int(header), use_threads=False),
            convert_options=csv.ConvertOptions(include_columns=list(names), column_types=kinds),
        )
    except pa.ArrowException as error:
        raise MarketDataError(f"{name} cannot be read as a table: {error}") from error
    if any(column.null_count for column in found.columns):
        raise MarketDataError(f"{name} has rows with empty fields; nothing of it is stored")
    return {each: found.column(each).to_numpy() for each in names}


def _tidied(columns: Columns, name: str) -> list[str]:
    """Put the rows in order and drop those that stand twice, in place; what was done, in words."""
    times, remarks = columns["time"], []
    steps = np.diff(times)
    if (steps < 0).any():
        order = np.argsort(times, kind="stable")
        columns.update({each: values[order] for each, values in columns.items()})
        remarks.append(f"{name}: its rows were not in order of time")
        steps = np.diff(columns["time"])
    twice = np.flatnonzero(steps == 0)
    if twice.size:
        for each, values in columns.items():
            differs = values[twice] != values[twice + 1]
            if differs.any():
                when = time_text(int(columns["time"][twice[np.argmax(differs)]]))
                raise MarketDataError(f"{name} has two rows of {when} that differ in {each}; nothing of it is stored")
        columns.update({each: np.delete(values, twice + 1) for each, values in columns.items()})
        remarks.append(f"{name}: {twice.size} rows stood twice")
    return remarks
