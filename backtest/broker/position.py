"""How a fill changes a position: pure functions of numbers.

Adding averages the entry price by quantity (that of an inverse contract: its inverse). Reducing keeps it, realises the
PnL of the part and releases the same
share of the margin; a loss beyond what is released is taken from the margin that remains, and beyond that from the
insurance fund, so that a reduction never costs the wallet anything.
"""

from __future__ import annotations

from backtest.broker.rounding import round_nearest
from backtest.broker.valuation import unrealised_pnl
from backtest.compiling import kernel


@kernel
def enlarged(quantity, entry_price, side, added, price, lot, inverse):
    """Signed quantity and entry price after `added` units of `side` at `price`; 0 units stand at the price itself."""
    size = abs(quantity)
    total = size + added
    if size == 0.0:
        entry = price
    elif inverse == 1:
        entry = total / (size / entry_price + added / price)
    else:
        entry = (size * entry_price + added * price) / total
    return side * round_nearest(total, lot), entry


@kernel
def diminished(quantity, closed, lot):
    """Signed quantity that is left after `closed` units of it."""
    left = round_nearest(max(0.0, abs(quantity) - closed), lot)
    return left if quantity > 0.0 else -left


@kernel
def reduction(quantity, entry_price, margin, closed, price, fee, inverse):
    """What closing `closed` units at `price` moves: (pnl, to the wallet, from the margin, from the insurance
    fund).
    """
    size = abs(quantity)
    pnl = unrealised_pnl(closed if quantity > 0.0 else -closed, entry_price, price, inverse)
    released = margin if closed >= size else margin * (closed / size)
    proceeds = released + pnl - fee
    drawn = 0.0
    shortfall = 0.0
    if proceeds < 0.0:
        drawn = min(-proceeds, max(0.0, margin - released))
        shortfall = -proceeds - drawn
        proceeds = 0.0
    return pnl, proceeds, released + drawn, shortfall
