"""One series of market data: bars of a price, or settlements of funding, checked when made.

A bar covers the time from its open to the next open, and its stamp is its open, UTC nanoseconds. A series may have
gaps (the checks list them, alignment leaves them empty) but never two rows for one time, a row out of order, a price
that is not a positive number, or a high below its own open: each of these raises with the row and its time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from backtest.clock import MINUTE_NS, grid_phase_ns, interval_text, time_text
from backtest.errors import MarketDataError, UsageError, near
from backtest.market.resampling import whole_bars

Times = NDArray[np.int64]
Column = NDArray[np.float64]


class UnsoundRowError(MarketDataError):
    """A row that no series takes. Its message calls a row by its place in the series, counted from 0; a reader of text
    says `told(place)`, with the line of its file.
    """

    def __init__(self, text: str, *rows: int) -> None:
        self.text, self.rows = text, rows
        super().__init__(self.told(lambda row: f"row {row}"))

    def told(self, place: Callable[[int], str]) -> str:
        """The message with the rows called as `place` calls them."""
        return self.text.format(*(place(row) for row in self.rows))


class SeriesKind(Enum):
    """What a stored series holds."""

    OHLCV = "ohlcv"
    MARK = "mark"
    INDEX = "index"
    FUNDING = "funding"
    TIERS = "tiers"

    @classmethod
    def from_text(cls, text: str) -> SeriesKind:
        """The kind a text names; an unknown one raises with the near name."""
        for kind in cls:
            if kind.value == text.strip().lower():
                return kind
        known = [kind.value for kind in cls]
        raise UsageError(f"'{text}' is no kind of series; {near(text, known)}it is one of {', '.join(known)}")

    @property
    def is_bars(self) -> bool:
        """Whether the series is made of bars."""
        return self in (SeriesKind.OHLCV, SeriesKind.MARK, SeriesKind.INDEX)


@dataclass(frozen=True, kw_only=True, eq=False)
class Bars:
    """Bars of the last, mark or index price of one symbol. Prices in quote currency, volume in base units.

    `time_ns` holds bar opens on the interval's UTC grid. `volume` is NaN for mark and index. `synthetic` is carried
    into every result.
    """

    venue: str
    symbol: str
    kind: SeriesKind
    interval_ns: int
    time_ns: Times
    open: Column
    high: Column
    low: Column
    close: Column
    volume: Column
    source: str
    synthetic: bool = False

    def __post_init__(self) -> None:
        if not self.kind.is_bars:
            raise MarketDataError(f"a series of kind {self.kind.value} is not made of bars")
        interval_text(self.interval_ns)
        object.__setattr__(self, "time_ns", _frozen(self.time_ns, np.int64))
        for name in ("open", "high", "low", "close", "volume"):
            column = _frozen(getattr(self, name), np.float64)
            object.__setattr__(self, name, column)
            if column.shape != self.time_ns.shape or column.ndim != 1:
                raise MarketDataError(f"{self.name}: {column.size} values of {name} for {self.time_ns.size} times")
        self._check_times()
        self._check_prices()

    @property
    def name(self) -> str:
        """Symbol, kind and interval, as messages call the series."""
        return f"{self.symbol} {self.kind.value} {interval_text(self.interval_ns)}"

    def __len__(self) -> int:
        return int(self.time_ns.size)

    @property
    def first_ns(self) -> int:
        """Open of the first bar."""
        return int(self.time_ns[0])

    @property
    def end_ns(self) -> int:
        """Close of the last bar."""
        return int(self.time_ns[-1]) + self.interval_ns

    @cached_property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        """The stretches between bars that hold no bar: (time of the first missing bar, number of missing bars)."""
        steps = np.diff(self.time_ns) // self.interval_ns
        rows = np.flatnonzero(steps > 1)
        return tuple((int(self.time_ns[row]) + self.interval_ns, int(steps[row]) - 1) for row in rows)

    def parts(self) -> Iterator[Bars]:
        """The bars as one piece: a stored series has several (stored_bars.py)."""
        yield self

    def overlaps(self, start_ns: int | None, end_ns: int | None) -> bool:
        """Whether a bar opens in [start, end)."""
        first = 0 if start_ns is None else int(np.searchsorted(self.time_ns, start_ns))
        return first < len(self) and (end_ns is None or int(self.time_ns[first]) < end_ns)

    def between(self, start_ns: int | None, end_ns: int | None) -> Bars:
        """The bars whose open lies in [start, end)."""
        first = 0 if start_ns is None else int(np.searchsorted(self.time_ns, start_ns))
        last = len(self) if end_ns is None else int(np.searchsorted(self.time_ns, end_ns))
        if last - first == len(self):
            return self
        rows = slice(first, max(first, last))
        columns = {name: getattr(self, name)[rows] for name in ("time_ns", "open", "high", "low", "close", "volume")}
        return replace(self, **columns)

    def resampled(self, interval_ns: int) -> Bars:
        """Whole bars of a longer interval (resampling.py has the rule)."""
        if interval_ns == self.interval_ns:
            return self
        if interval_ns % self.interval_ns:
            raise MarketDataError(
                f"{self.name} cannot make bars of {interval_text(interval_ns)}, which is no multiple of its interval"
            )
        columns = {"time": self.time_ns}
        columns |= {name: getattr(self, name) for name in ("open", "high", "low", "close", "volume")}
        made = whole_bars(columns, self.interval_ns, interval_ns)
        return replace(
            self,
            interval_ns=interval_ns,
            time_ns=made["time"],
            open=made["open"],
            high=made["high"],
            low=made["low"],
            close=made["close"],
            volume=made["volume"],
        )

    def _check_times(self) -> None:
        check_order(self.name, self.time_ns)
        off = (self.time_ns - grid_phase_ns(self.interval_ns)) % self.interval_ns != 0
        if off.any():
            row = int(np.argmax(off))
            raise UnsoundRowError(
                f"{self.name}: the bar in {{0}} opens at {time_text(int(self.time_ns[row]))}, off the grid of its "
                "interval, so bars would overlap; check --timeframe and the time unit",
                row,
            )

    def _check_prices(self) -> None:
        for name in ("open", "high", "low", "close"):
            column = getattr(self, name)
            self._refuse(~(np.isfinite(column) & (column > 0)), name, "is not a positive number")
        self._refuse(self.high < np.maximum(self.open, self.close), "high", "lies below the bar's open or close")
        self._refuse(self.low > np.minimum(self.open, self.close), "low", "lies above the bar's open or close")
        if self.kind is SeriesKind.OHLCV:
            self._refuse(~(np.isfinite(self.volume) & (self.volume >= 0)), "volume", "is negative or no number")

    def _refuse(self, wrong: NDArray[np.bool_], name: str, why: str) -> None:
        if not wrong.any():
            return
        row = int(np.argmax(wrong))
        value = float(getattr(self, name)[row])
        more = int(wrong.sum()) - 1
        raise UnsoundRowError(
            f"{self.name}: {name} {value:.10g} in {{0}} ({time_text(int(self.time_ns[row]))}) {why}"
            f"{f', and {more} more like it' if more else ''}; mend or leave out the row, for no value is invented",
            row,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class FundingRates:
    """Settlements of funding of one symbol: the rate is a fraction of notional, positive when longs pay.

    Venues stamp settlements with a jitter of some milliseconds; stamps are floored to the minute here, once.
    """

    venue: str
    symbol: str
    time_ns: Times
    rate: Column
    source: str
    synthetic: bool = False

    def __post_init__(self) -> None:
        stamps = np.asarray(self.time_ns, np.int64)
        object.__setattr__(self, "time_ns", _frozen(stamps - stamps % MINUTE_NS, np.int64))
        object.__setattr__(self, "rate", _frozen(self.rate, np.float64))
        if self.rate.shape != self.time_ns.shape:
            raise MarketDataError(f"{self.name}: {self.rate.size} rates for {self.time_ns.size} times")
        check_order(self.name, self.time_ns)
        wrong = ~(np.abs(self.rate) < 1)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise UnsoundRowError(
                f"{self.name}: the rate {float(self.rate[row]):g} in {{0}} ({time_text(int(self.time_ns[row]))}) "
                "is no fraction of notional; write 0.01 % as 0.0001",
                row,
            )

    @property
    def name(self) -> str:
        """Symbol and kind, as messages call the series."""
        return f"{self.symbol} funding"

    def __len__(self) -> int:
        return int(self.time_ns.size)

    @property
    def end_ns(self) -> int:
        """One minute after the last settlement."""
        return int(self.time_ns[-1]) + MINUTE_NS

    @cached_property
    def intervals(self) -> tuple[tuple[int, int], ...]:
        """(time, interval) at the first settlement of each stretch with one interval between settlements."""
        steps = np.diff(self.time_ns)
        rows = np.flatnonzero(np.diff(steps, prepend=0))
        return tuple((int(self.time_ns[row]), int(steps[row])) for row in rows)

    def between(self, start_ns: int | None, end_ns: int | None) -> FundingRates:
        """The settlements in [start, end)."""
        first = 0 if start_ns is None else int(np.searchsorted(self.time_ns, start_ns))
        last = len(self) if end_ns is None else int(np.searchsorted(self.time_ns, end_ns))
        if last - first == len(self):
            return self
        rows = slice(first, max(first, last))
        return replace(self, time_ns=self.time_ns[rows], rate=self.rate[rows])


def _frozen(values: NDArray[np.generic] | Column | Times, kind: type[np.generic]) -> NDArray[np.generic]:
    column = np.ascontiguousarray(values, dtype=kind).view()
    column.flags.writeable = False
    return column


def check_order(name: str, time_ns: Times) -> None:
    """Raise where a time stands twice or comes after a later one."""
    steps = np.diff(time_ns)
    if (steps > 0).all():
        return
    row = int(np.argmax(steps <= 0)) + 1
    when = time_text(int(time_ns[row]))
    if steps[row - 1] == 0:
        raise UnsoundRowError(
            f"{name}: the time {when} stands twice, in {{0}} and {{1}}; remove one of them", row - 1, row
        )
    raise UnsoundRowError(
        f"{name}: {{0}} ({when}) comes after {time_text(int(time_ns[row - 1]))}, so the rows are not sorted; "
        "sort them by time, and see that no two files overlap",
        row,
    )
