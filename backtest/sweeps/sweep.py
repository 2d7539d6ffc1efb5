"""Many parameter sets over one history.

    found = bt.sweep(Cross, history, grid={"fast": range(10, 51, 10), "leverage": [2, 5, 10]}, jobs=2)
    found.frame; found.best("calmar", where="liquidations == 0"); found.deflated_sharpe

The history lies in memory once. Strategies with a `plan` run in threads, since the kernel needs no interpreter; others
run in processes that read the history from one mapped file; with `cluster` the same chunks run on Ray. The rows are the
same wherever they were worked out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, fields, replace
from enum import Enum
from pathlib import Path
from typing import Any

import pandas as pd

from backtest import compiling, engine
from backtest.config import RunConfig
from backtest.errors import BacktestError, UsageError, near
from backtest.market.history import MarketHistory
from backtest.strategy.columns import KEPT_BYTES
from backtest.strategy.parameters import Value
from backtest.strategy.protocol import Strategy, overridden
from backtest.sweeps.constraint import Constraint, constraints
from backtest.sweeps.estimate import estimate
from backtest.sweeps.executors import Executor, Processes, Serial, Threads
from backtest.sweeps.metrics import NAMES
from backtest.sweeps.result import Goal, SweepResult
from backtest.sweeps.search import Search, told
from backtest.sweeps.space import Space
from backtest.sweeps.storage import SweepFolder
from backtest.sweeps.trial import ERROR, TRIAL, Row, Work, do

DRAWS = 100
"""Sets drawn or searched for where no number is given."""
PLANNED_CHUNK, DECIDED_CHUNK = 64, 8
"""Most trials of a chunk."""
CONFIG_NAMES = tuple(each.name for each in fields(RunConfig))

Sets = Sequence[tuple[int, Mapping[str, Value]]]


class Method(Enum):
    """How the sets are found: all of them, a seeded draw, or guided by what was found so far."""

    GRID = "grid"
    RANDOM = "random"
    TPE = "tpe"


def sweep(
    strategy: type[Strategy] | str,
    history: MarketHistory,
    *,
    grid: Mapping[str, Any] | None = None,
    method: Method | str = Method.GRID,
    n: int | None = None,
    jobs: int | None = None,
    seed: int = 0,
    maximize: str | None = None,
    minimize: str | None = None,
    constraint: str | Sequence[str] = (),
    config: RunConfig | None = None,
    out: Path | str | None = None,
    cluster: str | None = None,
    progress: Callable[[float], None] | None = None,
    said: Callable[[str], None] | None = None,
    asked: Mapping[str, Any] | None = None,
    **options: Any,
) -> SweepResult:
    """Run a strategy with many parameter sets.

    grid: by parameter several values, one value, or a text (`"10:50:10"`, `"2,5,10"`, `"0.5..3"`, `"bounds"`); without
    any that varies, all parameters that declare bounds (for draws). n: how many sets are drawn (method random or tpe).
    jobs: threads or processes, without it one for each core. maximize, minimize: the metric that a search follows and
    that `best()` takes, the Sharpe ratio unless given; constraint: what a set must fulfil in a search.
    out: a folder in which the sweep gets its own; started again with the same inputs it does only what is not there.
    cluster: the address of a Ray cluster, or "local". progress: called with the share done; said: with remarks.
    options: settings of the run by the names of `RunConfig`, and single values of parameters.

    Raises UsageError for a bad request; a set that cannot be run has its reason in the column `error`.
    """
    begun = time.monotonic()
    kind = engine.class_of(strategy)
    settings = {name: options.pop(name) for name in CONFIG_NAMES if name in options}
    config = replace(config or RunConfig(), **settings)
    space = Space.of(kind, {**(grid or {}), **options})
    objective = _objective(maximize, minimize)
    plan = _Plan(
        method=method if isinstance(method, Method) else _method(method),
        space=space,
        number=n if n is not None else DRAWS,
        seed=seed,
        objective=objective,
        constraints=_checked(constraints(constraint), space),
    )
    history, config = engine.configured(history, config), engine.funded(history, config)
    work = Work(strategy=kind, history=history, config=config, fixed=space.fixed)
    folder = None
    if out is not None:
        folder = SweepFolder.of(Path(out), _identity(work, plan), dict(asked or {}))
    planned = bool(overridden(kind, ["plan"]))
    workers = jobs if jobs is not None else len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    needed = estimate(work.history, planned=planned, jobs=workers, trials=plan.size)
    if said is not None:
        said(f"{plan.size:,} trials; {needed}")
    needed.checked()
    trials = _Trials(
        work=work,
        executor=executor_of(planned=planned, jobs=workers, cluster=cluster),
        workers=workers,
        most=PLANNED_CHUNK if planned else DECIDED_CHUNK,
        side=_side(work.history, len(space.dimensions)),
        folder=folder,
        total=plan.size,
        progress=progress,
    )
    rows = plan.carried_out(trials)
    frame = pd.DataFrame([rows[number] for number in sorted(rows)], columns=_columns(space))
    errors = frame[ERROR]
    if len(frame) and (errors != "").all():
        raise BacktestError(f"no trial could be run; the first says: {errors.iloc[0]}")
    if folder is not None:
        folder.finish(frame)
    return SweepResult(
        frame=frame,
        strategy=kind.__name__,
        varied=tuple(space.dimensions),
        fixed=space.fixed,
        stepped=plan.method is Method.GRID,
        objective=objective,
        notes=work.history.notes,
        seconds=time.monotonic() - begun,
        resumed=trials.resumed,
        folder=None if folder is None else folder.path,
    )


def executor_of(*, planned: bool, jobs: int, cluster: str | None = None) -> Executor:
    """Where the chunks are best done: on a cluster, here, in threads (strategies that plan), or in processes."""
    if cluster is not None:
        from backtest.sweeps.cluster import Cluster  # its library is large, and an extra

        return Cluster(cluster)
    if jobs == 1:
        return Serial()
    return Threads(jobs) if planned else Processes(jobs)


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """Which sets, in which order."""

    method: Method
    space: Space
    number: int
    seed: int
    objective: tuple[str, Goal]
    constraints: tuple[Constraint, ...]

    def __post_init__(self) -> None:
        if self.number < 1:
            raise UsageError(f"{self.number} sets are none; give -n 1 or more")

    @property
    def size(self) -> int:
        """Number of trials."""
        return int(self.space.size) if self.method is Method.GRID else int(min(self.number, self._distinct))

    @property
    def _distinct(self) -> float:
        return self.space.size if self.method is Method.RANDOM else self.number

    def carried_out(self, trials: _Trials) -> dict[int, Row]:
        """The rows by trial."""
        if self.method is Method.TPE:
            return self._searched(trials)
        space = self.space
        sets = space.grid() if self.method is Method.GRID else space.draws(self.number, self.seed)
        return trials.done(list(enumerate(sets)))

    def _searched(self, trials: _Trials) -> dict[int, Row]:
        metric, goal = self.objective
        search = Search(self.space, goal, self.seed)
        rows: dict[int, Row] = {}
        for sets in search.rounds(self.number):
            numbered = [(len(rows) + place, each) for place, each in enumerate(sets)]
            found = trials.done(numbered)
            frame = pd.DataFrame([found[number] for number, _ in numbered])
            good = frame[ERROR].to_numpy() == ""
            for each in self.constraints:
                good &= each.holds(frame)
            search.tell([told(found[number], metric, bool(good[k])) for k, (number, _) in enumerate(numbered)])
            rows |= found
        return rows


@dataclass(kw_only=True)
class _Trials:
    """Does trials that are not there yet, keeps their rows, and says how far it is."""

    work: Work
    executor: Executor
    workers: int
    most: int
    side: int
    folder: SweepFolder | None
    total: int
    progress: Callable[[float], None] | None
    resumed: int = 0
    finished: int = 0
    known: dict[int, Row] | None = None

    def done(self, sets: Sets) -> dict[int, Row]:
        """The rows of these sets by trial."""
        rows = self._there(sets)
        self.resumed += len(rows)
        missing = in_tiles([each for each in sets if each[0] not in rows], self.side)
        size = max(1, min(self.most, -(-len(missing) // (8 * self.workers))))
        chunks = [missing[first : first + size] for first in range(0, len(missing), size)]
        self._tell(len(rows))
        with closing(self.executor.run(do, self.work, chunks)) as work:
            for _, made in work:
                if self.folder is not None:
                    self.folder.keep(made)
                rows |= {row[TRIAL]: row for row in made}
                self._tell(len(made))
        return rows

    def _there(self, sets: Sets) -> dict[int, Row]:
        if self.folder is None:
            return {}
        if self.known is None:
            self.known = {row[TRIAL]: row for row in self.folder.rows()}
        return {
            number: self.known[number]
            for number, values in sets
            if number in self.known and all(self.known[number].get(name) == value for name, value in values.items())
        }

    def _tell(self, more: int) -> None:
        self.finished += more
        if self.progress is not None:
            self.progress(self.finished / self.total)


def in_tiles(sets: Sets, side: int) -> list[tuple[int, Mapping[str, Value]]]:
    """The sets in an order in which those near each other come together: tile by tile of the grid, so that the
    indicators of a tile, which its sets share, are not dropped before they have been used.

    >>> grid = [{"x": x, "y": y} for x in range(2) for y in range(4)]
    >>> [number for number, _ in in_tiles(list(enumerate(grid)), 2)]
    [0, 1, 4, 5, 2, 3, 6, 7]
    """
    places: dict[str, dict[Value, int]] = {}
    for _, values in sets:
        for name, value in values.items():
            known = places.setdefault(name, {})
            known.setdefault(value, len(known))

    def tile(each: tuple[int, Mapping[str, Value]]) -> tuple[int, ...]:
        return tuple(places[name][value] // side for name, value in each[1].items())

    return sorted(sets, key=tile)


def _side(history: MarketHistory, dimensions: int) -> int:
    """Values of each parameter in a tile, so that an indicator for each of them can be kept."""
    decisions = history.length * history.interval_ns // history.timeframe_ns
    return max(2, KEPT_BYTES // (2 * dimensions * max(1, decisions * len(history.symbols) * 8)))


def _objective(maximize: str | None, minimize: str | None) -> tuple[str, Goal]:
    if maximize is not None and minimize is not None:
        raise UsageError("a sweep follows one metric: give maximize or minimize, not both")
    metric, goal = (minimize, Goal.MIN) if minimize is not None else (maximize or "sharpe", Goal.MAX)
    if metric not in NAMES:
        raise UsageError(f"a sweep has no metric '{metric}'; {near(metric, NAMES)}it has {', '.join(NAMES)}")
    return metric, goal


def _checked(given: tuple[Constraint, ...], space: Space) -> tuple[Constraint, ...]:
    numeric = [name for name, values in space.described().items() if not any(isinstance(v, str) for v in values[1:])]
    return tuple(each.checked((*numeric, *NAMES)) for each in given)


def _method(name: str) -> Method:
    known = [each.value for each in Method]
    if name not in known:
        raise UsageError(f"there is no method '{name}'; {near(name, known)}known are {', '.join(known)}")
    return Method(name)


def _columns(space: Space) -> list[str]:
    return [TRIAL, *space.dimensions, *NAMES, ERROR]


def _identity(work: Work, plan: _Plan) -> dict[str, Any]:
    """All that can change a row."""
    from backtest.runs import versions  # what it writes with is needed only where something is written

    guided = [*plan.objective[:1], plan.objective[1].value, *map(str, plan.constraints)]
    return {
        "strategy": work.strategy.__name__,
        "source": engine.facts(work.strategy, {}).digest,
        "space": plan.space.described(),
        "fixed": dict(plan.space.fixed),
        "method": plan.method.value,
        "draws": None if plan.method is Method.GRID else [plan.number, plan.seed],
        "objective": guided if plan.method is Method.TPE else None,
        "config": dict(work.config.to_mapping()),
        "history": work.history.fingerprint,
        "kernels": compiling.DIGEST,
        "versions": versions(),
    }
