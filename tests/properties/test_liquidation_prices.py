"""Kernel and calculator agree on where a position is liquidated: random positions of all venues, at all their dates.

The kernel holds each position, and is shown a mark one tick before the calculator's price and one tick beyond it; there
the balance, worked out on its own, has not met the requirement yet, and has.
"""

from __future__ import annotations

import numpy as np
from numba import config

from backtest import calculator as calc
from backtest import venues
from backtest.broker.rounding import round_down
from backtest.broker.tiers import leverage_cap
from backtest.broker.valuation import units
from backtest.clock import time_text
from backtest.enums import LedgerKind, TierUnit
from tests.rulebook.kernel_positions import FIRST_MARK, in_kernel, kernel_margin, liquidations, lot_of

POSITIONS = 600 if config.DISABLE_JIT else 100_000
LEGS = 100
NEVER = 10**9
TICK = 1e-6
"""Of the entry price: about a venue's tick."""


def every_terms() -> list[calc.Terms]:
    """The terms of every venue and contract, at every date at which its rules or its tiers change."""
    found = []
    for venue in venues.venue_ids():
        for symbol in venues.symbols_of(venue):
            contract = venues.contract(venue, symbol)
            dates = {table.valid_from_ns for table in contract.tier_tables}
            dates |= {rules.valid_from_ns for rules in contract.rules if rules.valid_from_ns is not None}
            for when in sorted(dates | {0}):
                found.append(calc.Terms.of(venue=venue, symbol=symbol, date=time_text(when)))
    return found


def random_position(rng: np.random.Generator, terms: calc.Terms) -> calc.Position | None:
    """A position of any size that the tiers know, with margin added or not; None where it would be due at once."""
    entry = float(10.0 ** rng.uniform(-3.0, 5.0))
    caps = terms.tiers["cap"][np.isfinite(terms.tiers["cap"])]
    smallest, largest = (caps[0] / 100.0, caps[-1] * 1.5) if len(caps) else (1.0, 1e8)
    measure = float(np.exp(rng.uniform(np.log(smallest), np.log(largest))))
    by_quantity = terms.rules.tier_unit is TierUnit.QUANTITY
    size = measure if by_quantity else float(units(measure, entry, terms.term["inverse"]))
    size = float(round_down(size, lot_of(size)))
    quantity = size if rng.random() < 0.5 else -size
    cap = float(leverage_cap(quantity, entry, terms.term, terms.tiers))
    if cap < 1.0:
        return None
    leverage = float(np.exp(rng.uniform(0.0, np.log(cap))))
    leverage = max(1.0, np.floor(leverage) if terms.rules.whole_leverage else np.floor(100.0 * leverage) / 100.0)
    opened = kernel_margin(_with_margin(quantity, entry, 1.0, leverage, terms), leverage)
    position = _with_margin(quantity, entry, opened, leverage, terms)
    if _is_due(position):
        return None
    if rng.random() < 0.5:
        added = float(np.exp(rng.uniform(-5.0, 0.5))) * position.initial_margin
        position = _with_margin(quantity, entry, opened + added, leverage, terms)
    return None if _is_due(position) else position


def _with_margin(quantity: float, entry: float, margin: float, leverage: float, terms: calc.Terms) -> calc.Position:
    return calc.Position(quantity=quantity, entry_price=entry, margin=margin, leverage=leverage, terms=terms)


def _is_due(position: calc.Position) -> bool:
    """Whether the position is liquidated within three ticks of its entry price."""
    step = -3.0 * TICK * position.entry_price * np.sign(position.quantity)
    return calc.is_liquidated(position, position.entry_price + step) or calc.is_liquidated(position)


def drawn(seed: int) -> list[calc.Position]:
    """Positions of all terms in turn; linear and inverse ones in runs of their own, for they share no wallet."""
    rng = np.random.default_rng(seed)
    pool = every_terms()
    found: list[calc.Position] = []
    while len(found) < POSITIONS:
        position = random_position(rng, pool[int(rng.integers(len(pool)))])
        if position is not None:
            found.append(position)
    return sorted(found, key=lambda position: position.terms.inverse)


def test_kernel_and_calculator_liquidate_at_the_same_price_to_the_tick() -> None:
    positions = drawn(20_261_122)
    prices = np.array([calc.liquidation_price(position) or np.nan for position in positions])
    held, bars, kinds = np.empty(POSITIONS), np.empty(POSITIONS, np.int64), set()
    for first in range(0, POSITIONS, LEGS):
        run = slice(first, first + LEGS)
        ledger = in_kernel(positions[run], _marks(positions[run], prices[run]))
        opened = ledger[np.isin(ledger["kind"], (LedgerKind.OPEN, LedgerKind.ADD_MARGIN))]
        held[run][opened["leg"]] = opened["liquidation_after"]
        taken = liquidations(ledger)[::-1]
        bars[run] = NEVER
        bars[run][taken["leg"]] = taken["bar"]
        kinds |= set(taken["kind"])
    some = np.isfinite(prices)
    same = np.where(some, abs(held - prices) <= 1e-12 * prices, ~np.isfinite(held) | (held == 0.0))
    at_the_tick = bars == np.where(some, FIRST_MARK + 1, NEVER)
    before, beyond = (
        np.array([calc.is_liquidated(*each) for each in zip(positions, marks, strict=True)])
        for marks in _marks(positions, prices).T
    )
    due = (beyond == some) & ~before
    wrong = [(positions[row], held[row], prices[row], bars[row]) for row in np.flatnonzero(~(same & at_the_tick & due))]
    assert not wrong, f"{len(wrong)}: {wrong[0][1:]}, {wrong[0][0]}"
    assert some.mean() > 0.7
    assert {position.terms.rules.id for position in positions} == {*venues.venue_ids()} - {venues.SAMPLE}
    assert kinds == {LedgerKind.LIQUIDATION, LedgerKind.PARTIAL_LIQUIDATION}


def _marks(positions: list[calc.Position], prices: np.ndarray) -> np.ndarray:
    """A mark one tick before each price and one tick beyond it; without a price marks that are far away."""
    entry = np.array([position.entry_price for position in positions])
    sign = np.sign([position.quantity for position in positions])
    step = TICK * prices * sign
    marks = np.stack([prices + step, prices - step], axis=1)
    far = np.stack([entry, np.where(sign > 0.0, 1e-6 * entry, 1e6 * entry)], axis=1)
    return np.where(np.isfinite(prices)[:, None], marks, far)
