"""The figures of an equity curve that need every bar, found without looking at most of them.

Between two rows of the ledger the quantities, entry prices, margins and the wallet stand still, so that the extremes of
the marks of a block of bars bound the equity in it. A block that can hold neither a new high nor a deeper fall is
passed over. What is found is exactly what the walk over all bars would find: the sums run in the same order.

The deepest fall below the highest close so far is looked for one high at a time: from a high to the next one only the
lowest close counts.
"""

from __future__ import annotations

from backtest.broker.records import record
from backtest.broker.valuation import unrealised_pnl
from backtest.compiling import kernel
from backtest.enums import LedgerKind

CURVE = record(floats="peak low deepest_peak deepest_low last")
"""What is found. `peak` is the highest close so far (the deposit, to begin with), `low` the lowest one since;
`deepest_...` are the two ends of the deepest fall; `last` is the last close.
"""

LEG = record(ints="symbol inverse", floats="quantity entry_price margin")

DEPOSIT = int(LedgerKind.DEPOSIT)


@kernel
def equity_at(balance, legs, closes, bar):
    """Equity at the close of a bar: wallet + Σ (margin + unrealised PnL)."""
    equity = balance
    for leg in range(legs.shape[0]):
        if legs[leg]["quantity"] != 0.0:
            equity += legs[leg]["margin"] + unrealised_pnl(
                legs[leg]["quantity"], legs[leg]["entry_price"], closes[legs[leg]["symbol"], bar], legs[leg]["inverse"]
            )
    return equity


@kernel
def bounds(balance, legs, lows, highs, block):
    """Lowest and highest equity that the marks of a block allow."""
    least = balance
    most = balance
    for leg in range(legs.shape[0]):
        quantity = legs[leg]["quantity"]
        if quantity != 0.0:
            worst = lows[legs[leg]["symbol"], block]
            best = highs[legs[leg]["symbol"], block]
            if quantity < 0.0:
                worst, best = best, worst
            entry_price, inverse = legs[leg]["entry_price"], legs[leg]["inverse"]
            least += legs[leg]["margin"] + unrealised_pnl(quantity, entry_price, worst, inverse)
            most += legs[leg]["margin"] + unrealised_pnl(quantity, entry_price, best, inverse)
    return least, most


@kernel
def keep_deepest(curve):
    """Take the fall since the last high into the deepest one."""
    if curve["low"] / curve["peak"] - 1.0 < curve["deepest_low"] / curve["deepest_peak"] - 1.0:
        curve["deepest_peak"] = curve["peak"]
        curve["deepest_low"] = curve["low"]


@kernel
def note(curve, equity):
    """Take a close into the curve."""
    if equity > curve["peak"]:
        keep_deepest(curve)
        curve["peak"] = equity
        curve["low"] = equity
    elif equity < curve["low"]:
        curve["low"] = equity


@kernel
def nothing_new(curve, least, most):
    """Whether closes between these bounds change nothing that is looked for."""
    if not most <= curve["peak"]:
        return False
    if least >= curve["low"]:
        return True
    return least / curve["peak"] - 1.0 >= curve["deepest_low"] / curve["deepest_peak"] - 1.0


@kernel
def take_row(legs, row):
    """Write the state after a ledger row into its leg."""
    if row["kind"] != DEPOSIT:
        leg = legs[row["leg"]]
        leg["quantity"] = row["position_after"]
        leg["entry_price"] = row["entry_after"]
        leg["margin"] = row["margin_after"]


@kernel
def is_flat(legs):
    """Whether no leg is open."""
    flat = True
    for leg in range(legs.shape[0]):
        flat = flat and legs[leg]["quantity"] == 0.0
    return flat


@kernel
def walk(curve, balance, legs, closes, lows, highs, size, start, stop):
    """Note the closes of bars in [start, stop), which is within a wide block, block by block."""
    bar = start
    while bar < stop:
        end = min(stop, (bar // size + 1) * size)
        least, most = bounds(balance, legs, lows, highs, bar // size)
        if not nothing_new(curve, least, most):
            for each in range(bar, end):
                note(curve, equity_at(balance, legs, closes, each))
        bar = end


@kernel
def follow_curve(ledger, closes, lows, highs, size, wide_lows, wide_highs, wide_size, marks, curve, legs, at):
    """Follow the equity over the closes of all bars; `at[k]` becomes the equity at bar `marks[k]` (rising).

    closes: (symbols, bars), a missing one carried. lows, highs: its extremes in blocks of `size` bars, and in wide
    ones.
    """
    bars = closes.shape[1]
    row = 0
    k = 0
    bar = 0
    balance = 0.0
    while bar < bars:
        while row < ledger.shape[0] and ledger[row]["bar"] <= bar:
            take_row(legs, ledger[row])
            balance = ledger[row]["wallet_after"]
            row += 1
        end = min(bars, ledger[row]["bar"]) if row < ledger.shape[0] else bars
        while k < marks.shape[0] and marks[k] < end:
            at[k] = equity_at(balance, legs, closes, marks[k])
            k += 1
        if is_flat(legs):
            note(curve, balance)
            bar = end
        while bar < end:
            stop = min(end, (bar // wide_size + 1) * wide_size)
            least, most = bounds(balance, legs, wide_lows, wide_highs, bar // wide_size)
            if not nothing_new(curve, least, most):
                walk(curve, balance, legs, closes, lows, highs, size, bar, stop)
            bar = stop
    keep_deepest(curve)
    curve["last"] = equity_at(balance, legs, closes, bars - 1)
