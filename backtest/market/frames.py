"""DataFrames of a notebook as series: a UTC index of bar opens, columns open high low close, and volume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backtest.clock import interval_ns
from backtest.errors import UsageError
from backtest.market.series import Bars, FundingRates, SeriesKind

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "a table in memory"


def bars_from_frame(
    venue: str, symbol: str, kind: SeriesKind, frame: pd.DataFrame, interval: str | None = None
) -> Bars:
    """Bars of a table; without `interval` the shortest step between its rows is taken."""
    stamps = stamps_ns(frame.index, symbol)
    if interval is None and stamps.size < 2:
        raise UsageError(f"{symbol}: the interval of a single bar cannot be read from it; give interval='1h'")
    wanted = ["open", "high", "low", "close"] + (["volume"] if kind is SeriesKind.OHLCV else [])
    absent = [name for name in wanted if name not in frame.columns]
    if absent:
        raise UsageError(f"{symbol}: the table lacks {', '.join(absent)}; it has {', '.join(map(str, frame.columns))}")

    def column(name: str) -> NDArray[np.float64]:
        return np.asarray(frame[name], dtype=np.float64)

    return Bars(
        venue=venue,
        symbol=symbol,
        kind=kind,
        interval_ns=int(np.diff(stamps).min()) if interval is None else interval_ns(interval),
        time_ns=stamps,
        open=column("open"),
        high=column("high"),
        low=column("low"),
        close=column("close"),
        volume=column("volume") if kind is SeriesKind.OHLCV else np.full(stamps.size, np.nan),
        source=SOURCE,
    )


def funding_from_series(venue: str, symbol: str, rates: pd.Series[float]) -> FundingRates:
    """Settlements of a column of rates (plain fractions) over a UTC index of their stamps."""
    values = np.asarray(rates, dtype=np.float64)
    return FundingRates(venue=venue, symbol=symbol, time_ns=stamps_ns(rates.index, symbol), rate=values, source=SOURCE)


def stamps_ns(index: pd.Index, symbol: str) -> NDArray[np.int64]:
    """UTC nanoseconds of an index; the one place where pandas' own unit of time (microseconds) is left behind."""
    import pandas as pd

    if not isinstance(index, pd.DatetimeIndex) or index.tz is None:
        raise UsageError(
            f"{symbol}: the table's index has no time zone; use a UTC DatetimeIndex (`index.tz_localize('UTC')`)"
        )
    return np.asarray(index.as_unit("ns").asi8, dtype=np.int64)
