"""Venues: their rules and the facts of their contracts, found by the venue's name and a date."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backtest.errors import UsageError, near
from backtest.market.contract import Contract, TierTable
from backtest.venues import binance, facts
from backtest.venues.rules import VenueRules
from backtest.venues.symbols import canonical

__all__ = ["SAMPLE", "VenueRules", "contract", "rules", "symbols_of", "venue_ids"]

SAMPLE = "sample"
"""The embedded synthetic market, and `sample-11` that of seed 11; it is traded under the rules of Binance."""

_RULES = {"binance": binance.RULES, SAMPLE: binance.RULES}
_FACTS = {"binance": binance.FACTS, SAMPLE: binance.FACTS}


def venue_ids() -> tuple[str, ...]:
    """The venues whose rules are known."""
    return tuple(_RULES)


def rules(venue: str, at_ns: int | None = None) -> VenueRules:
    """The rules of a venue at an instant (the latest ones without it); an unknown venue raises with the near name."""
    sets = _RULES[_known(venue)]
    held = [each for each in sets if at_ns is None or each.valid_from_ns is None or each.valid_from_ns <= at_ns]
    return held[-1] if held else sets[0]


def contract(venue: str, symbol: str, *, imported: Sequence[TierTable] = ()) -> Contract:
    """The contract of a symbol in any of its written forms, of shipped facts and of tier tables that a user imported.

    >>> contract("binance", "BTCUSDT").tiers_at(0).tiers[0].rate
    0.004
    """
    return facts.build(venue, canonical(symbol, venue), facts.read(_FACTS[_known(venue)]), imported)


def symbols_of(venue: str) -> tuple[str, ...]:
    """The symbols whose leverage tiers ship with the project."""
    known = facts.read(_FACTS[_known(venue)]).contracts
    return tuple(symbol for symbol, entry in known.items() if entry.tier_tables)


def _known(venue: str) -> str:
    if re.fullmatch(rf"{SAMPLE}-\d+", venue):
        return SAMPLE
    if venue in _RULES:
        return venue
    raise UsageError(
        f"the margin rules of '{venue}' are not known here; {near(venue, _RULES)}they are known for {', '.join(_RULES)}"
    )
