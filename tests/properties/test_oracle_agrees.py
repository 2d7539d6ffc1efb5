"""The kernel and the oracle write the same ledger, row by row to 1e-9, on random histories of every kind of event."""

from __future__ import annotations

from collections import Counter

from backtest.broker.records import RULES
from backtest.broker.simulation import Stop
from backtest.enums import (
    Basis,
    FeeReserve,
    LedgerKind,
    LeverageChange,
    LiquidationStyle,
    NoticeKind,
    PartialStyle,
    Pocket,
    Reason,
    Removable,
    TierUnit,
)
from tests.oracle.compare import first_difference
from tests.oracle.simulate import Outcome, simulate
from tests.oracle.world import World
from tests.properties.running import RUNS, seeds, simulated
from tests.properties.worlds import RandomWorld, random_world

WAYS = (LedgerKind.LIQUIDATION, LedgerKind.PARTIAL_LIQUIDATION, LedgerKind.AUTO_MARGIN)
"""What a venue does with a position that no longer meets the requirement."""

CHOICES = {
    "funding_pocket": Pocket,
    "maintenance_basis": Basis,
    "tier_unit": TierUnit,
    "fee_reserve": FeeReserve,
    "liquidation_style": LiquidationStyle,
    "partial": PartialStyle,
    "leverage_change": LeverageChange,
    "removable": Removable,
}
LEDGER_KINDS = set(LedgerKind) - {LedgerKind.AUTO_DELEVERAGING}
"""Auto-deleveraging is a stress and cross margin a mode that a run asks for; the oracle knows no such run."""
NOTICE_KINDS = set(NoticeKind) - {NoticeKind.ALERT}
"""Alerts belong to strategies that listen; a schedule has none."""
REASONS = {
    NoticeKind.REJECTION: {reason for reason in Reason if 10 <= reason < 30} - {Reason.NOT_IN_CROSS_MARGIN},
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
        assert difference is None, f"seed {seed}: {difference}\n{_rules(world)}"
        assert (stop == Stop.HOLE) is (outcome.stopped_at is not None), f"seed {seed}: {stop!r}"
        seen.update(_what_happened(outcome, world))
    if RUNS < 2_000:
        return
    assert not LEDGER_KINDS - seen.keys()
    assert not NOTICE_KINDS - seen.keys()
    wanted = {(kind, reason) for kind, reasons in REASONS.items() for reason in reasons}
    for way in WAYS:
        wanted |= {(way, place) for place in ("open", "path")}
        wanted |= {(way, inverse, side) for inverse in (False, True) for side in (-1, 1)}
    wanted |= {(LedgerKind.LIQUIDATION, "gap beyond bankruptcy"), (LedgerKind.LIQUIDATION, "reserve spent")}
    wanted |= {
        (way, choice)
        for way in WAYS
        for choices in (TierUnit, Basis, FeeReserve, LiquidationStyle, PartialStyle)
        for choice in choices
        if way is not LedgerKind.PARTIAL_LIQUIDATION or choice is not PartialStyle.NONE
    }
    wanted |= {(LedgerKind.FUNDING, pocket) for pocket in Pocket}
    wanted |= {(LedgerKind.LEVERAGE, change) for change in LeverageChange}
    wanted |= {(LedgerKind.REMOVE_MARGIN, rule) for rule in Removable if rule is not Removable.NONE}
    missing = wanted - seen.keys()
    assert not missing, missing


def _rules(world: RandomWorld) -> str:
    """The rules that are not zero, in a line."""
    rule = world.rules[0]
    words = [f"{name}={rule[name]}" for name in RULES.names or () if rule[name]]
    return " ".join([*words, "inverse" if world.contracts[0]["inverse"] else "linear"])


def _what_happened(outcome: Outcome, world: RandomWorld) -> Counter[object]:
    """What was seen, with the venue's rule that it was seen under."""
    rule, inverse = world.rules[0], bool(world.contracts[0]["inverse"])
    seen: Counter[object] = Counter(row["kind"] for row in outcome.ledger)
    seen.update(row["kind"] for row in outcome.notices)
    seen.update((row["kind"], row["reason"]) for row in outcome.notices)
    for row in outcome.ledger:
        kind = row["kind"]
        for name, choices in CHOICES.items():
            seen[kind, choices(int(rule[name]))] += 1
        if kind in WAYS:
            seen[kind, "path" if row["segment"] else "open"] += 1
            closed = -row["quantity"] or row["position_after"]  # type: ignore[operator]
            seen[kind, inverse, 1 if closed > 0 else -1] += 1
        if kind == LedgerKind.LIQUIDATION:
            seen[kind, "gap beyond bankruptcy"] += row["price"] != row["mark_price"]
            seen[kind, "reserve spent"] += row["fees"] != 0
    return +seen
