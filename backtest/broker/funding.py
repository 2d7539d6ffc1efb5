"""Funding: longs pay shorts where the rate is positive, the other way round where it is negative.

payment = q × mark × rate on the quantity held into the stamp (Binance, "Introduction to Funding Rates"); an isolated
position pays out of its own margin, which moves its liquidation price (Binance, user data stream: ACCOUNT_UPDATE
carries the position's `iw`). A venue whose rule is *wallet first* takes the margin only for what the wallet does not
hold.
"""

from __future__ import annotations

from backtest.broker.codes import FROM_WALLET
from backtest.compiling import kernel


@kernel
def payment(quantity, mark_price, rate):
    """What the holder of the signed `quantity` pays (quote currency); negative where he receives.

    >>> payment(-2.0, 100.0, 0.0001)
    -0.02
    """
    return quantity * mark_price * rate


@kernel
def pockets(paid, pocket, free):
    """The change of (wallet, margin) that `paid` makes, out of the `pocket` of the venue's rule with `free` in the
    wallet.
    """
    if pocket == FROM_WALLET:
        from_wallet = min(paid, max(0.0, free))
        return -from_wallet, -(paid - from_wallet)
    return 0.0, -paid
