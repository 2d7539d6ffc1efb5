"""The audit reads ledgers of inverse contracts, partial liquidations and cross margin, as the rule text has them."""

from __future__ import annotations

import numpy as np
import pytest

from backtest.audit import audit
from backtest.broker.simulation import Simulation, Stop
from backtest.enums import LedgerKind
from tests.rulebook.scene import Scene, Symbol, flat

FALL = [flat(100.0), flat(100.0), (100.0, 104.0, 93.0, 95.0), flat(95.0), (95.0, 95.0, 70.0, 70.0), flat(70.0)]


def played(scene: Scene, rules: dict[str, float], *, inverse: bool = False, cross: bool = False) -> np.ndarray:
    market = scene.market()
    market["contracts"]["inverse"] = inverse  # type: ignore[index]
    for name, value in rules.items():
        market["rules"][name] = value  # type: ignore[index]
    simulation = Simulation(cash=1_000.0, schedule=scene.schedule(), cross=cross, **market)  # type: ignore[arg-type]
    while simulation.advance() != Stop.END:
        pass
    return simulation.ledger


def kinds(ledger: np.ndarray) -> set[LedgerKind]:
    return {LedgerKind(int(kind)) for kind in ledger["kind"]}


def test_an_inverse_ledger_balances_and_is_not_read_as_linear() -> None:
    symbol = Symbol(bars=FALL, lot=1.0, taker=0.0005, funding=[(3, 0.001)])
    scene = Scene(symbols=[symbol]).buy(0, quantity=20_000, leverage=5).buy(2, quantity=10_000, leverage=5)
    scene.sell(3, quantity=5_000)
    ledger = played(scene, {"whole_leverage": 0}, inverse=True)
    assert {LedgerKind.OPEN, LedgerKind.CLOSE, LedgerKind.LIQUIDATION, LedgerKind.FUNDING} <= kinds(ledger)
    assert audit(ledger, inverse=(0,)).ok
    assert not audit(ledger).ok


def test_a_partial_liquidation_and_a_replenishment_balance() -> None:
    tiers = ((0.0, 500.0, 0.01, 0.0, 125.0), (500.0, np.inf, 0.05, 20.0, 125.0))
    scene = Scene(symbols=[Symbol(bars=FALL, tiers=tiers, liquidation_fee=0.001)]).buy(0, quantity=20, leverage=10)
    ledger = played(scene, {"partial": 1, "partial_tiers": 1, "partial_from_tier": 2, "liquidation_style": 1})
    assert LedgerKind.PARTIAL_LIQUIDATION in kinds(ledger)
    assert audit(ledger).ok
    tampered = ledger.copy()
    tampered["margin"][tampered["kind"] == LedgerKind.PARTIAL_LIQUIDATION] += 1.0
    assert any("the margin bears" in finding.check for finding in audit(tampered).findings)


def test_a_fee_to_close_may_lie_beside_the_initial_margin_where_the_venue_has_one() -> None:
    scene = Scene(symbols=[Symbol(bars=FALL[:4], taker=0.0006)]).buy(0, quantity=5, leverage=5)
    ledger = played(scene, {"fee_reserve": 2, "reserve_fee": 0.0006, "reserve_in_trigger": 1})
    assert audit(ledger, reserve=True).ok
    assert not audit(ledger).ok


@pytest.mark.parametrize("quantity", [20.0, 90.0])
def test_a_cross_ledger_balances(quantity: float) -> None:
    scene = Scene(symbols=[Symbol(bars=FALL, taker=0.0005, liquidation_fee=0.01, funding=[(3, 0.001)])])
    scene.buy(0, quantity=quantity, leverage=10).sell(3, quantity=5.0)
    ledger = played(scene, {}, cross=True)
    assert (LedgerKind.LIQUIDATION in kinds(ledger)) == (quantity == 90.0)
    assert audit(ledger, cross=True).ok
    assert not audit(ledger).ok
