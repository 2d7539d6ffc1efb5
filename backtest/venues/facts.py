"""Dated facts of contracts that ship with the project: one TOML file a venue, with the source of what it says."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from math import inf

from backtest.clock import moment_ns
from backtest.errors import UsageError, near
from backtest.market.contract import Contract, TierTable

ASSUMED = {"tick": 1e-8, "lot": 1e-8, "minimum_notional": 5.0, "liquidation_fee": 0.015}
"""What is taken for a contract that no shipped fact names, once its tiers are imported: fine steps, a high fee."""


@dataclass(frozen=True, kw_only=True)
class ContractFacts:
    """What is known of one contract, apart from tiers that a user imports."""

    fields: Mapping[str, float]
    tier_tables: tuple[TierTable, ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class VenueFacts:
    """The facts of one venue's file."""

    contracts: Mapping[str, ContractFacts]
    maker: float
    taker: float
    fee_source: str
    snapshots: tuple[date, ...]


@cache
def read(name: str) -> VenueFacts:
    """The facts of a file beside this module."""
    with resources.files("backtest.venues").joinpath(name).open("rb") as file:
        table = tomllib.load(file)
    contracts = {symbol: _contract(entry, table) for symbol, entry in table["contracts"].items()}
    return VenueFacts(
        contracts=contracts,
        maker=table["maker"],
        taker=table["taker"],
        fee_source=table["fee_source"],
        snapshots=tuple(table["snapshots"]),
    )


def build(venue: str, symbol: str, facts: VenueFacts, imported: Sequence[TierTable]) -> Contract:
    """A contract of shipped facts and imported tiers; of two tables of one date the imported one holds."""
    known = facts.contracts.get(symbol)
    if known is None and not imported:
        names = [name for name, entry in facts.contracts.items() if entry.tier_tables]
        raise UsageError(
            f"nothing is known of the contract '{symbol}' at {venue}; {near(symbol, names)}"
            f"known are {', '.join(names)}; for another import its leverage tiers (`backtest data import --kind tiers`)"
        )
    if known is None:
        assumed = "tick, lot, minimum notional and liquidation fee: assumed, for no fact of this contract is shipped"
        known = ContractFacts(fields=ASSUMED, tier_tables=(), sources=(assumed,))
    tables = {table.valid_from_ns: table for table in (*known.tier_tables, *imported)}
    return Contract(
        venue=venue,
        symbol=symbol,
        tick=known.fields["tick"],
        lot=known.fields["lot"],
        minimum_notional=known.fields["minimum_notional"],
        maker=facts.maker,
        taker=facts.taker,
        liquidation_fee=known.fields["liquidation_fee"],
        price_band=known.fields.get("price_band", inf),
        tier_tables=tuple(tables[when] for when in sorted(tables)),
        sources=(*known.sources, f"fees: {facts.fee_source}", *dict.fromkeys(f"tiers: {t.source}" for t in imported)),
    )


def _contract(entry: Mapping[str, object], table: Mapping[str, str]) -> ContractFacts:
    fields = {key: float(value) for key, value in entry.items() if isinstance(value, int | float)}
    assumed = entry.get("assumed", [])
    tiers = entry.get("tiers", {})
    if not isinstance(assumed, list) or not isinstance(tiers, dict):
        raise UsageError("a file of contract facts is damaged; reinstall the package")
    stated = ", ".join(name.replace("_", " ") for name in fields if name not in assumed)
    sources = [f"{stated}: {table['contract_source']}"] if stated else []
    if assumed:
        sources.append(f"{', '.join(name.replace('_', ' ') for name in assumed)}: assumed, general knowledge")
    tables = tuple(
        TierTable.from_rungs(moment_ns(when), rungs, f"{table['source']}, {when}") for when, rungs in tiers.items()
    )
    if tables:
        sources.append(f"tiers: {table['source']}")
    return ContractFacts(fields=fields, tier_tables=tables, sources=tuple(sources))
