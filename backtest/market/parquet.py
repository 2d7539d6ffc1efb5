"""One Parquet file of the store: read straight into NumPy columns, written whole or not at all.

A file is written beside its place under a temporary name, synced to the disk and then renamed over the old one, which
the operating system does in one step: whoever opens it, whenever a process is killed or the disk is full, sees the
old file or the new one. Renaming is a step of its own, so that several files can all be on the disk before the first
changes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from backtest.errors import MarketDataError

LAYOUT = 1
TEMPORARY = ".part"
_KEY = b"isomargin"
_TIME = pa.timestamp("ns", tz="UTC")

Columns = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Head:
    """What a file says of itself: its facts (venue, symbol, kind, ...), its number of rows, its first and last time."""

    facts: Mapping[str, object]
    rows: int
    first_ns: int
    last_ns: int


def write_beside(path: Path, columns: Mapping[str, NDArray[Any]], facts: Mapping[str, object]) -> Path:
    """Write columns to a temporary file beside `path`, synced; `time` is int64 UTC nanoseconds. Returns the file."""
    arrays = [_column(name, values) for name, values in columns.items()]
    said = json.dumps({"layout": LAYOUT, **facts}, sort_keys=True).encode()
    table = pa.table(arrays, names=list(columns)).replace_schema_metadata({_KEY: said})
    sink = pa.BufferOutputStream()
    floats = [name for name in columns if name != "time"]
    pq.write_table(table, sink, compression="lz4", use_dictionary=False, use_byte_stream_split=floats)
    return write_bytes_beside(path, sink.getvalue().to_pybytes())


def write_bytes_beside(path: Path, content: bytes) -> Path:
    """Write bytes to a temporary file beside `path`, synced to the disk; nothing is left of it when that fails."""
    part = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise MarketDataError(
            f"{path} could not be written: {error.strerror or error}; what the store held is unchanged, "
            "make room (or mend the rights) and repeat the command"
        ) from error
    return part


def put_in_place(parts: Sequence[tuple[Path, Path]]) -> None:
    """Rename (temporary file, place) pairs into their places, and sync the folders they lie in."""
    for part, path in parts:
        try:
            part.replace(path)
        except OSError as error:
            raise MarketDataError(f"{path} could not be replaced: {error.strerror or error}") from error
    for folder in {path.parent for _, path in parts}:
        _sync(folder)


def read(path: Path, names: Sequence[str]) -> Columns:
    """The named columns of a file as NumPy arrays; `time` as int64 UTC nanoseconds."""
    return opened(path, names)[1]


def opened(path: Path, names: Sequence[str]) -> tuple[Head, Columns]:
    """What a file says of itself, and the named columns of it."""
    try:
        file = pq.ParquetFile(path)
        said = _head(path, file.metadata)
        table = file.read(columns=list(names), use_threads=False)
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise _damaged(path, error) from error
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise MarketDataError(f"{path} has no column {', '.join(missing)}; remove it and import that month again")
    return said, {name: _numpy(table.column(name)) for name in names}


def head(path: Path) -> Head:
    """What a file says of itself, from its footer alone."""
    try:
        return _head(path, pq.read_metadata(path))
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise _damaged(path, error) from error


def _head(path: Path, meta: pq.FileMetaData) -> Head:
    facts = json.loads((meta.metadata or {})[_KEY])
    if facts["layout"] > LAYOUT:
        raise MarketDataError(f"{path} was written by a later version (layout {facts['layout']}); update this package")
    times = [meta.row_group(group).column(0).statistics for group in range(meta.num_row_groups)]
    known = [each for each in times if each is not None and each.has_min_max]
    return Head(
        facts=facts,
        rows=int(meta.num_rows),
        first_ns=min((int(each.min_raw) for each in known), default=0),
        last_ns=max((int(each.max_raw) for each in known), default=0),
    )


def _damaged(path: Path, error: Exception) -> MarketDataError:
    return MarketDataError(
        f"{path} is damaged or no file of the store ({error}); remove it and import that month again"
    )


def _column(name: str, values: NDArray[Any]) -> pa.Array:
    return pa.array(values).cast(_TIME) if name == "time" else pa.array(values)


def _numpy(column: pa.ChunkedArray) -> NDArray[Any]:
    whole = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if pa.types.is_timestamp(whole.type):
        whole = whole.cast(pa.int64())
    if whole.null_count == 0 and (pa.types.is_integer(whole.type) or pa.types.is_floating(whole.type)):
        return np.from_dlpack(whole)  # `to_numpy` would load pandas, a fifth of a cold start
    values: NDArray[Any] = whole.to_numpy(zero_copy_only=False)
    return values


def _sync(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
