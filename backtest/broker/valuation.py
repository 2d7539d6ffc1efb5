"""What a position is worth at a price. Linear contracts: profit and loss in quote currency.

With q the signed quantity, E the entry price, M the position's own margin and p the mark price: unrealised PnL = q·(p
− E), margin balance = M + q·(p − E), margin ratio = maintenance margin / margin balance (Binance, faq
b3c689c1f50a44cabb3a84e663b81d93).
"""

from __future__ import annotations

import math

from backtest.compiling import kernel


@kernel
def unrealised_pnl(quantity, entry_price, price):
    """Profit (quote currency) of closing the signed `quantity` at `price`.

    >>> unrealised_pnl(-2.0, 100.0, 90.0)
    20.0
    """
    if quantity == 0.0:
        return 0.0
    return quantity * (price - entry_price)


@kernel
def margin_balance(quantity, entry_price, margin, price):
    """The position's own margin with its unrealised PnL at `price` (quote currency)."""
    return margin + unrealised_pnl(quantity, entry_price, price)


@kernel
def margin_ratio(maintenance, balance):
    """Maintenance margin over margin balance; infinite where the balance is spent. Liquidation at 1 and above."""
    if balance <= 0.0:
        return math.inf
    return maintenance / balance


@kernel
def distance(price, liquidation_price):
    """Share of `price` between it and the liquidation price; infinite where there is none (NaN)."""
    if math.isnan(liquidation_price):
        return math.inf
    return abs(price - liquidation_price) / price
