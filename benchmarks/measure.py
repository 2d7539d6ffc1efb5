"""How a peer is timed: in a process of its own, a run to warm up, then several; one JSON line says what was found.

    python -m benchmarks.peers.bt_ W1 --runs 3 --bars 100000

The run call is timed by itself: signals and set-up are not in it. CPU time of the process on one thread, for the
machine may be shared; wall time beside it.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.works import SETTINGS, SYMBOLS, YEAR_HOURS, YEAR_MINUTES


class Stopwatch:
    """CPU and wall seconds since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    @property
    def wall(self) -> float:
        """Wall seconds."""
        return time.perf_counter() - self._wall

    @property
    def cpu(self) -> float:
        """CPU seconds of the process."""
        return time.process_time() - self._cpu


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run: seconds of the run call, and what was traded. W3's equity is the mean over its settings."""

    cpu_s: float
    wall_s: float
    fills: int
    equity: float


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a script is asked for; `bars` 0 is all of them, `engine` one of those that a peer has."""

    work: str
    runs: int
    bars: int
    engine: str


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A work done by an engine. `units` are bars × symbols × settings; `spread` the fastest and slowest run."""

    engine: str
    version: str
    work: str
    bars: int
    units: int
    cpu_s: float
    spread_s: tuple[float, float]
    wall_s: float
    fills: int
    equity: float
    memory_mb: float
    settings: int = len(SETTINGS)

    @property
    def ns(self) -> float:
        """CPU nanoseconds of the run call a bar, symbol and setting."""
        return self.cpu_s * 1e9 / self.units


def peak_mb() -> float:
    """Most memory of this process so far: the kernel's high-water mark, which unlike `ru_maxrss` is not inherited."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(float(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def named() -> Asked:
    """The command line of a peer's script."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=("W1", "W2", "W3", "W4"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--bars", type=int, default=0)
    parser.add_argument("--engine", default="")
    given = parser.parse_args()
    return Asked(work=given.work, runs=given.runs, bars=given.bars, engine=given.engine)


def measure(
    engine: str,
    asked: Asked,
    once: Callable[[str, int], Run],
    *,
    version: str = "",
    settings: int = len(SETTINGS),
) -> None:
    """Run a work once to warm up and `runs` times; print the JSON line."""
    counted = [once(asked.work, asked.bars) for _ in range(asked.runs + 1)][1:]
    cpu = sorted(run.cpu_s for run in counted)
    bars = asked.bars or (YEAR_HOURS if asked.work == "W4" else YEAR_MINUTES)
    symbols = len(SYMBOLS) if asked.work in ("W2", "W4") else 1
    measured = Measured(
        engine=engine,
        version=version,
        work=asked.work,
        bars=bars,
        units=bars * symbols * (settings if asked.work == "W3" else 1),
        cpu_s=statistics.median(cpu),
        spread_s=(cpu[0], cpu[-1]),
        wall_s=statistics.median(run.wall_s for run in counted),
        fills=counted[-1].fills,
        equity=counted[-1].equity,
        memory_mb=peak_mb(),
        settings=settings,
    )
    print(json.dumps(asdict(measured)))
    sys.stdout.flush()
