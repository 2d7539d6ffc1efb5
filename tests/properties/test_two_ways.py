"""A schedule and a driver that gives the same commands decision by decision leave the same ledger, byte for byte."""

from __future__ import annotations

from backtest.broker.simulation import Simulation, Stop
from backtest.enums import CommandKind, PriceSource, Side, SizeKind, ThresholdKind
from tests.properties.running import played, seeds
from tests.properties.worlds import RandomWorld, random_world


def test_schedule_and_event_path_agree() -> None:
    orders = 0
    for seed in seeds(80_000):
        world = random_world(seed)
        planned, driven = played(world), _driven(world)
        for name in ("ledger", "notices", "orders"):
            assert getattr(planned, name).tobytes() == getattr(driven, name).tobytes(), f"seed {seed}: {name}"
        orders += len(driven.orders)
    assert orders > 1_000


def _driven(world: RandomWorld) -> Simulation:
    """The way of a strategy: the kernel stops at every decision, and is told what to do."""
    simulation = Simulation(**world.market(), cash=world.cash, decision_every=1)  # type: ignore[arg-type]
    for bar in range(world.length):
        if simulation.advance() != Stop.DECISION:
            break
        for command in world.schedule[world.schedule["bar"] == bar]:
            _give(simulation, command)
    else:
        simulation.advance()
    return simulation


def _give(simulation: Simulation, command) -> None:  # type: ignore[no-untyped-def]
    leg, tag = int(command["leg"]), int(command["tag"])
    if command["kind"] == CommandKind.ORDER:
        simulation.order(
            leg,
            Side(int(command["side"])),
            int(command["order_kind"]),
            SizeKind(int(command["size_kind"])),
            float(command["size"]),
            trigger_on=PriceSource(int(command["trigger_on"])),
            reduce_only=bool(command["reduce_only"]),
            post_only=bool(command["post_only"]),
            tag=tag,
            **{name: float(command[name]) for name in ("price", "trigger", "leverage", "stop", "take_profit")},
        )
        return
    simulation.command(
        CommandKind(int(command["kind"])),
        leg,
        order=int(command["order"]),
        threshold=ThresholdKind(int(command["threshold"])),
        tag=tag,
        **{name: float(command[name]) for name in ("amount", "leverage", "level", "budget", "cooldown_ns")},
    )
