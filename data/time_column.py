"""A file's column of times as UTC nanoseconds: stamps, text or plain numbers, whose unit is guessed and said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from backtest.clock import SECOND_NS
from backtest.errors import MarketDataError
from backtest.market.series import UnsoundRowError

UNITS = (("s", 1e11, SECOND_NS), ("ms", 1e14, 1_000_000), ("us", 1e17, 1_000), ("ns", np.inf, 1))
"""Unit, the number that no stamp of it reaches (the year 5138 in seconds, and so on), and its nanoseconds."""


def stamps_ns(column: pa.ChunkedArray, name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """UTC nanoseconds of a column of times, and what had to be guessed."""
    if column.null_count:
        row = next(i for i, value in enumerate(column) if not value.is_valid)
        raise UnsoundRowError(f"the column '{name}' is empty in {{0}}; a row without a time cannot be placed", row)
    kind = column.type
    if pa.types.is_date(kind):
        column, kind = column.cast(pa.timestamp("ns", tz="UTC")), pa.timestamp("ns", tz="UTC")
    if pa.types.is_timestamp(kind):
        stamps = column.cast(pa.timestamp("ns", tz=kind.tz)).cast(pa.int64()).to_numpy()
        return stamps, () if kind.tz else ("time without a zone: read as UTC",)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _numbers(column.to_numpy(), name)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _text(column, name)
    raise MarketDataError(f"the column '{name}' holds {kind}, which is no time")


def _numbers(values: NDArray[Any], name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    if not np.isfinite(values.astype(np.float64)).all() or (values <= 0).any():
        raise MarketDataError(f"the column '{name}' holds numbers that are no times")
    unit, _, factor = next(each for each in UNITS if float(np.median(values)) < each[1])
    if np.issubdtype(values.dtype, np.floating):
        whole, rest = np.divmod(values, 1)
        stamps = whole.astype(np.int64) * factor + np.round(rest * factor).astype(np.int64)
    else:
        stamps = values.astype(np.int64) * factor
    return stamps, (f"time unit: {unit} (guessed)",)


def _text(column: pa.ChunkedArray, name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    import pandas as pd

    texts = column.to_pandas()
    try:
        stamps = pd.DatetimeIndex(pd.to_datetime(texts, utc=True, format="ISO8601"))
    except ValueError as error:
        first = str(error).partition(". ")[0]
        raise MarketDataError(
            f"the column '{name}' holds text that is no time: {first}; write 2020-01-07 13:00 or seconds since 1970"
        ) from error
    zoned = str(texts.iloc[0]).rstrip().endswith(("Z", "+00:00", "+0000"))
    return np.asarray(stamps.as_unit("ns").asi8), () if zoned else ("time without a zone: read as UTC",)
