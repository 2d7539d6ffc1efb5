"""A plan run without entering Python, on a year of 1-minute bars: ours with full margin rules, vectorbt without any."""

from __future__ import annotations

import time

import numpy as np

from backtest.config import RunConfig
from backtest.engine import simulate
from backtest.market.history import CLOSE, OPEN, MarketHistory
from backtest.strategy.schedule import Schedule
from benchmarks.timing import Line, Timing, timed
from benchmarks.works import MINUTE_NS, YEAR_MINUTES, Trips, market

CONFIG = RunConfig(cash=1_000_000.0)


def run_call(history: MarketHistory, plan: Schedule, *, runs: int = 7) -> Timing:
    """CPU seconds of the kernel's run call alone; the simulation is made anew for each."""
    taken = []
    for _ in range(runs + 1):
        simulation = simulate(history, CONFIG, decide=False)
        simulation.follow(plan.commands)
        begun = time.thread_time()
        simulation.advance()
        taken.append(time.thread_time() - begun)
    counted = sorted(taken[1:])
    return Timing(median=float(np.median(counted)), fastest=counted[0], slowest=counted[-1])


def lines() -> list[Line]:
    """Round trips, and a position held throughout, in nanoseconds a bar."""
    history = market(1, YEAR_MINUTES, MINUTE_NS, volatility=0.0004)
    trips = Trips(bars=YEAR_MINUTES)
    legs = np.zeros(len(trips.closes), np.int64)
    traded = Schedule.of_targets(trips.closes, legs, exposure=trips.exposure, leverage=5)
    held = Schedule.of_targets([1_000], [0], exposure=[1.0], leverage=2)
    found = []
    for work, plan in (("900 round trips, funding every 8 h", traded), ("held throughout, funding every 8 h", held)):
        taken = run_call(history, plan)
        found.append(_line(f"1 year of 1m bars, {work}", "isomargin", taken, bar=5.0, note="run call"))
    found += _vectorbt(history, trips)
    return found


def _line(work: str, engine: str, taken: Timing, bar: float | None = None, note: str = "") -> Line:
    unit = 1e9 / YEAR_MINUTES
    return Line(
        work=work,
        engine=engine,
        unit="ns/bar",
        value=taken.median * unit,
        fastest=taken.fastest * unit,
        slowest=taken.slowest * unit,
        bar=bar,
        note=note,
    )


def _vectorbt(history: MarketHistory, trips: Trips) -> list[Line]:
    import pandas as pd
    import vectorbt as vbt

    index = history.index.tz_localize(None)
    close = pd.Series(history.prices[0, CLOSE], index=index)
    opening = pd.Series(history.prices[0, OPEN], index=index)
    size = np.full(history.length, np.nan)
    size[trips.closes + 1] = trips.exposure
    entries, exits = np.zeros(history.length, bool), np.zeros(history.length, bool)
    entries[trips.closes[::2] + 1] = True
    exits[trips.closes[1::2] + 1] = True

    def from_orders() -> object:
        return vbt.Portfolio.from_orders(
            close, size=size, size_type="targetpercent", price=opening, fees=0.0005, init_cash=1e6, freq="1min"
        )

    def from_signals() -> object:
        return vbt.Portfolio.from_signals(close, entries, exits, price=opening, fees=0.0005, init_cash=1e6, freq="1min")

    work = "1 year of 1m bars, 900 round trips"
    return [
        _line(work, f"vectorbt {vbt.__version__} {name}", timed(call, runs=5), note="no margin, no funding")
        for name, call in (("from_orders", from_orders), ("from_signals", from_signals))
    ]
