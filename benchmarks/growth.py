"""What a run costs beside its bars: set-up timed apart, and how the run call grows with bars and symbols.

The cross is looked at on the hour, so that decisions are the same on bars of 1, 2 and 10 minutes of the same path; all
with funding every eight hours, and a position open from the first decision to the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from backtest.broker.extremes import Extremes
from backtest.market.history import CLOSE, MarketHistory
from benchmarks import plans, works
from benchmarks.dataset import Dataset, load
from benchmarks.generator import resampled
from benchmarks.history import history
from benchmarks.own import market
from benchmarks.table import Figure, figure

RUNS = 25


def coarser(data: Dataset, bars: int) -> Dataset:
    """The same path in bars that are `bars` times as long."""
    columns = resampled(np.stack([data.open, data.high, data.low, data.close, data.volume], axis=1), bars)
    names = ("open", "high", "low", "close", "volume")
    parts = dict(zip(names, np.ascontiguousarray(columns.transpose(1, 0, 2)), strict=True))
    return Dataset(symbols=data.symbols, bar_ns=data.bar_ns * bars, **parts)


def seconds(call: Callable[[], object], runs: int = 5) -> list[float]:
    """CPU seconds of a call, the first not counted."""
    taken = []
    for _ in range(runs + 1):
        begun = time.process_time()
        call()
        taken.append(time.process_time() - begun)
    return taken[1:]


def run_calls(worlds: dict[int, MarketHistory], *, resized: bool = False) -> dict[int, list[float]]:
    """CPU seconds of the run call on each history, taken in turn, so that what else the machine does falls on all; of
    three calls in a row the last counts, so that each is warm.
    """
    minutes = worlds[1].prices[0, CLOSE]
    schedules = {key: plans.hourly(minutes, world.interval_ns, resized=resized) for key, world in worlds.items()}
    taken: dict[int, list[float]] = {key: [] for key in worlds}
    equities = {}
    for _ in range(RUNS):
        for key, world in worlds.items():
            for _ in range(3):
                simulation = plans.ready(world, schedules[key])
                begun = time.process_time()
                simulation.advance()
                last = time.process_time() - begun
            taken[key].append(last)
            equities[key] = plans.equity(simulation, world)
    first = equities[min(equities)]
    for key, equity in equities.items():
        if abs(equity / first - 1) > 1e-9:
            raise AssertionError(f"bars of {key} minutes end at {equity:.2f}, those of 1 minute at {first:.2f}")
    return taken


def apart() -> list[Figure]:
    """What stands before the run call of W1."""
    world = market("W1", 0, True)
    closes = world.prices[0, CLOSE]
    plan = plans.crossing(world, works.ALONE)
    pieces: tuple[tuple[str, Callable[[], object]], ...] = (
        ("W1 apart: signals", lambda: works.sides(closes)),
        ("W1 apart: schedule from the signals", lambda: plans.crossing(world, works.ALONE)),
        ("W1 apart: block index, once a history", lambda: Extremes(world.prices)),
        ("W1 apart: a simulation made, its history known", lambda: plans.ready(world, plan)),
    )
    return [figure(name, "ms", [each * 1e3 for each in seconds(call)]) for name, call in pieces]


def lines() -> list[Figure]:
    """Bars 1 (the run with decisions hourly) and 2, and set-up."""
    data = load("W1")
    worlds = {1: market("W1", 0, True)} | {
        minutes: history(coarser(data, minutes), funding=True) for minutes in (2, 10)
    }
    taken = run_calls(worlds)
    unit = 1e9 / works.YEAR_MINUTES
    flips, orders = (len(plans.hourly(data.close[0], works.MINUTE_NS, resized=each)) for each in (False, True))
    always = run_calls({1: worlds[1]}, resized=True)[1]
    found = [
        figure(
            "a year of 1m bars, decisions hourly, always in a position",
            "ns/bar",
            [each * unit for each in taken[1]],
            bar=1.0,
            note=f"{flips} flips, 1,095 funding settlements",
        ),
        figure(
            "the same, its exposure restored every hour",
            "ns/bar",
            [each * unit for each in always],
            note=f"{orders:,} orders",
        ),
    ]
    for minutes, bar in ((2, 1.2), (10, 2.5)):
        ratios = [ours / other for ours, other in zip(taken[1], taken[minutes], strict=True)]
        found.append(
            figure(f"1m bars against {minutes}m bars of the same path, same decisions", "times", ratios, bar=bar)
        )
    return [*found, *apart()]
