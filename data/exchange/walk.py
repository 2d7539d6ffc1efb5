"""Walking forward through a venue's history, so that nothing is lost without a word.

Bars: each request asks for a window, beginning at the last row that has come, so that two pages overlap by that row and
an answer that begins later gives itself away: what lies between is asked for again. A window that brings nothing new is
asked for three times in all, and then passed over, not taken for the end; daily bars tell where the next rows are.
Rows are sorted, equal ones kept once, contradicting ones an error that names the time.

Funding: no interval is assumed, nor a number of rows that the venue answers with, nor which end of a window it begins
at: what an answer leaves open before its first and after its last row is asked for until nothing more comes.

All times here are the venue's milliseconds; ends are exclusive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from backtest.clock import time_text
from backtest.errors import MarketDataError

MINUTE_MS = 60_000
DAY_MS = 86_400_000
ASKS = 3
"""How often a request is made before it is believed that there is nothing."""

Row = tuple[float, ...]
"""A time in milliseconds, and values: open, high, low, close and volume, or a funding rate."""

AskBars = Callable[[int, int, int], Sequence[Sequence[float]]]
"""(start, end, interval) to rows."""

AskRates = Callable[[int, int], Sequence[Sequence[float]]]
"""(start, end) to rows."""


def tidy(name: str, rows: Sequence[Sequence[float]], start_ms: int, end_ms: int) -> list[Row]:
    """The rows of [start, end) by time, each once; one time with two sets of values raises."""
    found: list[Row] = []
    for row in sorted((tuple(row) for row in rows if start_ms <= row[0] < end_ms), key=lambda each: each[0]):
        if found and found[-1][0] == row[0]:
            _same(name, found[-1], row)
            continue
        found.append(row)
    return found


def _same(name: str, one: Row, other: Row) -> None:
    if _values(one) != _values(other):
        raise MarketDataError(
            f"{name}: the venue gave two different rows for {time_text(int(one[0]) * 1_000_000)}: {_values(one)} and "
            f"{_values(other)}; nothing of them is stored: fetch again, and compare with the venue's own chart"
        )


def _values(row: Row) -> str:
    return ", ".join("none" if value is None else f"{value:.17g}" for value in row[1:])


@dataclass(kw_only=True)
class BarWalk:
    """Walks one series of bars.

    `rows`: bars a request brings, 2 or more; `step_ms`: the interval; `leap_ms`: the longer interval whose bars tell
    where the next ones are (the interval itself where a venue keeps only the latest bars of each); `now_ms`: the time.
    """

    name: str
    ask: AskBars
    rows: int
    step_ms: int
    leap_ms: int
    now_ms: int
    _leaps: list[int] = field(default_factory=list)
    _leaps_until: int = 0
    _blind: bool = False

    def pages(self, start_ms: int, end_ms: int) -> Iterator[tuple[list[Row], int]]:
        """Rows as they come, and the time up to which all is settled."""
        cursor = start_ms
        last: Row | None = None
        while cursor < end_ms:
            since = cursor if last is None else int(last[0])
            upto = min(end_ms, since + self.rows * self.step_ms)
            fresh = self._fresh(since, upto, end_ms, last)
            if not fresh:
                last = None
                cursor = self._over(max(upto, cursor + self.step_ms), end_ms)
                yield [], min(cursor, end_ms)
                continue
            first = int(fresh[0][0])
            if first > cursor:
                yield from self._between(cursor, first)
            last = fresh[-1]
            cursor = int(last[0]) + self.step_ms
            yield fresh, min(cursor, end_ms)

    def _fresh(self, since: int, upto: int, end_ms: int, last: Row | None) -> list[Row]:
        """The rows after `last` from `since` on."""
        for _ in range(ASKS):
            rows = tidy(self.name, self.ask(since, upto, self.step_ms), since, end_ms)
            if rows and last is not None and rows[0][0] == last[0]:
                _same(self.name, last, rows[0])
                rows = rows[1:]
            if rows:
                return rows
        return []

    def _between(self, start_ms: int, end_ms: int) -> Iterator[tuple[list[Row], int]]:
        """What lies before the first row of an answer: asked for again, since the answer may have been cut there."""
        cursor = start_ms
        while cursor < end_ms:
            upto = min(end_ms, cursor + self.rows * self.step_ms)
            rows = self._fresh(cursor, upto, end_ms, None)
            if not rows:
                cursor = self._over(upto, end_ms)
                yield [], min(cursor, end_ms)
                continue
            if int(rows[0][0]) > cursor:
                yield from self._between(cursor, int(rows[0][0]))
            cursor = int(rows[-1][0]) + self.step_ms
            yield rows, min(cursor, end_ms)

    def _over(self, cursor: int, end_ms: int) -> int:
        """Where to go on after an empty window: at the next longer bar that the venue has."""
        if self._blind or end_ms - cursor < max(self.leap_ms, 2 * self.step_ms):
            return cursor
        if cursor >= self._leaps_until:
            start = cursor - cursor % self.leap_ms
            until = end_ms if self.leap_ms == self.step_ms else min(end_ms, start + self.rows * self.leap_ms)
            self._leaps = self._longer(start, until)
            self._leaps_until = until
            self._blind = not self._leaps and self.leap_ms != self.step_ms and not self._has_longer()
            if self._blind:
                return cursor
        following = next((at for at in self._leaps if at + self.leap_ms > cursor), self._leaps_until)
        return max(cursor, following)

    def _has_longer(self) -> bool:
        """Whether the venue has longer bars of the series at all, so that their absence says something."""
        return bool(self._longer(self.now_ms - 30 * self.leap_ms, self.now_ms))

    def _longer(self, start_ms: int, end_ms: int) -> list[int]:
        """The times of the longer bars in [start, end)."""
        for _ in range(ASKS):
            rows = tidy(self.name, self.ask(start_ms, end_ms, self.leap_ms), start_ms, end_ms)
            if rows:
                return [int(row[0]) for row in rows]
        return []


def rates(name: str, ask: AskRates, start_ms: int, end_ms: int) -> list[Row]:
    """The settlements of [start, end), whichever end of a window the venue answers with, and with however many.

    What lies before the first and after the last row of an answer is asked for again, together with that row, where it
    is at least as long as the shortest step between the answer's rows.
    """
    found: dict[float, Row] = {}
    open_spans = [(start_ms, end_ms)]
    while open_spans:
        low, high = open_spans.pop()
        rows = _inside(name, ask, found, low, high)
        if not rows:
            continue
        first, last = int(rows[0][0]), int(rows[-1][0])
        step = min((int(after[0] - before[0]) for before, after in pairwise(rows)), default=MINUTE_MS)
        found.update((row[0], row) for row in rows)
        if high - last > step:
            open_spans.append((last, high))
        if first - low >= step:
            open_spans.append((low, first))
    return sorted(found.values())


def _inside(name: str, ask: AskRates, found: Mapping[float, Row], low: int, high: int) -> list[Row]:
    """The rows of [low, high) that are not known yet; known rows at its edges are asked for too, and compared."""
    for _ in range(ASKS):
        rows = tidy(name, ask(low, high + (high in found)), low, high + 1)
        for row in rows:
            if row[0] in found:
                _same(name, found[row[0]], row)
        rows = [row for row in rows if row[0] not in found and row[0] < high]
        if rows:
            return rows
    return []


def numbered_rates(name: str, ask: Callable[[int], Sequence[Sequence[float]]], start_ms: int, end_ms: int) -> list[Row]:
    """Settlements of a venue that numbers its pages back from now."""
    held: list[Row] = []
    seen: set[float] = set()
    page = 1
    while True:
        rows: list[Row] = []
        for _ in range(ASKS):
            rows = rows or [row for row in map(tuple, ask(page)) if row[0] not in seen]
        if not rows:
            break
        held += rows
        seen.update(row[0] for row in rows)
        if min(row[0] for row in rows) < start_ms:
            break
        page += 1
    return tidy(name, held, start_ms, end_ms)
