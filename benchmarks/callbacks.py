"""W4's bars: what the engine costs above the strategy's own code, which is timed beside it in turn."""

from __future__ import annotations

import time

import backtest as bt
from backtest.engine import Driver
from benchmarks import plans, works
from benchmarks.dataset import load
from benchmarks.decisions import Resizing, Weighted
from benchmarks.minimal import resize
from benchmarks.own import market
from benchmarks.table import Figure, figure

TURNS, HOURS = 40, 2_190
"""Many short turns over a quarter of a year: what else the machine does then falls on both alike."""
UNIT = 1e6 / (len(works.SYMBOLS) * HOURS)


class Idle(bt.Strategy):
    """Decides nothing: the crossing into Python alone."""

    def next(self) -> None:
        """Do nothing."""


def _run(strategy: type[bt.Strategy]) -> float:
    begun = time.process_time()
    Driver(strategy, {}, market("W4", HOURS, False), plans.CONFIG).run(None)
    return (time.process_time() - begun) * UNIT


def _minimal(opens: object, closes: object) -> float:
    begun = time.process_time()
    resize(opens, closes)
    return (time.process_time() - begun) * UNIT


def lines() -> list[Figure]:
    """Bar 4."""
    data = load("W4", HOURS)
    turns = [(_minimal(data.open, data.close), _run(Resizing), _run(Weighted), _run(Idle)) for _ in range(TURNS + 1)][
        1:
    ]
    bare, whole, weighted, idle = zip(*turns, strict=True)
    above = [ours - theirs for ours, theirs in zip(whole, bare, strict=True)]
    unit = "µs/symbol-decision"
    return [
        figure("W4: the engine's cost above the user's own code", unit, above, bar=2.0, note="median of differences"),
        figure("W4: next() in all", unit, whole),
        figure("W4: the minimal loop", unit, bare),
        figure("W4: volatility as an indicator in init(), in all", unit, weighted, bar=3.0),
        figure("W4: a next() that does nothing", unit, idle),
    ]
