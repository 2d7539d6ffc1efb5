"""The works that are timed make the trades of the minimal loop, which no rule of the broker went into."""

from __future__ import annotations

import numpy as np
import pytest

from backtest.engine import Driver
from benchmarks import minimal, plans, works
from benchmarks.dataset import Dataset
from benchmarks.decisions import Resizing, Weighted
from benchmarks.generator import resampled, symbol
from benchmarks.growth import coarser
from benchmarks.history import history

NAMES = ("open", "high", "low", "close", "volume")


@pytest.fixture(scope="module")
def minutes() -> np.ndarray:
    """Two symbols, 250 hours of 1-minute bars."""
    return np.stack([symbol(leg, 15_000) for leg in range(2)])


def dataset(block: np.ndarray, bar_ns: int) -> Dataset:
    columns = dict(zip(NAMES, np.ascontiguousarray(block.transpose(1, 0, 2)), strict=True))
    return Dataset(symbols=works.SYMBOLS[: len(block)], bar_ns=bar_ns, **columns)


def test_a_schedule_on_two_symbols_ends_where_the_minimal_loop_does(minutes: np.ndarray) -> None:
    data = dataset(minutes, works.MINUTE_NS)
    side = np.stack([works.sides(closes) for closes in data.close])
    fills, equity = minimal.walk(data.open, data.close, side, 0.05, works.FEE, works.CASH)
    world = history(data)
    simulation = plans.ready(world, plans.crossing(world, 0.05))
    simulation.advance()
    assert len(simulation.orders) == fills > 10
    assert plans.equity(simulation, world) == pytest.approx(equity, rel=1e-9)


@pytest.mark.parametrize("strategy", [Resizing, Weighted])
def test_a_python_strategy_ends_where_the_minimal_loop_does(minutes: np.ndarray, strategy: type) -> None:
    data = dataset(resampled(minutes, 60), works.HOUR_NS)
    fills, equity = minimal.resize(data.open, data.close)
    driver = Driver(strategy, {}, history(data), plans.CONFIG)
    driver.run(None)
    result = driver.result()
    assert len(result.orders) >= fills > 10
    assert result.equity["equity"].iloc[-1] == pytest.approx(equity, rel=1e-9)


def test_decisions_on_the_hour_trade_alike_on_bars_of_one_and_ten_minutes(minutes: np.ndarray) -> None:
    data = dataset(minutes[:1], works.MINUTE_NS)
    ends = []
    for each in (data, coarser(data, 10)):
        world = history(each, funding=True)
        simulation = plans.ready(world, plans.hourly(data.close[0], world.interval_ns, resized=False))
        simulation.advance()
        ends.append(plans.equity(simulation, world))
    assert ends[0] == pytest.approx(ends[1], rel=1e-9)
