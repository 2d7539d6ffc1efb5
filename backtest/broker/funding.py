"""Funding: longs pay shorts where the rate is positive, the other way round where it is negative.

payment = q × mark × rate on the quantity held into the stamp (Binance, "Introduction to Funding Rates"); an isolated
position pays out of its own margin, which moves its liquidation price (Binance, user data stream: ACCOUNT_UPDATE
carries the position's `iw`). A venue whose rule is *wallet first* takes the margin only for what the wallet does not
hold.
"""

from __future__ import annotations

from backtest.broker.codes import FROM_BOTH, FROM_MARGIN
from backtest.broker.valuation import notional
from backtest.compiling import kernel


@kernel
def payment(quantity, mark_price, rate, inverse):
    """What the holder of the signed `quantity` pays (settlement currency); negative where he receives.

    >>> payment(-2.0, 100.0, 0.0001, 0)
    -0.02
    """
    value = notional(quantity, mark_price, inverse)
    return (value if quantity > 0.0 else -value) * rate


@kernel
def pockets(paid, pocket, free, spare):
    """The change of (wallet, margin) that `paid` makes, out of the `pocket` of the venue's rule with `free` in the
    wallet; `spare` is what the margin may lose.
    """
    if pocket == FROM_MARGIN:
        return 0.0, -paid
    from_wallet = min(paid, max(0.0, free))
    rest = paid - from_wallet
    if pocket == FROM_BOTH:
        rest = min(rest, max(0.0, spare))
    return -from_wallet, -rest
