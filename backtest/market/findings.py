"""What a check says: findings of a series with their level and place, and the verdict that follows from them.

Of many places of one kind the largest are named and the rest is counted, so that a verdict stays readable and the
memory it takes does not grow with the faults.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtest.clock import time_text
from backtest.market.catalogue import StoredSeries

LISTED = 5
"""How many places of one kind are named one by one; the rest is counted."""


class Level(IntEnum):
    """How much a finding matters."""

    OK = 0
    WARN = 1
    FAIL = 2


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was found: `time_ns` is where it begins (None: nowhere in particular), `bars` how long it is."""

    level: Level
    rule: str
    text: str
    time_ns: int | None = None
    bars: int = 0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the checks say of one series."""

    series: StoredSeries
    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """The gravest finding's level."""
        return max((finding.level for finding in self.findings), default=Level.OK)


class Tally:
    """How many rows have a fault (`what` in words, `one` for a single row), and when the first of them opens."""

    def __init__(self, rule: str, what: str, one: str) -> None:
        self._rule, self._what = rule, (what, one)
        self.rows = 0
        self._first_ns = 0

    def add(self, times: NDArray[np.int64]) -> None:
        """Count rows by their times."""
        if times.size and not self.rows:
            self._first_ns = int(times[0])
        self.rows += int(times.size)

    def findings(self) -> list[Finding]:
        """One failure, where a row was counted."""
        if not self.rows:
            return []
        where = f"the first at {time_text(self._first_ns)}" if self.rows > 1 else f"at {time_text(self._first_ns)}"
        text = f"{self.rows} {self._what[self.rows == 1]}, {where}"
        return [fail(self._rule, text, self._first_ns, self.rows)]


class Largest:
    """The largest places of one kind; all of them are counted, with the bars they take."""

    def __init__(self, *columns: str) -> None:
        self._kept: dict[str, NDArray[Any]] = {name: np.zeros(0) for name in ("size", "bars", *columns)}
        self.places, self.bars = 0, 0

    def add(self, **columns: NDArray[Any]) -> None:
        """Add places: their `size` (by which they are ranked), their `bars`, and what their text needs."""
        if not columns["size"].size:
            return
        self.places += columns["size"].size
        self.bars += int(columns["bars"].sum())
        whole = {
            name: np.concatenate([held, columns[name]]) if held.size else columns[name]
            for name, held in self._kept.items()
        }
        best = np.argsort(-whole["size"], kind="stable")[:LISTED]
        self._kept = {name: values[best] for name, values in whole.items()}

    def rows(self) -> list[dict[str, Any]]:
        """The kept places, the largest first."""
        return [{name: values[row].item() for name, values in self._kept.items()} for row in range(self.shown)]

    @property
    def shown(self) -> int:
        """How many places are kept."""
        return int(self._kept["size"].size)

    def rest(self, level: Level, rule: str, what: str) -> list[Finding]:
        """One finding for the places that are not kept."""
        if self.places == self.shown:
            return []
        bars = self.bars - int(self._kept["bars"].sum())
        text = f"and {self.places - self.shown} more, {what} ({bars_text(bars)} in all)"
        return [Finding(level=level, rule=rule, text=text, bars=bars)]


def bars_text(count: int) -> str:
    """A number of bars in words."""
    return "1 bar" if count == 1 else f"{count} bars"


def fail(rule: str, text: str, time_ns: int | None = None, bars: int = 0) -> Finding:
    """A finding that would change results or stop a run."""
    return Finding(level=Level.FAIL, rule=rule, text=text, time_ns=time_ns, bars=int(bars))


def warn(rule: str, text: str, time_ns: int | None = None, bars: int = 0) -> Finding:
    """A finding that is worth knowing."""
    return Finding(level=Level.WARN, rule=rule, text=text, time_ns=time_ns, bars=int(bars))
