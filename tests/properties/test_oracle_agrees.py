"""The kernel and the oracle write the same ledger, row by row to 1e-9, on random histories of every kind of event."""

from __future__ import annotations

from collections import Counter

from backtest.broker.simulation import Stop
from backtest.enums import LedgerKind, NoticeKind, Reason
from tests.oracle.compare import first_difference
from tests.oracle.simulate import Outcome, simulate
from tests.oracle.world import World
from tests.properties.running import RUNS, seeds, simulated
from tests.properties.worlds import random_world

LEDGER_KINDS = set(LedgerKind)
NOTICE_KINDS = set(NoticeKind) - {NoticeKind.ALERT}
"""Alerts belong to strategies that listen; a schedule has none."""
REASONS = {
    NoticeKind.REJECTION: {reason for reason in Reason if 10 <= reason < 30},
    NoticeKind.CANCELLATION: {reason for reason in Reason if 30 <= reason < 40},
    NoticeKind.TOP_UP_FAILED: {Reason.BUDGET_SPENT, Reason.WALLET_EMPTY},
}


def test_kernel_and_oracle_agree_and_every_kind_of_event_occurs() -> None:
    seen: Counter[object] = Counter()
    for seed in seeds():
        world = random_world(seed)
        outcome = simulate(World.of_arrays(**world.market()), cash=world.cash, schedule=world.schedule)  # type: ignore[arg-type]
        simulation = simulated(world)
        stop = simulation.advance()
        difference = first_difference(outcome, simulation.ledger, simulation.notices)
        assert difference is None, f"seed {seed}: {difference}"
        assert (stop == Stop.HOLE) is (outcome.stopped_at is not None), f"seed {seed}: {stop!r}"
        seen.update(_what_happened(outcome))
    if RUNS < 2_000:
        return
    assert not LEDGER_KINDS - seen.keys()
    assert not NOTICE_KINDS - seen.keys()
    wanted = {(kind, reason) for kind, reasons in REASONS.items() for reason in reasons}
    wanted |= {("liquidation", place) for place in ("open", "gap beyond bankruptcy", "path")}
    assert not wanted - seen.keys()


def _what_happened(outcome: Outcome) -> Counter[object]:
    seen: Counter[object] = Counter(row["kind"] for row in outcome.ledger)
    seen.update(row["kind"] for row in outcome.notices)
    seen.update((row["kind"], row["reason"]) for row in outcome.notices)
    for row in outcome.ledger:
        if row["kind"] == LedgerKind.LIQUIDATION:
            seen["liquidation", "path" if row["segment"] else "open"] += 1
            seen["liquidation", "gap beyond bankruptcy"] += row["price"] != row["mark_price"]
    return seen
