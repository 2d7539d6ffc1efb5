"""Venues: their rules and the facts of their contracts, found by the venue's id (or a file of one's own) and a date."""

from __future__ import annotations

from collections.abc import Sequence

from backtest.market.contract import Contract, TierTable
from backtest.venues.library import SAMPLE, find, is_path, is_sample, shipped
from backtest.venues.rules import VenueRules
from backtest.venues.symbols import canonical
from backtest.venues.venue import Venue

__all__ = ["SAMPLE", "Venue", "VenueRules", "contract", "default_contract", "find", "history_of", "is_path"]
__all__ += ["rules", "symbols_of", "venue_ids"]


def venue_ids() -> tuple[str, ...]:
    """The venues whose rules ship with the project, and the sample market."""
    return (*shipped(), SAMPLE)


def rules(venue: str, at_ns: int | None = None) -> VenueRules:
    """The rules of a venue at an instant (the latest ones without it); an unknown venue raises with the near name.

    >>> rules("binance").funding_pocket
    <Pocket.MARGIN: 1>
    """
    return find(venue).rules(at_ns)


def contract(venue: str, symbol: str, *, imported: Sequence[TierTable] = (), at_ns: int | None = None) -> Contract:
    """The contract of a symbol in any of its written forms, of shipped facts and of tier tables that a user imported.

    Fees and steps are those of an instant (the latest without it).

    >>> contract("binance", "BTCUSDT").tiers_at(0).tiers[0].rate
    0.004
    """
    return find(venue).contract(canonical(symbol, venue), imported, at_ns=at_ns, called=venue)


def default_contract(venue: str, *, inverse: bool | None = None, at_ns: int | None = None) -> Contract:
    """The contract that is meant where none is named: the venue's usual one, or its usual linear (inverse) one.

    >>> default_contract("binance").symbol, default_contract("binance", inverse=True).venue
    ('BTC/USDT:USDT', 'binance-coin')
    """
    found = find(venue)
    other = "" if inverse is None else found.other(inverse=inverse)
    if other:
        return default_contract(other, at_ns=at_ns)
    return found.contract(found.usual(inverse=inverse), at_ns=at_ns, called=venue)


def symbols_of(venue: str) -> tuple[str, ...]:
    """The symbols whose leverage tiers ship with the project (or stand in a user's file)."""
    return find(venue).symbols


def history_of(venue: str) -> str:
    """The name under which the store keeps a venue's history; a venue whose rules are not known keeps its own."""
    if is_sample(venue) or (not is_path(venue) and venue not in shipped()):
        return venue
    return find(venue).history
