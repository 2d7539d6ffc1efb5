"""isomargin on the four works, timed as the peers are; `--engine indicator` is W4 with its volatility made in `init`.

W1 to W3 are schedules: the run call is the kernel's. W4 is a Python strategy: the run call is the driver's, its
making included.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

import numpy as np

from backtest.engine import Driver
from backtest.enums import LedgerKind, OrderStatus
from backtest.market.history import MarketHistory
from backtest.strategy.schedule import Schedule
from benchmarks import plans, works
from benchmarks.dataset import load
from benchmarks.decisions import Resizing, Weighted
from benchmarks.history import history
from benchmarks.measure import Run, Stopwatch, measure, named


@cache
def market(work: str, bars: int, funding: bool) -> MarketHistory:
    """The market of a work; the same object for all runs, so that what is made once for a history is."""
    return history(load(work, bars), funding=funding)


@cache
def schedule(work: str, bars: int, funding: bool, setting: tuple[int, int]) -> Schedule:
    """The cross on the market of a work: worked out before the runs that are timed."""
    world = market(work, bars, funding)
    return plans.crossing(world, works.ALONE if len(world.symbols) == 1 else works.SHARED, *setting)


def planned(work: str, bars: int, *, funding: bool = False) -> Run:
    """W1 to W3."""
    world = market(work, bars, funding)
    cpu, wall, fills, equities = 0.0, 0.0, 0, []
    for setting in works.SETTINGS if work == "W3" else ((works.FAST, works.SLOW),):
        simulation = plans.ready(world, schedule(work, bars, funding, setting))
        watch = Stopwatch()
        simulation.advance()
        cpu, wall = cpu + watch.cpu, wall + watch.wall
        fills += int((simulation.ledger["kind"] == LedgerKind.OPEN).sum())
        equities.append(plans.equity(simulation, world))
    return Run(cpu_s=cpu, wall_s=wall, fills=fills, equity=float(np.mean(equities)))


def decided(bars: int, *, indicator: bool) -> Run:
    """W4, with all that making the strategy and its views costs."""
    world = market("W4", bars, False)
    watch = Stopwatch()
    driver = Driver(Weighted if indicator else Resizing, {}, world, plans.CONFIG)
    driver.run(None)
    cpu, wall = watch.cpu, watch.wall
    result = driver.result()
    fills = int((result.records.orders["status"] == OrderStatus.FILLED).sum())
    return Run(cpu_s=cpu, wall_s=wall, fills=fills, equity=float(result.equity["equity"].iloc[-1]))


if __name__ == "__main__":
    asked = named()
    measure(
        f"isomargin {asked.engine}".strip(),
        asked,
        (lambda _, bars: decided(bars, indicator=asked.engine == "indicator"))
        if asked.work == "W4"
        else (lambda work, bars: planned(work, bars, funding=asked.engine == "funding")),
        version=version("isomargin"),
    )
