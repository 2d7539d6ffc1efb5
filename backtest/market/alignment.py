"""Placing series of several symbols on one clock, inventing nothing.

A bar that is missing stays NaN in all its columns and is listed as a hole. A mark series that is wholly absent is
replaced by the index, else by last, and a note says which. Funding settles at the open of the first base bar that is
not earlier than its stamp (docs/order-of-events.md, rule 2.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backtest.broker.records import FUNDING
from backtest.clock import HOUR_NS, ceil_ns, floor_ns, interval_text, time_text
from backtest.enums import PriceSource
from backtest.errors import MarketDataError, UsageError
from backtest.market.series import Bars, FundingRates, SeriesKind

TRADED = ("open", "high", "low", "close", "volume")
JUDGED = ("open", "high", "low", "close")
LISTED = 10
"""How many holes of a series a note names."""


@dataclass(frozen=True, kw_only=True)
class Hole:
    """Consecutive base bars that one series of one symbol does not have."""

    symbol: str
    kind: SeriesKind
    first_bar: int
    bars: int


class BarSource(Protocol):
    """Bars of one series, in one piece (`Bars`) or several (`StoredBars`), as alignment takes them."""

    @property
    def symbol(self) -> str:
        """Canonical symbol."""
        ...

    @property
    def kind(self) -> SeriesKind:
        """Last, mark or index price."""
        ...

    @property
    def interval_ns(self) -> int:
        """Interval of the bars."""
        ...

    @property
    def name(self) -> str:
        """Symbol, kind and interval."""
        ...

    @property
    def source(self) -> str:
        """Where the bars are from."""
        ...

    @property
    def synthetic(self) -> bool:
        """Whether they are made up."""
        ...

    @property
    def first_ns(self) -> int:
        """Open of the first bar."""
        ...

    @property
    def end_ns(self) -> int:
        """Close of the last bar."""
        ...

    def overlaps(self, start_ns: int | None, end_ns: int | None) -> bool:
        """Whether a bar opens in [start, end)."""
        ...

    def parts(self) -> Iterator[Bars]:
        """The bars, in the order of time."""
        ...


@dataclass(frozen=True, kw_only=True)
class Clock:
    """A regular grid of base bars: bar t opens at `start_ns + t·interval_ns`."""

    start_ns: int
    interval_ns: int
    length: int

    @property
    def end_ns(self) -> int:
        """Close of the last bar."""
        return self.start_ns + self.length * self.interval_ns


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The series a symbol is traded on and judged on; `note` says what stands in for a missing mark."""

    traded: BarSource
    judged: BarSource
    note: str = ""


def base_interval(symbols: Sequence[str], bars: Sequence[BarSource]) -> int:
    """The one interval that all bars of the symbols share."""
    if not symbols:
        raise UsageError("a history needs at least one symbol")
    if len(set(symbols)) != len(symbols):
        raise UsageError(f"a symbol stands twice in {', '.join(symbols)}; name each once")
    lengths = {part.interval_ns for part in bars if part.symbol in symbols}
    if len(lengths) > 1:
        found = ", ".join(interval_text(length) for length in sorted(lengths))
        raise MarketDataError(f"the series have bars of {found}; one clock needs one interval (see `Bars.resampled`)")
    if not lengths:
        raise MarketDataError(f"there are no bars of {', '.join(symbols)}")
    return lengths.pop()


def choose(
    symbol: str, bars: Sequence[BarSource], judge: PriceSource, start_ns: int | None, end_ns: int | None
) -> Chosen:
    """Which series a symbol is traded on (last) and judged on (mark, else index, else last)."""
    kinds: dict[SeriesKind, BarSource] = {}
    for part in bars:
        if part.symbol == symbol and part.overlaps(start_ns, end_ns):
            if part.kind in kinds:
                raise MarketDataError(f"{part.name} is given twice; join the two first")
            kinds[part.kind] = part
    last = kinds.get(SeriesKind.OHLCV)
    if last is None:
        raise MarketDataError(
            f"{symbol}: there are no traded bars in the range, and orders fill on them; "
            f"import them with `backtest data import FILE --symbol {symbol} --kind ohlcv`, or choose another range"
        )
    if judge is PriceSource.LAST:
        return Chosen(traded=last, judged=last, note=f"{symbol}: valued and liquidated on the last price, as asked")
    if SeriesKind.MARK in kinds:
        return Chosen(traded=last, judged=kinds[SeriesKind.MARK])
    if SeriesKind.INDEX in kinds:
        note = f"{symbol}: no mark series, the index price stands in"
        return Chosen(traded=last, judged=kinds[SeriesKind.INDEX], note=note)
    note = f"{symbol}: no mark series, the last price stands in (a wick may liquidate that would not have)"
    return Chosen(traded=last, judged=last, note=note)


def common_clock(
    chosen: Iterable[Chosen], base_ns: int, timeframe_ns: int, start_ns: int | None, end_ns: int | None
) -> Clock:
    """The clock of a run, in whole decision bars.

    A side that is not given lies where every series has begun (none has ended); a side that is given must lie within
    the traded bars of at least one symbol.
    """
    every = list({id(part): part for each in chosen for part in (each.traded, each.judged)}.values())
    traded = [part for part in every if part.kind is SeriesKind.OHLCV]
    low, high = min(part.first_ns for part in traded), max(part.end_ns for part in traded)
    first = max(part.first_ns for part in every) if start_ns is None else start_ns
    last = min(part.end_ns for part in every) if end_ns is None else end_ns
    first, last = ceil_ns(first, timeframe_ns), floor_ns(last, timeframe_ns)
    if first >= last:
        held = "; ".join(f"{part.name} {time_text(part.first_ns)}..{time_text(part.end_ns)}" for part in every)
        raise MarketDataError(f"the ranges do not overlap in one whole decision bar: {held}")
    if first < floor_ns(low, timeframe_ns) or last > ceil_ns(high, timeframe_ns):
        raise MarketDataError(
            f"the range {time_text(first)}..{time_text(last)} goes beyond the bars there are, "
            f"{time_text(low)}..{time_text(high)}; choose a range inside, or import more"
        )
    return Clock(start_ns=first, interval_ns=base_ns, length=(last - first) // base_ns)


def place(target: NDArray[np.float64], series: BarSource, clock: Clock, names: tuple[str, ...]) -> None:
    """Write columns of a series into the rows of `target` (columns, bars), piece by piece; NaN where it has no bar."""
    cursor = 0
    for part in series.parts():
        low, high = (int(row) for row in np.searchsorted(part.time_ns, (clock.start_ns, clock.end_ns)))
        if low == high:
            continue
        where = (part.time_ns[low:high] - clock.start_ns) // clock.interval_ns
        first, after = int(where[0]), int(where[-1]) + 1
        whole = after - first == high - low
        target[:, cursor : first if whole else after] = np.nan
        for row, name in enumerate(names):
            target[row, slice(first, after) if whole else where] = getattr(part, name)[low:high]
        cursor = after
    target[:, cursor:] = np.nan


def holes_of(symbol: str, kind: SeriesKind, close: NDArray[np.float64]) -> list[Hole]:
    """The runs of NaN in a column, as holes."""
    missing = np.isnan(close)
    if not missing.any():
        return []
    edges = np.flatnonzero(np.diff(missing.astype(np.int8), prepend=0, append=0))
    return [
        Hole(symbol=symbol, kind=kind, first_bar=int(first), bars=int(after - first))
        for first, after in zip(edges[::2], edges[1::2], strict=True)
    ]


def hole_notes(holes: Sequence[Hole], clock: Clock) -> list[str]:
    """One sentence for each series that has holes, with the places of the longest."""
    notes = []
    for symbol, kind in dict.fromkeys((hole.symbol, hole.kind) for hole in holes):
        these = [hole for hole in holes if (hole.symbol, hole.kind) == (symbol, kind)]
        longest = sorted(sorted(these, key=lambda hole: -hole.bars)[:LISTED], key=lambda hole: hole.first_bar)
        bars = sum(hole.bars for hole in these)
        places = ", ".join(
            f"{time_text(clock.start_ns + hole.first_bar * clock.interval_ns)} ({_bars(hole.bars)})" for hole in longest
        )
        missing = f"{bars} {kind.value} bars are" if bars > 1 else f"1 {kind.value} bar is"
        stretches = "1 stretch" if len(these) == 1 else f"{len(these)} stretches"
        more = f", the {LISTED} longest of them" if len(these) > LISTED else ""
        notes.append(f"{symbol}: {missing} missing in {stretches}{more}: {places}")
    return notes


def _bars(count: int) -> str:
    return "1 bar" if count == 1 else f"{count} bars"


def settlements(time_ns: NDArray[np.int64], rate: NDArray[np.float64], leg: int, clock: Clock) -> NDArray[np.void]:
    """FUNDING records of one leg, each at the first bar that opens no earlier than its stamp."""
    rows = np.zeros(time_ns.size, FUNDING)
    rows["time_ns"], rows["rate"], rows["leg"] = time_ns, rate, leg
    rows["bar"] = -((clock.start_ns - time_ns) // clock.interval_ns)
    return rows[(rows["bar"] >= 0) & (rows["bar"] < clock.length)]


def in_order(rows: NDArray[np.void]) -> NDArray[np.void]:
    """FUNDING records sorted by bar, then leg, then stamp."""
    return rows[np.lexsort((rows["time_ns"], rows["leg"], rows["bar"]))]


def funding_notes(symbol: str, rates: FundingRates | None, clock: Clock) -> list[str]:
    """What is to be said of a symbol's funding: that it is missing, begins late, ends early, or falls inside bars."""
    kept = None if rates is None else rates.between(clock.start_ns, clock.end_ns)
    if kept is None or not len(kept):
        return [f"{symbol}: no funding in the range, so none is charged"]
    notes = []
    inside = int(((kept.time_ns - clock.start_ns) % clock.interval_ns != 0).sum())
    if inside:
        bar = interval_text(clock.interval_ns)
        notes.append(f"{symbol}: {inside} funding stamps lie inside a {bar} bar and settle at the next bar's open")
    longest = max(8 * HOUR_NS, *(length for _, length in kept.intervals), 0)
    first, last = int(kept.time_ns[0]), int(kept.time_ns[-1])
    if first - clock.start_ns > longest or clock.end_ns - last > longest:
        known = f"from {time_text(first)} to {time_text(last)}"
        notes.append(f"{symbol}: funding is known {known} only; outside none is charged")
    return notes
