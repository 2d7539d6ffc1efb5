"""One parameter set on the history: its figures, or why it could not be run."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from backtest.config import RunConfig
from backtest.engine import Driver
from backtest.errors import BacktestError
from backtest.market.history import MarketHistory
from backtest.strategy.parameters import Value, resolved
from backtest.strategy.protocol import Strategy
from backtest.sweeps import metrics
from backtest.sweeps.marks import Marks

TRIAL, ERROR = "trial", "error"

Chunk = Sequence[tuple[int, Mapping[str, Value]]]
"""Numbers of trials with the parameters that vary."""
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """What all trials of a sweep share. `history` is as `config` asks for it."""

    strategy: type[Strategy]
    history: MarketHistory
    config: RunConfig
    fixed: Mapping[str, Value]


_MARKS: WeakKeyDictionary[MarketHistory, Marks] = WeakKeyDictionary()
_MAKING = threading.Lock()


def marks_of(history: MarketHistory) -> Marks:
    """The marks that all trials on a history share."""
    with _MAKING:
        if history not in _MARKS:
            _MARKS[history] = Marks.of(history)
        return _MARKS[history]


def do(work: Work, chunk: Chunk) -> list[Row]:
    """The rows of a chunk of trials."""
    marks = marks_of(work.history)
    return [_row(work, marks, number, values) for number, values in chunk]


def _row(work: Work, marks: Marks, number: int, values: Mapping[str, Value]) -> Row:
    error = ""
    try:
        driver = Driver(work.strategy, resolved(work.strategy, {**work.fixed, **values}), work.history, work.config)
        driver.run(None)
        if driver.interrupted:
            raise KeyboardInterrupt
        figures = metrics.measure(driver.simulation, marks, work.config.deposit)
    except BacktestError as raised:
        figures, error = metrics.nothing(), f"{type(raised).__name__}: {raised}"
    return {TRIAL: number, **values, **figures, ERROR: error}
