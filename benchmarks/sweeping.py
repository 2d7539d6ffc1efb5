"""W3 as a user would run it: `bt.sweep` over a strategy with a plan; both cores, and the memory of 10,000 settings.

python -m benchmarks.sweeping memory        # what the parent process asks of a fresh one: a JSON line
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd

import backtest as bt
from benchmarks import works
from benchmarks.environments import ROOT, alone
from benchmarks.measure import peak_mb
from benchmarks.own import market
from benchmarks.table import Figure, figure

FASTS, SLOWS = (tuple(sorted({each[place] for each in works.SETTINGS})) for place in (0, 1))
TURNS = 3


def moving_average(close: pd.Series, bars: int) -> np.ndarray:
    """Mean of the last closes."""
    return works.mean(close.to_numpy(), bars)


class Crossing(bt.Strategy):
    """The cross of the works, planned."""

    fast = bt.Param(works.FAST, low=1, high=10_000)
    slow = bt.Param(works.SLOW, low=2, high=20_000)

    def init(self) -> None:
        """Compute both means; runs with the same one share it."""
        self.quick = self.indicator(moving_average, "close", bars=self.fast)
        self.calm = self.indicator(moving_average, "close", bars=self.slow)

    def plan(self) -> bt.Schedule:
        """A row only where the side changes."""
        symbol = self.symbols[0]
        quick, calm = self.quick.whole(symbol), self.calm.whole(symbol)
        side = (quick > calm).astype(np.int8) - (quick < calm)
        at = works.flips(side)
        return self.targets(symbol, at, exposure=works.ALONE * side[at], leverage=works.LEVERAGE)


def swept(fasts: object, slows: object, jobs: int) -> tuple[float, float]:
    """Wall and CPU seconds of a sweep."""
    wall, cpu = time.perf_counter(), time.process_time()
    bt.sweep(Crossing, market("W1", 0, True), grid={"fast": fasts, "slow": slows}, jobs=jobs, cash=works.CASH)
    return time.perf_counter() - wall, time.process_time() - cpu


def memory() -> dict[str, float]:
    """Memory that 10,000 settings need beyond the history and a sweep of one."""
    swept([30, 60], [1440], 2)
    before = peak_mb()
    wall, cpu = swept(range(20, 120), range(1000, 2000, 10), 2)
    return {"mb": peak_mb() - before, "wall_s": wall, "cpu_s": cpu}


def half() -> dict[str, float]:
    """A hundred settings in one thread, begun when the parent says so."""
    swept([30, 60], [1440], 1)
    print("ready", flush=True)
    sys.stdin.readline()
    wall, cpu = swept(FASTS, SLOWS, 1)
    return {"wall_s": wall, "cpu_s": cpu}


def _processes(count: int) -> float:
    """Wall seconds in which `count` processes of their own do a hundred settings each."""
    command = [sys.executable, "-m", "benchmarks.sweeping", "half"]
    started = [
        subprocess.Popen(command, cwd=ROOT, env=alone(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    for each in started:
        each.stdout.readline()
    begun = time.perf_counter()
    for each in started:
        each.stdin.write("\n")
        each.stdin.flush()
    for each in started:
        each.stdout.readline()
    taken = time.perf_counter() - begun
    for each in started:
        each.stdin.close()
        each.wait()
        each.stdout.close()
    return taken


def lines() -> list[Figure]:
    """Bar 3: CPU of a setting, both cores, memory."""
    swept([30, 60], [1440], 1)
    swept(FASTS, SLOWS, 1)
    once, twice, cpu, processes = [], [], [], []
    for _ in range(TURNS):
        wall, used = swept(FASTS, SLOWS, 1)
        once.append(wall)
        cpu.append(used / len(works.SETTINGS) * 1e3)
        twice.append(swept(FASTS, SLOWS, 2)[0])
        processes.append(2 * _processes(1) / _processes(2))
    threads = [one / two for one, two in zip(once, twice, strict=True)]
    reached = [ours / theirs for ours, theirs in zip(threads, processes, strict=True)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sweeping", "memory"],
        cwd=ROOT,
        env=alone(),
        capture_output=True,
        text=True,
        check=True,
    )
    large = json.loads(done.stdout.strip().splitlines()[-1])
    both = figure("W3 by bt.sweep: two threads against one", "times", threads)
    held = figure("W3 by bt.sweep: of what two processes of their own reach", "share", reached)
    met = both.value >= 1.8 or held.value >= 0.9
    return [
        figure("W3 by bt.sweep: CPU a setting, signals and metrics included", "ms", cpu),
        _least(both, 1.8, f"met by either this or the next line: {'yes' if met else 'no'}"),
        _least(held, 0.9, f"two processes against one: {number_of(processes):.2f} times"),
        Figure(
            name="10,000 settings by bt.sweep: memory beyond the history",
            unit="MB",
            value=large["mb"],
            bar=1024.0,
            note=f"{large['wall_s']:.0f} s wall, {large['cpu_s']:.0f} s CPU on two threads",
        ),
    ]


def number_of(values: list[float]) -> float:
    """The median."""
    return float(np.median(values))


def _least(found: Figure, bar: float, note: str) -> Figure:
    return Figure(
        name=found.name,
        unit=found.unit,
        value=found.value,
        fastest=found.fastest,
        slowest=found.slowest,
        bar=bar,
        least=True,
        note=note,
    )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    print(json.dumps({"memory": memory, "half": half}[sys.argv[1]]()))
