"""Funding: longs pay shorts where the rate is positive, the other way round where it is negative.

payment = q × mark × rate on the quantity held into the stamp (Binance, "Introduction to Funding Rates"); an isolated
position pays out of its own margin, which moves its liquidation price (Binance, user data stream: ACCOUNT_UPDATE
carries the position's `iw`). A venue whose rule is *wallet first* takes the margin only for what the wallet does not
hold.
"""

from __future__ import annotations

from backtest.broker.codes import FROM_BOTH, FROM_MARGIN, NO_ORDER, NO_REASON, ROW_FUNDING
from backtest.broker.ledger import post
from backtest.broker.liquidation import requirement
from backtest.broker.valuation import free_balance, margin_balance, notional
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


@kernel
def pay_funding(account, settings, position, term, tiers, ledger, leg, rate):
    """Settle an open position's funding at `rate` and its mark price."""
    paid = payment(position["quantity"], position["mark_price"], rate, term["inverse"])
    spare = 0.0
    if term["funding_pocket"] == FROM_BOTH:
        spare = _spare(position, term, tiers)
    wallet, margin = pockets(paid, term["funding_pocket"], free_balance(account), spare)
    if account["cross"] == 1:
        wallet, margin = -paid, 0.0
    paid = -(wallet + margin)
    post(
        account, settings, position, term, tiers, ledger, leg, ROW_FUNDING, NO_ORDER, 0, NO_REASON, 0,
        position["mark_price"], 0.0, 0.0, wallet, margin, 0.0, paid, 0.0, 0.0, 0.0,
    )  # fmt: skip


@kernel
def _spare(position, term, tiers):
    """What the position's balance has above the requirement at its mark price, and a billionth of it: funding alone
    does not liquidate.
    """
    quantity, entry, margin, mark = (
        position["quantity"], position["entry_price"], position["margin"], position["mark_price"],
    )  # fmt: skip
    needed = requirement(quantity, entry, margin, position["leverage"], mark, term, tiers)
    return margin_balance(quantity, entry, margin, mark, term["inverse"]) - needed * (1.0 + 1e-9)
