"""What the runs of a validation share: settings of the run, combinations of parameters, who does the work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from backtest.config import RunConfig
from backtest.errors import UsageError
from backtest.strategy.parameters import Value, resolved
from backtest.strategy.protocol import Strategy, overridden
from backtest.sweeps.executors import Executor
from backtest.sweeps.space import Space
from backtest.sweeps.sweep import executor_of

CONFIG_NAMES = tuple(each.name for each in fields(RunConfig))

Found = TypeVar("Found")


def settings_of(config: RunConfig | None, options: dict[str, Any]) -> tuple[RunConfig, dict[str, Any]]:
    """The settings of the runs, and the options that are parameters of the strategy.

    >>> settings_of(None, {"cash": 500.0, "lookback": 72})[1]
    {'lookback': 72}
    """
    settings = {name: value for name, value in options.items() if name in CONFIG_NAMES}
    rest = {name: value for name, value in options.items() if name not in CONFIG_NAMES}
    return replace(config or RunConfig(), **settings), rest


def workers(jobs: int | None) -> int:
    """`jobs`, or as many as there are processors that this process may use."""
    if jobs is not None:
        return jobs
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def executor_for(strategy: type[Strategy], jobs: int | None, cluster: str | None) -> Executor:
    """Threads for a strategy with a plan, processes for any other, as in a sweep."""
    return executor_of(planned=bool(overridden(strategy, ["plan"])), jobs=workers(jobs), cluster=cluster)


def told(
    work: Iterator[Found], count: int, progress: Callable[[float], None] | None, first: float, last: float
) -> Iterator[Found]:
    """The work as it is finished, each piece told to `progress` as a share between `first` and `last`."""
    for done, each in enumerate(work, start=1):
        if progress is not None:
            progress(first + (last - first) * done / count)
        yield each


def combinations(
    strategy: type[Strategy], grid: Mapping[str, Any], fixed: Mapping[str, Value]
) -> tuple[tuple[dict[str, Value], ...], tuple[str, ...]]:
    """Every combination of the grid's values with all other parameters beside them, and the names of those that vary.

    A parameter's values are a list, or a text as a sweep takes it: `2,5,10` or `50:200:50` (`backtest.sweeps.space`).
    """
    for name in grid:
        if name in fixed:
            raise UsageError(f"{name} is to take several values and is given one as well; name each parameter once")
    if not any(map(_several, grid.values())):
        single = {name: values if isinstance(values, str) else next(iter(values)) for name, values in grid.items()}
        return (resolved(strategy, {**fixed, **single}),), tuple(grid)
    space = Space.of(strategy, {**fixed, **grid})
    return tuple({**space.fixed, **each} for each in space.grid()), tuple(space.dimensions)


def _several(values: Any) -> bool:
    if isinstance(values, str):
        return any(sign in values for sign in (",", ":", "..")) or values.strip() == "bounds"
    if not len(values):
        raise UsageError("a parameter that is to take several values is given none")
    return len(values) > 1
