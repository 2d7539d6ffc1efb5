"""What of a history the metrics of a trial are worked out from: mark closes, their extremes, the ends of the days.

Made once for a history and shared by all its trials.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backtest.market.history import MARK_CLOSE, MarketHistory
from backtest.report.performance import DAY_NS

SIZE, WIDE_SIZE = 16, 256
"""Bars of the two sizes of blocks."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Marks:
    """Mark closes (symbols, bars), a missing one carried; extremes of them in blocks; which contracts are
    inverse; the last bar of each UTC day.
    """

    interval_ns: int
    closes: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    wide_lows: NDArray[np.float64]
    wide_highs: NDArray[np.float64]
    inverse: NDArray[np.bool_]
    day_bars: NDArray[np.int64]
    day_close_ns: NDArray[np.int64]

    @classmethod
    def of(cls, history: MarketHistory) -> Marks:
        """The marks of a history."""
        closes = _carried(history.prices[:, MARK_CLOSE])
        close_ns = history.start_ns + np.arange(1, history.length + 1, dtype=np.int64) * history.interval_ns
        day = -(-close_ns // DAY_NS)
        day_bars = np.append(np.flatnonzero(np.diff(day)), history.length - 1).astype(np.int64)
        return cls(
            interval_ns=history.interval_ns,
            closes=closes,
            lows=_blocks(np.fmin, closes, SIZE),
            highs=_blocks(np.fmax, closes, SIZE),
            wide_lows=_blocks(np.fmin, closes, WIDE_SIZE),
            wide_highs=_blocks(np.fmax, closes, WIDE_SIZE),
            inverse=np.array([contract.inverse for contract in history.contracts], np.bool_),
            day_bars=day_bars,
            day_close_ns=close_ns[day_bars],
        )

    @property
    def bars(self) -> int:
        """Number of base bars."""
        return int(self.closes.shape[1])

    @property
    def days(self) -> float:
        """Length in days of 24 hours."""
        return self.bars * self.interval_ns / DAY_NS

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return sum(each.nbytes for each in (self.closes, self.lows, self.highs, self.wide_lows, self.wide_highs))


def _carried(closes: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.isnan(closes).any():
        return np.ascontiguousarray(closes)
    at = np.where(np.isnan(closes), 0, np.arange(closes.shape[1]))
    carried: NDArray[np.float64] = np.take_along_axis(closes, np.maximum.accumulate(at, axis=1), axis=1)
    return carried


def _blocks(extreme: np.ufunc, closes: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    starts = np.arange(0, closes.shape[1], size)
    blocks: NDArray[np.float64] = extreme.reduceat(closes, starts, axis=1)
    return blocks
