"""What a venue said of a contract's rules, with the date on which it said so: kept in the store, one line a change.

    <root>/<venue>/<symbol without / and :>/contract/snapshots.jsonl

A snapshot that says what the last one said adds nothing, so that the file is the history of the rules: a rule holds
from the date of the first snapshot that states it. A run uses them before the facts that ship with the project, and
after tables of leverage tiers that the user imported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from math import inf, isfinite
from pathlib import Path
from typing import Any

from backtest import venues
from backtest.clock import DAY_NS, time_text
from backtest.errors import MarketDataError
from backtest.market import parquet
from backtest.market.contract import Contract, TierTable
from backtest.market.lock import locked
from backtest.market.store import Store
from backtest.venues.symbols import folder_name

NAME = "snapshots.jsonl"
UNITS = ("settlement", "contracts")
"""Units of the size of a leverage tier: money of the settlement currency, or the venue's contracts."""


@dataclass(frozen=True, kw_only=True)
class TierStep:
    """One rung as the venue wrote it: holds while floor < size ≤ cap, in the snapshot's `tier_unit`.

    `amount` is the venue's own maintenance amount (deduction), None where it states none.
    """

    floor: float
    cap: float
    rate: float
    leverage: float
    amount: float | None = None


@dataclass(frozen=True, kw_only=True)
class ContractSnapshot:
    """The rules of one perpetual on a date, in the venue's words; None where the venue does not say.

    `tick` is the price step, `lot` the quantity step and `minimum_quantity` the least quantity, both in contracts of
    `contract_size` (base units of a linear, quote units of an inverse contract). `minimum_notional`, `maker`, `taker`
    and `leverage` (the highest) are as everywhere. `listed_ns` is when trading began. `marginal`: a tier's rate holds
    for what lies above its floor only, else for the whole position.
    """

    venue: str
    symbol: str
    market: str
    taken_ns: int
    tick: float
    lot: float
    contract_size: float
    inverse: bool
    settle: str
    minimum_quantity: float | None = None
    minimum_notional: float | None = None
    maker: float | None = None
    taker: float | None = None
    leverage: float | None = None
    listed_ns: int | None = None
    tier_unit: str = "settlement"
    marginal: bool = True
    tiers: tuple[TierStep, ...] = ()
    source: str

    def __post_init__(self) -> None:
        for name in ("tick", "lot", "contract_size"):
            if not (isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise MarketDataError(f"{self.symbol}: the {name} {getattr(self, name)!r} is no positive step")
        if self.tier_unit not in UNITS:
            raise MarketDataError(f"{self.symbol}: tiers in '{self.tier_unit}'; the unit is one of {', '.join(UNITS)}")

    def says_the_same(self, other: ContractSnapshot) -> bool:
        """Whether another snapshot states the same rules, on whatever date."""
        return replace(self, taken_ns=0) == replace(other, taken_ns=0)

    def tier_table(self) -> TierTable | None:
        """The leverage tiers as a run uses them, from the day of the snapshot on; None where the venue states none.

        Neighbours of one rate are made one, with the leverage of the lower.
        """
        rungs: list[tuple[float, float, float]] = []
        unit = self.contract_size if self.tier_unit == "contracts" else 1.0
        for step in self.tiers:
            if rungs and rungs[-1][1] == step.rate:
                rungs[-1] = (step.cap * unit, step.rate, rungs[-1][2])
            else:
                rungs.append((step.cap * unit, step.rate, step.leverage))
        if not rungs:
            return None
        return TierTable.from_rungs(self.taken_ns, rungs, self._said, self.marginal)

    def applied(self, contract: Contract) -> Contract:
        """A contract with the steps, the least notional and, where the venue tells them, the fees of this snapshot."""
        said = {
            "tick": self.tick,
            "lot": round(self.lot * self.contract_size, 12),
            "minimum_notional": self.minimum_notional,
            "maker": self.maker,
            "taker": self.taker,
        }
        known = {name: value for name, value in said.items() if value is not None}
        stated = ", ".join(name.replace("_", " ") for name in known)
        size = {"inverse": self.inverse, "contract_size": self.contract_size}
        return replace(contract, **known, **size, sources=(f"{stated}: {self._said}", *contract.sources))  # type: ignore[arg-type]

    @property
    def _said(self) -> str:
        return f"{self.source}, {time_text(self.taken_ns)[:10]}"


def contract(store: Store, venue: str, symbol: str, *, kept: str | None = None, at_ns: int | None = None) -> Contract:
    """The contract of a symbol: shipped facts, over them what was fetched, over that the tiers that were imported.

    Steps and fees are those that held at an instant (the last known ones without it). `kept` is the venue under which
    the store has them, where that is another one than the one whose rules are used.
    """
    place = kept or venue
    tables = {}
    for each in read(store.root, place, symbol):
        table = each.tier_table()
        if table is not None:
            tables[table.valid_from_ns] = table
    tables |= {table.valid_from_ns: table for table in store.tiers(place, symbol)}
    known = venues.contract(venue, symbol, imported=tuple(tables.values()), at_ns=at_ns)
    held = held_at(store.root, place, symbol, at_ns)
    return known if held is None else held.applied(known)


def add(root: Path, snapshot: ContractSnapshot) -> bool:
    """Add a snapshot to a store; False where it says what the last one said.

    It is dated with its day, a second and different one of a day with its minute.
    """
    path = _path(root, snapshot.venue, snapshot.symbol)
    with locked(path.parent):
        for left in path.parent.glob(f".*{parquet.TEMPORARY}"):
            left.unlink(missing_ok=True)
        held = read(root, snapshot.venue, snapshot.symbol)
        if held and snapshot.says_the_same(held[-1]):
            return False
        day = snapshot.taken_ns - snapshot.taken_ns % DAY_NS
        if held and held[-1].taken_ns >= day:
            day = max(snapshot.taken_ns, held[-1].taken_ns + 1)
        lines = [_line(each) for each in (*held, replace(snapshot, taken_ns=day))]
        content = "".join(f"{line}\n" for line in lines).encode()
        parquet.put_in_place([(parquet.write_bytes_beside(path, content), path)])
    return True


def read(root: Path, venue: str, symbol: str) -> tuple[ContractSnapshot, ...]:
    """The snapshots of a contract, by date."""
    path = _path(root, venue, symbol)
    if not path.is_file():
        return ()
    return tuple(_snapshots(path))


def held_at(root: Path, venue: str, symbol: str, at_ns: int | None) -> ContractSnapshot | None:
    """The snapshot that holds at an instant (the last one without it), or the first one before all dates."""
    found = read(root, venue, symbol)
    held = [each for each in found if at_ns is None or each.taken_ns <= at_ns]
    return held[-1] if held else found[0] if found else None


def _path(root: Path, venue: str, symbol: str) -> Path:
    return root / venue / folder_name(symbol) / "contract" / NAME


def _line(snapshot: ContractSnapshot) -> str:
    document = asdict(snapshot)
    for step in document["tiers"]:
        step["cap"] = None if step["cap"] == inf else step["cap"]
    return json.dumps(document, sort_keys=True, allow_nan=False)


def _snapshots(path: Path) -> Iterator[ContractSnapshot]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            fields: dict[str, Any] = json.loads(line)
            steps = [step | {"cap": inf if step["cap"] is None else step["cap"]} for step in fields.pop("tiers")]
            yield ContractSnapshot(**fields, tiers=tuple(TierStep(**step) for step in steps))
        except (ValueError, KeyError, TypeError) as error:
            raise MarketDataError(
                f"{path}, line {number}, is no snapshot of a contract ({error}); remove that line"
            ) from error
