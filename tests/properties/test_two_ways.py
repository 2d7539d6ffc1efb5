"""A schedule and a driver that gives the same commands decision by decision leave the same ledger, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from backtest.broker.simulation import Simulation, Stop, Wake
from backtest.config import RunConfig
from backtest.engine import run
from backtest.enums import CommandKind, PriceSource, Side, SizeKind, ThresholdKind, TimeInForce
from backtest.market.history import CLOSE, MarketHistory
from backtest.strategy.events import Fill, Liquidation, MarginCall
from backtest.strategy.position import Position
from backtest.strategy.protocol import Strategy
from backtest.strategy.schedule import Schedule
from tests.builders import contract
from tests.properties.running import played, seeds, simulated
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


ORDER_NUMBERS = (
    "price", "trigger", "leverage", "stop", "take_profit", "trailing_stop", "callback_rate", "callback_distance",
)  # fmt: skip


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
            time_in_force=TimeInForce(int(command["time_in_force"])),
            expires_ns=int(command["expires_ns"]),
            group=int(command["group"]),
            tag=tag,
            **{name: float(command[name]) for name in ORDER_NUMBERS},
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


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A plan drawn at random: one value per decision bar and symbol, NaN where nothing is asked."""

    exposure: dict[str, np.ndarray]
    leverage: float
    stop: dict[str, np.ndarray]
    add_margin: dict[str, np.ndarray]


class Planner(Strategy):
    """Says it all in advance."""

    wanted: ClassVar[Wanted]

    def plan(self) -> Schedule:
        wanted = self.wanted
        return self.schedule(
            exposure=wanted.exposure, leverage=wanted.leverage, stop=wanted.stop, add_margin=wanted.add_margin
        )


class Decider(Strategy):
    """Says the same, bar by bar, and listens to everything that happens."""

    wanted: ClassVar[Wanted]
    heard: ClassVar[int] = 0

    def next(self) -> None:
        wanted = self.wanted
        for symbol in self.symbols:
            exposure = wanted.exposure[symbol][self.bar]
            if not np.isnan(exposure):
                self.target(symbol, exposure=exposure, leverage=wanted.leverage, stop=wanted.stop[symbol][self.bar])
        for symbol in self.symbols:
            amount = wanted.add_margin[symbol][self.bar]
            if amount > 0.0:
                self.position(symbol).add_margin(amount)
            elif amount < 0.0:
                self.position(symbol).remove_margin(-amount)

    def on_fill(self, fill: Fill) -> None:
        type(self).heard += 1

    def on_liquidation(self, position: Position, event: Liquidation) -> None:
        type(self).heard += 1

    def on_margin_call(self, position: Position, call: MarginCall) -> None:
        type(self).heard += 1


def test_a_strategy_that_plans_and_one_that_decides_agree() -> None:
    Decider.heard, rows = 0, 0
    for seed in seeds(90_000):
        history, config = _run_of(random_world(seed, holes=False))
        Planner.wanted = Decider.wanted = _wanted(np.random.default_rng(seed), history)
        planned, decided = run(Planner, history, config=config).records, run(Decider, history, config=config).records
        for name in ("ledger", "notices", "orders"):
            assert getattr(planned, name).tobytes() == getattr(decided, name).tobytes(), f"seed {seed}: {name}"
        rows += len(planned.ledger)
    assert rows > 5 * len(list(seeds()))
    assert Decider.heard > len(list(seeds()))


def _run_of(world: RandomWorld) -> tuple[MarketHistory, RunConfig]:
    names = ("AAA/USDT:USDT", "BBB/USDT:USDT", "CCC/USDT:USDT")[: world.symbols]
    history = MarketHistory(
        venue="binance",
        symbols=names,
        interval_ns=world.bar_ns,
        timeframe_ns=world.bar_ns,
        start_ns=world.start_ns,
        prices=world.prices,
        funding=world.funding,
        contracts=tuple(contract(name, taker=0.0005, liquidation_fee=0.0125) for name in names),
    )
    return history, RunConfig(cash=world.cash, path=world.path, slippage=world.slippage)


def _wanted(rng: np.random.Generator, history: MarketHistory) -> Wanted:
    def drawn(choices: list[float], share: float) -> dict[str, np.ndarray]:
        asked = rng.random((len(history.symbols), history.length)) < share
        values = np.where(asked, rng.choice(choices, asked.shape), np.nan)
        return dict(zip(history.symbols, values, strict=True))

    exposure = drawn([-3.0, -0.5, 0.0, 0.3, 1.5, 6.0], 0.2)
    return Wanted(
        exposure=exposure,
        leverage=float(rng.choice([3.0, 10.0, 20.0])),
        stop={
            symbol: np.where(exposure[symbol] < 0.0, 1.03, 0.97) * history.prices[leg, CLOSE]
            for leg, symbol in enumerate(history.symbols)
        },
        add_margin=drawn([-20.0, 5.0, 60.0], 0.1),
    )


def test_waking_at_every_event_changes_nothing() -> None:
    woken = 0
    for seed in seeds(100_000):
        world = random_world(seed)
        slept = played(world)
        simulation = simulated(world, wakes=tuple(Wake))
        while (stop := simulation.advance()) == Stop.EVENT:
            woken += 1
        assert stop in (Stop.END, Stop.HOLE)
        assert slept.ledger.tobytes() == simulation.ledger.tobytes(), f"seed {seed}"
        assert slept.notices.tobytes() == simulation.notices.tobytes(), f"seed {seed}"
    assert woken > 10 * len(list(seeds()))
