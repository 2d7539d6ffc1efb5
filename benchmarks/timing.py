"""How a figure is taken: CPU time of this thread, a run to warm up, then the median of several."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds of CPU time, and the spread between the fastest and the slowest run."""

    median: float
    fastest: float
    slowest: float


def timed(work: Callable[[], object], *, runs: int = 7) -> Timing:
    """Time `work`, called once more than `runs` times; the first call does not count."""
    taken = []
    for _ in range(runs + 1):
        begun = time.thread_time()
        work()
        taken.append(time.thread_time() - begun)
    counted = taken[1:]
    return Timing(median=statistics.median(counted), fastest=min(counted), slowest=max(counted))


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the table: what was timed, in its unit, beside the bar it is held to."""

    work: str
    engine: str
    unit: str
    value: float
    fastest: float
    slowest: float
    bar: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the bar is met; empty where there is none."""
        return "" if self.bar is None else ("met" if self.value <= self.bar else "MISSED")


def table(lines: list[Line]) -> str:
    """The lines as a Markdown table."""
    rows = ["| work | engine | median | fastest..slowest | unit | bar | |", "|---|---|---:|---:|---|---:|---|"]
    for line in lines:
        bar = "" if line.bar is None else f"{line.bar:g}"
        spread = f"{line.fastest:.3g}..{line.slowest:.3g}"
        note = " ".join(part for part in (line.verdict, line.note) if part)
        rows.append(f"| {line.work} | {line.engine} | {line.value:.3g} | {spread} | {line.unit} | {bar} | {note} |")
    return "\n".join(rows)
