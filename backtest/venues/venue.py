"""A venue: its dated rule sets, and its contracts made of the facts that its file states and of imported tiers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from math import inf

from backtest.enums import TierUnit
from backtest.errors import UsageError, near
from backtest.market.contract import Contract, TierTable
from backtest.venues.rules import VenueRules
from backtest.venues.statements import FACTS, RULES, DatedTiers, Listing, Stated, Statements, dates, held

ASSUMED = {"tick": 1e-8, "lot": 1e-8, "minimum_notional": 5.0, "liquidation_fee": 0.015}
"""What is taken for a fact that nobody states: fine steps, a usual least order, a high fee for liquidation."""

FEES = ("maker", "taker")


def is_inverse(symbol: str) -> bool:
    """Whether a canonical symbol is settled in its base: `BTC/USD:BTC`."""
    pair, _, settle = symbol.partition(":")
    return pair.partition("/")[0] == settle


@dataclass(frozen=True, kw_only=True, eq=False)
class Venue:
    """A venue as a whole. `id` is what it is called by: an id, or the path of a user's file."""

    id: str
    statements: Statements

    @property
    def name(self) -> str:
        """The name for people."""
        return self.statements.name or self.id

    @property
    def history(self) -> str:
        """The name under which the store keeps the history that is traded under these rules."""
        return self.statements.history

    @property
    def questions(self) -> Mapping[str, str]:
        """Open questions by the field that answers them, each with why its value was chosen."""
        return self.statements.questions

    @cached_property
    def rule_sets(self) -> tuple[VenueRules, ...]:
        """The rules by date, each set whole."""
        always = self.statements.rules[None]
        return tuple(
            self._rules(always if when is None else held(self.statements.rules, when), when)
            for when in dates(self.statements.rules)
        )

    def _rules(self, stated: Mapping[str, Stated], when: int | None) -> VenueRules:
        must = [name for name in RULES if name not in stated and name in _WITHOUT_DEFAULT]
        if must:
            lacking = f"[rules] states no {', no '.join(must)}"
            raise UsageError(f'{self.statements.file}: {lacking}; add them, or begin with extends = "binance"')
        values = {name: stated[name].value for name in RULES if name in stated}
        notes = stated["notes"].value if "notes" in stated else ()
        sources = {name: stated[name].source for name in values}
        return VenueRules(id=self.id, name=self.name, valid_from_ns=when, notes=notes, sources=sources, **values)

    def rules(self, at_ns: int | None = None) -> VenueRules:
        """The rules at an instant; without it the latest."""
        return held_at(self.rule_sets, at_ns)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The contracts whose leverage tiers are known."""
        return tuple(symbol for symbol, entry in self.statements.contracts.items() if entry.tiers)

    def usual(self, *, inverse: bool | None = None) -> str:
        """The contract that is meant where none is named: the venue's usual one, or its usual linear (inverse) one."""
        sides = self.statements.sides
        side = self.statements.usual or ("linear" if sides["linear"].usual else "inverse")
        if inverse is not None:
            side = "inverse" if inverse else "linear"
        if sides[side].usual:
            return sides[side].usual
        raise UsageError(f"{self.id} has no {side} contract{self._elsewhere(side)}")

    def other(self, *, inverse: bool) -> str:
        """The venue of the same house that has the linear (inverse) contracts which this one has not; "" for none."""
        return self.statements.sides["inverse" if inverse else "linear"].venue

    def contract(
        self, symbol: str, imported: Sequence[TierTable] = (), *, at_ns: int | None = None, called: str = ""
    ) -> Contract:
        """The contract of a canonical symbol, with the fees and steps of an instant (the latest without it).

        Of two tier tables of one date the imported one holds.
        """
        inverse = is_inverse(symbol)
        side = self.statements.sides["inverse" if inverse else "linear"]
        entry = self.statements.contracts.get(symbol)
        if entry is None and not imported:
            raise UsageError(self._unknown(symbol))
        entry = entry or Listing(facts={None: {}})
        assumed = {**ASSUMED, "minimum_notional": 0.0} if inverse else ASSUMED
        guessed = {name: Stated(value=value, source="", assumed=True) for name, value in assumed.items()}
        facts = {**guessed, **held(side.facts, at_ns), **held(entry.facts, at_ns)}
        for fee in FEES:
            if fee not in facts:
                where = f"[{'inverse' if inverse else 'linear'}] or into the contract"
                raise UsageError(f"{self.statements.file}: no {fee} fee of {symbol} is stated; put it into {where}")
        size = float(facts["contract_size"].value) if "contract_size" in facts else 1.0
        tables = self._tables(entry.tiers, imported, size)
        return Contract(
            venue=called or self.id,
            symbol=symbol,
            inverse=inverse,
            tick=facts["tick"].value,
            lot=facts["lot"].value,
            contract_size=size,
            minimum_notional=facts["minimum_notional"].value,
            maker=facts["maker"].value,
            taker=facts["taker"].value,
            liquidation_fee=facts["liquidation_fee"].value,
            price_band=facts["price_band"].value if "price_band" in facts else inf,
            tier_tables=tables,
            sources=(*_sources(facts), *_tier_sources(tables, entry.tiers)),
            rules=self.rule_sets,
        )

    def _tables(
        self, dated: Sequence[DatedTiers], imported: Sequence[TierTable], contract_size: float
    ) -> tuple[TierTable, ...]:
        tables = {
            each.from_ns: _table(each, self.rules(each.from_ns), contract_size)
            for each in dated
            if not (each.assumed and imported)
        }
        tables |= {table.valid_from_ns: table for table in imported}
        return fitted([tables[when] for when in sorted(tables)], self.rule_sets)

    def _unknown(self, symbol: str) -> str:
        known = self.symbols
        inverse = is_inverse(symbol)
        elsewhere = self._elsewhere("inverse" if inverse else "linear")
        said = f"nothing is known of the contract '{symbol}' at {self.id}{elsewhere}; {near(symbol, known)}"
        return (
            f"{said}known are {', '.join(known)}; for another import its leverage tiers "
            "(`backtest data import --kind tiers`)"
        )

    def _elsewhere(self, side: str) -> str:
        other = self.other(inverse=side == "inverse")
        return f"; its {side} contracts are those of {other}" if other else ""


_WITHOUT_DEFAULT = frozenset(
    field.name for field in fields(VenueRules) if field.default is MISSING and field.default_factory is MISSING
)


def held_at(sets: Sequence[VenueRules], at_ns: int | None = None) -> VenueRules:
    """The set that holds at an instant, the first one before all dates; without an instant the latest."""
    held = [each for each in sets if at_ns is None or each.valid_from_ns is None or each.valid_from_ns <= at_ns]
    return held[-1] if held else sets[0]


def changed_rules(before: VenueRules, after: VenueRules) -> list[str]:
    """The rules in which two sets differ and which a run does not change by itself, as it does the shape of tiers."""
    return [name for name in RULES if name != "marginal" and getattr(before, name) != getattr(after, name)]


def fitted(tables: Sequence[TierTable], sets: Sequence[VenueRules]) -> tuple[TierTable, ...]:
    """Tier tables in the shape of the rules of their time: cut where the venue went over to marginal tiers."""
    changes = [after.valid_from_ns or 0 for before, after in pairwise(sets) if before.marginal != after.marginal]
    found: list[TierTable] = []
    for number, table in enumerate(tables):
        first = table.valid_from_ns
        until = tables[number + 1].valid_from_ns if number + 1 < len(tables) else inf
        early = number == 0 and any(when <= first for when in changes)
        begin = min(0, first) if early else first
        for when in (begin, *(each for each in changes if begin < each < until)):
            found.append(_shaped(table, held_at(sets, when).marginal, when))
    return tuple(found)


def _shaped(table: TierTable, marginal: bool, from_ns: int) -> TierTable:
    if table.marginal == marginal and table.valid_from_ns == from_ns:
        return table
    rungs = [(tier.cap, tier.rate, tier.leverage, tier.slope) for tier in table.tiers]
    seen = table.seen_ns or (table.valid_from_ns, None)
    return replace(TierTable.from_rungs(from_ns, rungs, table.source, marginal), seen_ns=seen, assumed=table.assumed)


def _table(dated: DatedTiers, rules: VenueRules, contract_size: float) -> TierTable:
    unit = contract_size if rules.tier_unit is TierUnit.QUANTITY else 1.0
    rungs = [(cap * unit, *rest) for cap, *rest in dated.rungs]
    return replace(
        TierTable.from_rungs(dated.from_ns, rungs, dated.source, rules.marginal),
        seen_ns=(dated.from_ns, dated.last_seen_ns),
        assumed=dated.assumed,
    )


def _sources(facts: Mapping[str, Stated]) -> list[str]:
    """One line a source: the facts that are from it."""
    by_source: dict[str, list[str]] = {}
    for name in FACTS:
        if name in facts and not facts[name].assumed:
            what = "fees" if name in FEES else name.replace("_", " ")
            by_source.setdefault(facts[name].source, []).append(what)
    said = [f"{', '.join(dict.fromkeys(names))}: {source}" for source, names in by_source.items()]
    assumed = [name.replace("_", " ") for name in FACTS if name in facts and facts[name].assumed]
    return [*said, f"{', '.join(assumed)}: assumed, general knowledge"] if assumed else said


def _tier_sources(tables: Iterable[TierTable], shipped: Sequence[DatedTiers]) -> list[str]:
    """One line a source of tiers; of the shipped ones without the date, which each table has."""
    dated = {each.source: each.source.rpartition(", ")[0] for each in shipped}
    said = [f"assumed are {each.assumed}" if each.assumed else dated.get(each.source, each.source) for each in tables]
    return [f"tiers: {each}" for each in dict.fromkeys(said)]
