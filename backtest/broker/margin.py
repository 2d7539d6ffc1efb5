"""What opening a position needs, and what may be taken out of it again.

Initial margin = |q|·p / leverage (Binance, faq be2c7d9d95b04a7e8044ed02dd7dfe5c, with the open loss max(0, s·q·(p −
mark)) as part of the cost of opening). Removable margin = min(M − maintenance, M + q·(mark − E) − |q|·mark /
leverage) (Binance, faq 360038447311): unrealised profit may be withdrawn, down to the initial margin at the mark
price.
"""

from __future__ import annotations

from backtest.compiling import kernel


@kernel
def initial_margin(quantity, price, leverage):
    """Margin (quote currency) that `quantity` base units at `price` lock away at `leverage`.

    >>> initial_margin(0.5, 60_000.0, 10.0)
    3000.0
    """
    return abs(quantity) * price / leverage


@kernel
def open_loss(side, quantity, price, mark_price):
    """Loss at the mark price that an order of `side` carries from its first instant; none where the price is better
    than the mark.
    """
    return max(0.0, side * quantity * (price - mark_price))


@kernel
def removable_margin(quantity, entry_price, margin, leverage, mark_price, maintenance):
    """Margin (quote currency) that the venue lets go; never negative."""
    unrealised = quantity * (mark_price - entry_price)
    at_mark = abs(quantity) * mark_price / leverage
    return max(0.0, min(margin - maintenance, margin + unrealised - at_mark))
