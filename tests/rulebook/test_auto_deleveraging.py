"""Rule 9.1: winners are closed after a crash, where the stress is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from backtest.audit import audit
from backtest.broker.simulation import Simulation, Stop
from backtest.enums import Holes, LedgerKind
from tests.rulebook.scene import GONE, Scene, Symbol, flat

CRASH = [flat(100.0), flat(100.0), (100.0, 100.0, 79.0, 85.0), flat(84.0), flat(84.0)]


def played(scene: Scene, adl: float, **settings: object) -> Simulation:
    market = scene.market() | settings
    simulation = Simulation(cash=1_000.0, schedule=scene.schedule(), adl=adl, decision_every=0, **market)  # type: ignore[arg-type]
    while simulation.advance() != Stop.END:
        pass
    return simulation


def closed(simulation: Simulation) -> np.ndarray:
    return simulation.ledger[simulation.ledger["kind"] == LedgerKind.AUTO_DELEVERAGING]


def test_a_winning_short_is_closed_at_the_mark_of_the_next_open() -> None:
    simulation = played(Scene(bars=CRASH).sell(0, quantity=10, leverage=2, stop=120.0), 0.2)
    row = closed(simulation)[0]
    assert (int(row["bar"]), float(row["price"]), float(row["quantity"])) == (3, 84.0, 10.0)
    # 500 of margin and 10 x 16 of profit come back
    assert row["wallet"] == pytest.approx(660.0)
    assert simulation.account[0]["wallet"] == pytest.approx(1_160.0)
    assert simulation.positions[0]["orders"] == 0
    assert audit(simulation.ledger).ok


@pytest.mark.parametrize("adl", [0.0, 0.22])
def test_off_or_not_reached_it_does_nothing(adl: float) -> None:
    assert len(closed(played(Scene(bars=CRASH).sell(0, quantity=10, leverage=2), adl))) == 0


def test_losers_and_positions_without_profit_are_left_alone() -> None:
    assert len(closed(played(Scene(bars=CRASH).buy(0, quantity=10, leverage=2), 0.2))) == 0
    late = Scene(bars=CRASH).sell(1, quantity=10, leverage=2)
    bounced = [*CRASH[:3], flat(101.0), flat(101.0)]
    assert len(closed(played(late, 0.2))) == 1
    assert len(closed(played(Scene(bars=bounced).sell(0, quantity=10, leverage=2), 0.2))) == 0


def test_a_rise_deleverages_longs() -> None:
    rise = [flat(100.0), flat(100.0), (100.0, 125.0, 100.0, 120.0), flat(118.0)]
    simulation = played(Scene(bars=rise).buy(0, quantity=10, leverage=2), 0.2)
    assert closed(simulation)[0]["pnl"] == pytest.approx(-180.0)


def test_in_cross_margin_the_profit_is_the_wallets() -> None:
    simulation = played(Scene(bars=CRASH).sell(0, quantity=10, leverage=2), 0.2, cross=True)
    assert closed(simulation)[0]["wallet"] == pytest.approx(160.0)
    assert audit(simulation.ledger, cross=True).ok


def test_it_waits_for_the_next_present_bar() -> None:
    bars = [*CRASH[:3], GONE, flat(84.0), flat(84.0)]
    simulation = played(Scene(symbols=[Symbol(bars=bars)]).sell(0, quantity=10, leverage=2), 0.2, holes=Holes.HOLD)
    assert [int(row["bar"]) for row in closed(simulation)] == [4]
