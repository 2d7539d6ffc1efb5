"""How a fill changes a position: pure functions of numbers.

Adding averages the entry price by quantity. Reducing keeps it, realises s·closed·(price − E) and releases the same
share of the margin; a loss beyond what is released is taken from the margin that remains, and beyond that from the
insurance fund, so that a reduction never costs the wallet anything.
"""

from __future__ import annotations

from backtest.broker.rounding import round_nearest
from backtest.compiling import kernel


@kernel
def enlarged(quantity, entry_price, side, added, price, lot):
    """Signed quantity and entry price after `added` base units of `side` at `price`."""
    size = abs(quantity)
    total = size + added
    entry = (size * entry_price + added * price) / total
    return side * round_nearest(total, lot), entry


@kernel
def diminished(quantity, closed, lot):
    """Signed quantity that is left after `closed` base units of it."""
    left = round_nearest(max(0.0, abs(quantity) - closed), lot)
    return left if quantity > 0.0 else -left


@kernel
def reduction(quantity, entry_price, margin, closed, price, fee):
    """What closing `closed` base units at `price` moves: (pnl, to the wallet, from the margin, from the insurance
    fund).
    """
    size = abs(quantity)
    pnl = closed * (price - entry_price) if quantity > 0.0 else closed * (entry_price - price)
    released = margin if closed >= size else margin * (closed / size)
    proceeds = released + pnl - fee
    drawn = 0.0
    shortfall = 0.0
    if proceeds < 0.0:
        drawn = min(-proceeds, max(0.0, margin - released))
        shortfall = -proceeds - drawn
        proceeds = 0.0
    return pnl, proceeds, released + drawn, shortfall
