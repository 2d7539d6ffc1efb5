"""Running random worlds: how many, and how a failing one is named."""

from __future__ import annotations

from collections.abc import Iterator

import numba

from backtest.broker.extremes import Extremes
from backtest.broker.simulation import Simulation, Stop, Wake
from backtest.enums import Holes
from tests.properties.worlds import RandomWorld

RUNS = 2_000 if not numba.config.DISABLE_JIT else 150
"""Uncompiled, the kernels are a hundred times slower; the fewer worlds still reach every line of them."""


def seeds(first: int = 0) -> Iterator[int]:
    """The seeds of one property; each property has its own, so that they do not all try the same worlds."""
    return iter(range(first, first + RUNS))


def simulated(
    world: RandomWorld,
    *,
    cash: float | None = None,
    blocks: tuple[int, int] | None = None,
    wakes: tuple[Wake, ...] = (),
) -> Simulation:
    """A simulation of the world's schedule, not yet begun."""
    return Simulation(
        **world.market(),  # type: ignore[arg-type]
        cash=world.cash if cash is None else cash,
        schedule=world.schedule,
        decision_every=0,
        wakes=wakes,
        extremes=None if blocks is None else Extremes(world.prices, blocks),
    )


def played(world: RandomWorld, **changes: object) -> Simulation:
    """A simulation run to its end, or to the hole at which it has to stop."""
    simulation = simulated(world, **changes)  # type: ignore[arg-type]
    stop = simulation.advance()
    assert stop == Stop.END or (stop == Stop.HOLE and world.holes == Holes.REFUSE), f"seed {world.seed}: {stop!r}"
    return simulation
