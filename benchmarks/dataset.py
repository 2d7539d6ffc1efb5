"""The market as every engine reads it: mapped from the folder that `benchmarks.generator` fills."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.works import HOUR_NS, MINUTE_NS, START_NS, SYMBOLS, Array

FOLDER = Path(__file__).parent / ".cache"


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Prices of some symbols, each (symbols, bars); time is the open of the bar, UTC nanoseconds."""

    symbols: tuple[str, ...]
    bar_ns: int
    open: Array
    high: Array
    low: Array
    close: Array
    volume: Array

    @property
    def bars(self) -> int:
        """Bars of each symbol."""
        return self.close.shape[1]

    @property
    def time_ns(self) -> np.ndarray:
        """Opens of the bars."""
        return START_NS + np.arange(self.bars, dtype=np.int64) * self.bar_ns


def load(work: str, bars: int = 0) -> Dataset:
    """The market of a work, its first `bars` bars alone if given."""
    hourly = work == "W4"
    symbols = SYMBOLS if work in ("W2", "W4") else SYMBOLS[:1]
    block = np.load(FOLDER / ("hour.npy" if hourly else "minute.npy"), mmap_mode="r")
    part = np.ascontiguousarray(block[: len(symbols), :, : bars or None].transpose(1, 0, 2))
    names = ("open", "high", "low", "close", "volume")
    columns = dict(zip(names, part, strict=True))
    return Dataset(symbols=symbols, bar_ns=HOUR_NS if hourly else MINUTE_NS, **columns)
