"""What one venue file states: rules, questions, contract facts and leverage tiers, each with its date and its source.

The form of the file is described in docs/venues.md. A file that `extends` another states only what differs: `over` lays
its statements over those of the other file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from math import inf
from pathlib import Path
from typing import Any, get_type_hints

from backtest.errors import MarketDataError, UsageError
from backtest.market.contract import TierTable
from backtest.venues.rules import VenueRules
from backtest.venues.table import Table

HEAD = ("name", "extends", "history", "usual", "rules", "questions", "linear", "inverse", "tiers", "contracts")
SIDES = ("linear", "inverse")
NOT_STATED = ("id", "name", "valid_from_ns", "sources", "notes")
RULES = tuple(field.name for field in fields(VenueRules) if field.name not in NOT_STATED)
FACTS = ("tick", "lot", "contract_size", "minimum_notional", "maker", "taker", "liquidation_fee", "price_band")
OUTRIGHT = ("source", "assumed")

_KINDS = get_type_hints(VenueRules)


@dataclass(frozen=True, kw_only=True)
class Stated:
    """A value and where it was read; `assumed` where it was read nowhere."""

    value: Any
    source: str
    assumed: bool = False


@dataclass(frozen=True, kw_only=True)
class DatedTiers:
    """The leverage tiers of one date, as the venue counts them; `last_seen_ns`: the last day they were seen on."""

    from_ns: int
    rungs: tuple[tuple[float, ...], ...]
    source: str
    assumed: str
    last_seen_ns: int | None


Changes = Mapping[str, Stated]
Dated = Mapping[int | None, Changes]
"""What always held, under None, and later changes under their dates."""


def held(dated: Dated, at_ns: int | None = None) -> dict[str, Stated]:
    """What holds at an instant; without it the latest."""
    whole: dict[str, Stated] = {}
    for when in dates(dated):
        if when is None or at_ns is None or when <= at_ns:
            whole |= dated[when]
    return whole


def dates(dated: Dated) -> list[int | None]:
    """The dates in the order of time, None first."""
    return sorted(dated, key=lambda when: -inf if when is None else when)


def _laid_over(own: Dated, other: Dated) -> dict[int | None, Changes]:
    """`own` over `other`; what is stated without a date holds for all dates: the other's changes of it are dropped."""
    always = own.get(None, {})
    merged: dict[int | None, Changes] = {
        when: {name: stated for name, stated in changes.items() if when is None or name not in always}
        for when, changes in other.items()
    }
    for when, changes in own.items():
        merged[when] = {**merged.get(when, {}), **changes}
    return {when: changes for when, changes in merged.items() if changes or when is None}


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What is stated of one contract, or of all linear (inverse) ones."""

    facts: Dated
    tiers: tuple[DatedTiers, ...] = ()
    usual: str = ""
    venue: str = ""

    def over(self, other: Listing) -> Listing:
        """These statements, and those of the other where these say nothing."""
        return Listing(
            facts=_laid_over(self.facts, other.facts),
            tiers=self.tiers or other.tiers,
            usual=self.usual or other.usual,
            venue=self.venue or other.venue,
        )


@dataclass(frozen=True, kw_only=True)
class Statements:
    """Everything that a file states."""

    file: str
    name: str
    extends: str
    history: str
    usual: str
    rules: Dated
    questions: Mapping[str, str]
    sides: Mapping[str, Listing]
    contracts: Mapping[str, Listing]

    @classmethod
    def of_file(cls, path: Path, shown: str) -> Statements:
        """The statements of a TOML file, which errors call `shown`."""
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the venue file {shown} cannot be read: {error}") from None
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{shown} is no TOML: {error}") from None
        return cls.of_table(Table(file=shown, name="", values=values))

    @classmethod
    def of_table(cls, head: Table) -> Statements:
        """The statements of a parsed file."""
        head.only(HEAD)
        texts = {key: head.text(key) if key in head.values else "" for key in HEAD[:4]}
        if texts["usual"] not in ("", *SIDES):
            raise head.wrong(f"usual is '{texts['usual']}'; it is one of {', '.join(SIDES)}")
        tiers = head.table("tiers")
        tiers.only(("source", "seen"))
        return cls(
            file=head.file,
            **texts,
            rules=_rules(head.table("rules")),
            questions=_questions(head.table("questions")),
            sides={side: _side(head.table(side)) for side in SIDES},
            contracts={symbol: _contract(head, symbol, tiers) for symbol in head.table("contracts").values},
        )

    def over(self, other: Statements) -> Statements:
        """These statements, and those of the other where these say nothing."""
        symbols = dict.fromkeys((*other.contracts, *self.contracts))
        nothing = Listing(facts={None: {}})
        return replace(
            self,
            history=self.history or other.history,
            usual=self.usual or other.usual,
            rules=_laid_over(self.rules, other.rules),
            questions={**other.questions, **self.questions},
            sides={side: self.sides[side].over(other.sides[side]) for side in SIDES},
            contracts={
                symbol: self.contracts.get(symbol, nothing).over(other.contracts.get(symbol, nothing))
                for symbol in symbols
            },
        )


def _rules(table: Table) -> Dated:
    table.only((*RULES, "sources", "notes"), dated=True)
    found: dict[int | None, Changes] = {None: _changes(table)}
    for when, key in table.dates():
        part = table.table(key)
        part.only((*RULES, "sources", "notes"))
        found[when] = _changes(part)
    return found


def _changes(table: Table) -> Changes:
    listed = table.table("sources")
    sources = {name.strip(): listed.text(names) for names in listed.values for name in names.split(",")}
    stated = [name for name in RULES if name in table.values]
    Table(file=listed.file, name=listed.name, values=sources).only(stated)
    own = f"stated in {table.file}"
    found = {name: Stated(value=_rule(table, name), source=sources.get(name, own)) for name in stated}
    if "notes" in table.values:
        found["notes"] = Stated(value=table.texts("notes"), source=own)
    return found


def _rule(table: Table, name: str) -> object:
    kind = _KINDS[name]
    if isinstance(kind, type) and issubclass(kind, IntEnum):
        return table.choice(name, kind)
    if kind is bool:
        return table.flag(name)
    if kind is int:
        return table.whole(name)
    if isinstance(table.values[name], str) and kind == (float | str):
        return table.text(name)
    return table.number(name)


def _questions(table: Table) -> dict[str, str]:
    table.only((*RULES, *FACTS, "tiers"))
    return {key: table.text(key) for key in table.values}


def _side(table: Table) -> Listing:
    table.only((*FACTS, *OUTRIGHT, "usual", "venue"), dated=True)
    later: dict[int | None, Changes] = {}
    for when, key in table.dates():
        part = table.table(key)
        part.only((*FACTS, *OUTRIGHT))
        later[when] = _facts(part)
    return Listing(
        facts={None: _facts(table), **later},
        usual=table.text("usual") if "usual" in table.values else "",
        venue=table.text("venue") if "venue" in table.values else "",
    )


def _facts(table: Table) -> Changes:
    stated = [name for name in FACTS if name in table.values]
    assumed = table.texts("assumed")
    Table(file=table.file, name=table.name, values=dict.fromkeys(assumed)).only(stated)
    source = table.text("source") if "source" in table.values else f"stated in {table.file}"
    return {name: Stated(value=table.number(name), source=source, assumed=name in assumed) for name in stated}


def _contract(head: Table, symbol: str, tiers: Table) -> Listing:
    table = head.table("contracts").table(symbol)
    table.only((*FACTS, *OUTRIGHT, "tiers"))
    return Listing(facts={None: _facts(table)}, tiers=_tiers(table.table("tiers"), tiers))


def _tiers(table: Table, every: Table) -> tuple[DatedTiers, ...]:
    table.only((*OUTRIGHT, "seen"), dated=True)
    assumed = table.text("assumed") if "assumed" in table.values else ""
    own = table.text("source") if "source" in table.values else ""
    source = own or (every.text("source") if "source" in every.values else f"stated in {table.file}")
    seen = table.days("seen") or (() if own else every.days("seen"))
    found = []
    for when, key in table.dates():
        rungs = table.rungs(key)
        try:
            TierTable.from_rungs(when, rungs, source)
        except MarketDataError as error:
            raise table.wrong(str(error)) from None
        last = max((when, *seen)) if seen else None
        found.append(
            DatedTiers(from_ns=when, rungs=rungs, source=f"{source}, {key}", assumed=assumed, last_seen_ns=last)
        )
    return tuple(found)
