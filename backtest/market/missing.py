"""What of a range is not stored yet: the stretches that a fetch has to ask for, and the holes that are left after it.

Bars stand on a grid, so each missing one is known. Settlements of funding do not: no interval is assumed, and a step
between two stored settlements counts as a hole where it is half as long again as the shorter of its neighbours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backtest.clock import ceil_ns
from backtest.market import parquet
from backtest.market.key import SeriesKey
from backtest.market.store import Store

NEAR_BARS = 200
"""Holes no further apart than this many bars are asked for as one: a request brings about as many bars."""

Span = tuple[int, int]


def stored_times(store: Store, key: SeriesKey, start_ns: int, end_ns: int) -> NDArray[np.int64]:
    """The stamps of a stored series in [start, end)."""
    low, high = (str(np.datetime64(at, "ns").astype("M8[M]")) for at in (start_ns, end_ns))
    parts = [parquet.read(path, ("time",))["time"] for path in store.files(key) if low <= path.stem <= high]
    times = np.concatenate(parts) if parts else np.zeros(0, np.int64)
    return times[(times >= start_ns) & (times < end_ns)]


def holes(times: NDArray[np.int64], interval_ns: int, start_ns: int, end_ns: int) -> list[Span]:
    """The stretches [first missing bar, next bar) of [start, end) in which no bar stands.

    >>> holes(np.array([0, 60, 240]), 60, 0, 360)
    [(120, 240), (300, 360)]
    """
    first = ceil_ns(start_ns, interval_ns)
    last = ceil_ns(end_ns, interval_ns)
    before = np.concatenate([[first - interval_ns], times])
    after = np.concatenate([times, [last]])
    rows = np.flatnonzero(after - before > interval_ns)
    return [(int(before[row]) + interval_ns, int(after[row])) for row in rows]


def joined(spans: list[Span], near_ns: int) -> list[Span]:
    """Spans with those that lie near one another made one.

    >>> joined([(0, 5), (7, 9), (30, 40)], 3)
    [(0, 9), (30, 40)]
    """
    found: list[Span] = []
    for start, end in spans:
        if found and start - found[-1][1] <= near_ns:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def unsettled(times: NDArray[np.int64], start_ns: int, end_ns: int) -> list[Span]:
    """The stretches of [start, end) in which settlements of funding may be missing; each begins at a stored one."""
    if times.size < 3:
        return [(start_ns, end_ns)] if end_ns > start_ns else []
    steps = np.diff(times)
    found: list[Span] = []
    if times[0] - start_ns >= steps[0]:
        found.append((start_ns, int(times[0])))
    beside = np.minimum(np.concatenate([steps[1:2], steps[:-1]]), np.concatenate([steps[1:], steps[-2:-1]]))
    for row in np.flatnonzero(steps > 1.5 * beside):
        found.append((int(times[row]), int(times[row + 1])))
    if end_ns - times[-1] > steps[-1]:
        found.append((int(times[-1]), end_ns))
    return joined(found, 0)
