"""What a position is worth at a price.

Linear contracts count the quantity q in base units and money in quote currency: unrealised PnL = q·(p − E), notional =
|q|·p. Inverse contracts count q in quote units and money in coin: q·(1/E − 1/p) and |q|/p. Both are linear in the
notional of the position, which falls as the price goes against a linear long and an inverse short (`tilt` +1) and rises
against the other two (−1).

Margin balance = M + unrealised PnL with M the position's own margin, margin ratio = requirement / margin balance
(Binance, faq b3c689c1f50a44cabb3a84e663b81d93).
"""

from __future__ import annotations

import math

from backtest.compiling import kernel


@kernel
def notional(quantity, price, inverse):
    """Value (settlement currency) of the signed `quantity` at `price`, without its sign.

    >>> notional(-2.0, 100.0, 0), notional(-100.0, 50.0, 1)
    (200.0, 2.0)
    """
    return abs(quantity) / price if inverse == 1 else abs(quantity) * price


@kernel
def free_balance(account):
    """What the wallet has for new positions, margin and reserves."""
    return account["wallet"] - account["reserved"] + account["floating"]


@kernel
def units(value, price, inverse):
    """Quantity whose notional at `price` is `value` (both with their sign)."""
    return value * price if inverse == 1 else value / price


@kernel
def tilt(quantity, inverse):
    """+1 where the notional falls as the price goes against the position, −1 where it rises."""
    return 1.0 if (quantity > 0.0) == (inverse == 0) else -1.0


@kernel
def unrealised_pnl(quantity, entry_price, price, inverse):
    """Profit (settlement currency) of closing the signed `quantity` at `price`.

    >>> unrealised_pnl(-2.0, 100.0, 90.0, 0), unrealised_pnl(100.0, 50.0, 100.0, 1)
    (20.0, 1.0)
    """
    if quantity == 0.0:
        return 0.0
    if inverse == 1:
        return quantity * ((price - entry_price) / (entry_price * price))
    return quantity * (price - entry_price)


@kernel
def margin_balance(quantity, entry_price, margin, price, inverse):
    """The position's own margin with its unrealised PnL at `price` (settlement currency)."""
    return margin + unrealised_pnl(quantity, entry_price, price, inverse)


@kernel
def margin_ratio(requirement, balance):
    """Requirement over margin balance; infinite where the balance is spent. Liquidation at 1 and above."""
    if balance <= 0.0:
        return math.inf
    return requirement / balance


@kernel
def distance(price, liquidation_price):
    """Share of `price` between it and the liquidation price; infinite where there is none (NaN)."""
    if math.isnan(liquidation_price):
        return math.inf
    return abs(price - liquidation_price) / price
