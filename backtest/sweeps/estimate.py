"""The memory that a sweep, or many paths, will need, said before it begins."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backtest.errors import UsageError
from backtest.market.history import MarketHistory
from backtest.strategy.columns import KEPT_BYTES
from backtest.strategy.revealed import SEEN

PROCESS_BYTES = 220_000_000
"""A worker process before it has read anything: the interpreter and its libraries."""
RUN_BYTES = 30_000_000
"""The tables of one run: ledger, orders, notices."""
ROW_BYTES = 800
"""One trial's row while the sweep goes on, and again in the table at the end."""
PATH_ROW_BYTES = 4_000
"""The outcome of one path, with its thinned curve."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Bytes of memory: of the history with its index, of what the workers add, and what the machine has left."""

    history: int
    workers: int
    rows: int
    available: int | None
    work: str = "sweep"

    @property
    def total(self) -> int:
        """What is needed beyond the history, which is there already."""
        return self.workers + self.rows

    def checked(self) -> Estimate:
        """Itself; raises `UsageError` where the machine has not so much."""
        if self.available is not None and self.total > self.available:
            raise UsageError(
                f"this {self.work} needs about {gigabytes(self.total)} of memory and {gigabytes(self.available)} are "
                "free; use fewer jobs, fewer symbols or a shorter range"
            )
        return self

    def __str__(self) -> str:
        free = "" if self.available is None else f" of {gigabytes(self.available)} free"
        return f"memory: about {gigabytes(self.total)}{free}, beside {gigabytes(self.history)} of history"


def estimate(history: MarketHistory, *, planned: bool, jobs: int, trials: int) -> Estimate:
    """What a sweep of so many trials needs. Strategies that plan run in one process, others in `jobs` of them."""
    block = history.prices.nbytes
    decisions = history.length * history.interval_ns // history.timeframe_ns
    columns = len(history.symbols) * len(SEEN) * decisions * 8
    index = block + block // 2
    """Marks and the kernel's index, made once a process."""
    if planned:
        workers = index + 2 * columns + KEPT_BYTES + jobs * RUN_BYTES
    elif jobs == 1:
        workers = index + 4 * columns + KEPT_BYTES + RUN_BYTES
    else:
        workers = block + jobs * (PROCESS_BYTES + index + 4 * columns + RUN_BYTES)
    return Estimate(history=block, workers=workers, rows=3 * trials * ROW_BYTES, available=available())


def estimate_paths(history: MarketHistory, *, planned: bool, jobs: int, paths: int, settings: int) -> Estimate:
    """What so many paths of a history need, in so many settings each. Every worker makes a path of its own, as long as
    the history.
    """
    block = history.prices.nbytes
    decisions = history.length * history.interval_ns // history.timeframe_ns
    path = 2 * block + block // 2 + 4 * len(history.symbols) * len(SEEN) * decisions * 8 + RUN_BYTES
    """The path, marks and the kernel's index, columns and indicators, the tables of one run."""
    shared = 0 if planned or jobs == 1 else block + jobs * PROCESS_BYTES
    return Estimate(
        history=block,
        workers=shared + jobs * path,
        rows=2 * paths * settings * PATH_ROW_BYTES,
        available=available(),
        work="number of paths",
    )


def available() -> int | None:
    """Bytes of memory that are free for use: of the machine, or of the group that this process is confined to; None
    where the system does not say.
    """
    found = []
    for line in _lines(Path("/proc/meminfo")):
        if line.startswith("MemAvailable:"):
            found.append(int(line.split()[1]) * 1024)
    group = Path("/sys/fs/cgroup")
    limit, used = _lines(group / "memory.max"), _lines(group / "memory.current")
    if limit and used and limit[0].isdigit():
        found.append(max(0, int(limit[0]) - int(used[0])))
    return min(found, default=None)


def gigabytes(size: int) -> str:
    """A size in words.

    >>> gigabytes(350_000_000)
    '0.35 GB'
    """
    return f"{size / 1e9:.2f} GB" if size < 9.995e9 else f"{size / 1e9:,.0f} GB"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
