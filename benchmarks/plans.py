"""W1 to W3 as schedules: signals worked out apart, rows only where the plan changes, then the kernel's run call."""

from __future__ import annotations

import numpy as np

from backtest.broker.simulation import Simulation
from backtest.config import RunConfig
from backtest.engine import simulate
from backtest.market.history import CLOSE, MarketHistory
from backtest.strategy.schedule import Schedule
from benchmarks import works

CONFIG = RunConfig(cash=works.CASH)


def crossing(history: MarketHistory, share: float, fast: int = works.FAST, slow: int = works.SLOW) -> Schedule:
    """The moving-average cross on every symbol of a history."""
    bars, legs, exposures = [], [], []
    for leg in range(len(history.symbols)):
        side = works.sides(history.prices[leg, CLOSE], fast, slow)
        at = works.flips(side)
        bars.append(at)
        legs.append(np.full(len(at), leg))
        exposures.append(share * side[at])
    return _joined(bars, legs, exposures)


def hourly(minutes: np.ndarray, interval_ns: int, *, resized: bool) -> Schedule:
    """The cross of 1-minute closes looked at on the hour alone, for bars of any interval. `resized`: the exposure is
    restored every hour, not at flips only.
    """
    every = works.HOUR_NS // interval_ns
    side = works.sides(minutes)[59::60]
    at = np.flatnonzero(side[:-1]) if resized else works.flips(side)
    return _joined([at * every + every - 1], [np.zeros(len(at), np.int64)], [works.ALONE * side[at]])


def _joined(bars: list[np.ndarray], legs: list[np.ndarray], exposures: list[np.ndarray]) -> Schedule:
    return Schedule.of_targets(
        np.concatenate(bars),
        np.concatenate(legs),
        exposure=np.concatenate(exposures).astype(np.float64),
        leverage=works.LEVERAGE,
    )


def ready(history: MarketHistory, plan: Schedule) -> Simulation:
    """A simulation that waits for its run call."""
    simulation = simulate(history, CONFIG, decide=False)
    simulation.follow(plan.commands)
    return simulation


def equity(simulation: Simulation, history: MarketHistory) -> float:
    """Equity at the last close."""
    position = simulation.positions
    held = position["quantity"] != 0.0
    last = history.prices[held, CLOSE, -1]
    unrealised = position["quantity"][held] * (last - position["entry_price"][held])
    return float(simulation.account[0]["wallet"] + position["margin"][held].sum() + unrealised.sum())
