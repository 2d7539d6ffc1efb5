"""What opening a position needs, what of it is set aside for the closing fee, and what may be taken out again.

Initial margin = notional / leverage (Binance, faq be2c7d9d95b04a7e8044ed02dd7dfe5c, with the open loss, the loss at the
mark that the order carries from its first instant, as part of the cost of opening). Some venues lock a fee to close
beside it: on the value at entry (Gate, 0.075 %), on the value at the bankruptcy price (Bybit: value·(1 ∓ 1/L)·taker),
or on value and initial margin together (KuCoin until May 2025, BitMEX: value·(1 + 1/L)·taker).

Removable: min(M − requirement, M + uPnL − notional at mark / leverage), so that unrealised profit may be withdrawn
(Binance, faq 360038447311); or down to the greater of the initial margin at the mark and a tenth of the notional
(Hyperliquid, margining).
"""

from __future__ import annotations

from backtest.broker.codes import (
    LEVERAGE_KEEPS,
    LEVERAGE_RESETS,
    REMOVABLE_NONE,
    REMOVABLE_TENTH,
    RESERVE_BANKRUPTCY,
    RESERVE_MOVING,
    RESERVE_NONE,
    RESERVE_VALUE,
)
from backtest.broker.valuation import notional, tilt, unrealised_pnl
from backtest.compiling import kernel


@kernel
def initial_margin(quantity, price, leverage, inverse):
    """Margin (settlement currency) that `quantity` at `price` locks away at `leverage`.

    >>> initial_margin(0.5, 60_000.0, 10.0, 0), initial_margin(60_000.0, 50_000.0, 10.0, 1)
    (3000.0, 0.12)
    """
    return notional(quantity, price, inverse) / leverage


@kernel
def fee_reserve(quantity, entry_price, margin, leverage, term):
    """Part of the position's margin that is set aside for the fee to close (settlement currency).

    Only that of `MOVING_BANKRUPTCY` depends on the margin: n_b = (t·n − M) / (t − rate) is the value at the price where
    the margin pays the loss and just this fee.
    """
    kind = term["fee_reserve"]
    if kind == RESERVE_NONE:
        return 0.0
    value = notional(quantity, entry_price, term["inverse"])
    rate = term["reserve_fee"]
    if kind == RESERVE_VALUE:
        return rate * value
    lean = tilt(quantity, term["inverse"])
    if kind == RESERVE_BANKRUPTCY:
        return rate * value * (1.0 - lean / leverage)
    if kind == RESERVE_MOVING:
        return rate * max(0.0, (lean * value - margin) / (lean - rate))
    return rate * value * (1.0 + 1.0 / leverage)


@kernel
def opening_reserve(quantity, price, leverage, term):
    """What opening the signed `quantity` at `price` sets aside for the fee to close."""
    kind = term["fee_reserve"]
    if kind == RESERVE_NONE:
        return 0.0
    if kind == RESERVE_MOVING:
        rest = 1.0 - tilt(quantity, term["inverse"]) / leverage
        return term["reserve_fee"] * notional(quantity, price, term["inverse"]) * rest
    return fee_reserve(quantity, price, 0.0, leverage, term)


@kernel
def counted_reserve(quantity, entry_price, margin, leverage, term):
    """The reserve where the venue counts it inside the requirement too, else 0."""
    if term["reserve_in_trigger"] == 0:
        return 0.0
    return fee_reserve(quantity, entry_price, margin, leverage, term)


@kernel
def open_loss(side, quantity, price, mark_price, inverse):
    """Loss at the mark price that an order of `side` carries from its first instant; none where the price is better
    than the mark.
    """
    return max(0.0, -unrealised_pnl(side * quantity, price, mark_price, inverse))


@kernel
def removable_margin(quantity, entry_price, margin, leverage, mark_price, requirement, term):
    """Margin (settlement currency) that the venue lets go at the mark; never negative."""
    kind = term["removable"]
    if kind == REMOVABLE_NONE:
        return 0.0
    inverse = term["inverse"]
    value = notional(quantity, mark_price, inverse)
    balance = margin + unrealised_pnl(quantity, entry_price, mark_price, inverse)
    if kind == REMOVABLE_TENTH:
        return max(0.0, min(balance - requirement, balance - value * max(1.0 / leverage, 0.1)))
    reserve = fee_reserve(quantity, entry_price, margin, leverage, term)
    return max(0.0, min(margin - requirement, balance - value / leverage - reserve))


@kernel
def drawn_by_leverage(quantity, entry_price, margin, leverage, term):
    """Margin that the change to `leverage` draws from the wallet (gives back, where negative)."""
    if term["leverage_change"] == LEVERAGE_KEEPS:
        return 0.0
    wanted = initial_margin(quantity, entry_price, leverage, term["inverse"])
    drawn = wanted + opening_reserve(quantity, entry_price, leverage, term) - margin
    return drawn if term["leverage_change"] == LEVERAGE_RESETS else max(0.0, drawn)
