"""Longer bars out of shorter ones, whole ones only.

A longer bar appears when every one of its base bars is there and not before: one that is missing, at a hole or at the
open end of a series, leaves it out, and the hole is then reported at the longer interval too. Its stamp is the open of
its first base bar on the UTC grid (weeks open on Monday); open of the first, highest high, lowest low, close of the
last, summed volume.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtest.clock import grid_phase_ns


def whole_bars(columns: Mapping[str, NDArray[Any]], interval_ns: int, longer_ns: int) -> dict[str, NDArray[Any]]:
    """Bars of `longer_ns`, a multiple of `interval_ns`, out of columns time, open, high, low, close (and volume).

    >>> hour, half = 3_600_000_000_000, 1_800_000_000_000
    >>> price = np.array([1.0, 2.0, 3.0])
    >>> shorter = {"time": np.arange(3) * half, "open": price, "high": price, "low": price, "close": price}
    >>> whole_bars(shorter, half, hour)["close"].tolist()
    [2.0]
    """
    if longer_ns == interval_ns or not columns["time"].size:
        return dict(columns)
    phase = grid_phase_ns(longer_ns)
    bucket = (columns["time"] - phase) // longer_ns
    first = np.flatnonzero(np.diff(bucket, prepend=np.iinfo(np.int64).min))
    count = np.diff(np.append(first, bucket.size))
    whole = count == longer_ns // interval_ns
    made = {
        "time": (bucket[first] * longer_ns + phase)[whole],
        "open": columns["open"][first][whole],
        "high": np.maximum.reduceat(columns["high"], first)[whole],
        "low": np.minimum.reduceat(columns["low"], first)[whole],
        "close": columns["close"][first + count - 1][whole],
    }
    if "volume" in columns:
        made["volume"] = np.add.reduceat(columns["volume"], first)[whole]
    return made
