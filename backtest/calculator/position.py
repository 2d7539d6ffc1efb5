"""An isolated position as the calculator knows it, and how it comes from what a trader knows.

`margin` is the position's whole own wallet, without unrealised PnL, with the fee to close where the venue sets one
aside. Where a trader names a leverage in its place, opening locks the initial margin and that fee
(`backtest.broker.margin`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from backtest.broker import fees, valuation
from backtest.broker import margin as margins
from backtest.calculator.terms import Terms
from backtest.enums import Pocket
from backtest.errors import UsageError

SideText = Literal["long", "short"]
_SIDES = {"long": 1, "buy": 1, "short": -1, "sell": -1}


@dataclass(frozen=True, kw_only=True, eq=False)
class Position:
    """Signed quantity (base units; quote units of an inverse contract), entry price, own margin (settlement currency),
    leverage, terms.
    """

    quantity: float
    entry_price: float
    margin: float
    leverage: float
    terms: Terms

    def __post_init__(self) -> None:
        if not (math.isfinite(self.quantity) and self.quantity != 0.0):
            raise UsageError(f"a quantity of {self.quantity} is no position; give a number above 0 and a side")
        for name in ("entry_price", "leverage"):
            above(name.replace("_", " "), getattr(self, name))
        if not math.isfinite(self.margin):
            raise UsageError(f"margin is {self.margin}; it must be a number (settlement currency)")
        for name in ("quantity", "entry_price", "margin", "leverage"):
            object.__setattr__(self, name, float(getattr(self, name)))

    @classmethod
    def opened(
        cls,
        side: str,
        quantity: float,
        entry_price: float,
        *,
        terms: Terms,
        leverage: float | None = None,
        margin: float | None = None,
        added_margin: float = 0.0,
        funding_paid: float = 0.0,
    ) -> Position:
        """A position from what a trader knows; of `margin` (its whole own wallet) and `leverage` one follows from the
        other.

        `added_margin` and `funding_paid` (settlement currency) change a margin that follows from the leverage; funding
        that the venue takes from the wallet does not.
        """
        signed = sign(side) * above("quantity", quantity)
        above("entry price", entry_price)
        if leverage is None and margin is None:
            raise UsageError("neither leverage nor margin is given; one of them says how much margin the position has")
        if leverage is None:
            leverage = leverage_of(signed, entry_price, (margin or 0.0) - added_margin, terms)
        if margin is None:
            margin = opening_margin(signed, entry_price, above("leverage", leverage), terms) + added_margin
            if terms.rules.funding_pocket is Pocket.MARGIN:
                margin -= funding_paid
        return cls(quantity=signed, entry_price=entry_price, margin=margin, leverage=leverage, terms=terms)

    @property
    def side(self) -> SideText:
        """The direction."""
        return "long" if self.quantity > 0.0 else "short"

    @property
    def initial_margin(self) -> float:
        """Notional at entry over leverage, without a fee to close."""
        inverse = self.terms.term["inverse"]
        return float(margins.initial_margin(self.quantity, self.entry_price, self.leverage, inverse))

    @property
    def fee_reserve(self) -> float:
        """Part of the margin that the venue sets aside for the fee to close."""
        return float(margins.fee_reserve(self.quantity, self.entry_price, self.margin, self.leverage, self.terms.term))

    def notional(self, price: float) -> float:
        """Value at a price (settlement currency)."""
        return float(valuation.notional(self.quantity, float(price), self.terms.term["inverse"]))

    def unrealised_pnl(self, price: float) -> float:
        """Profit at a price (settlement currency)."""
        return float(
            valuation.unrealised_pnl(self.quantity, self.entry_price, float(price), self.terms.term["inverse"])
        )

    def adding(self, amount: float) -> Position:
        """The same position with `amount` (settlement currency) more margin; negative for less."""
        return replace(self, margin=self.margin + amount)


def sign(side: str) -> int:
    """+1 for long and buy, −1 for short and sell.

    >>> sign("Long"), sign("sell")
    (1, -1)
    """
    found = _SIDES.get(side.strip().lower())
    if found is None:
        raise UsageError(f"side is '{side}'; it is long or short")
    return found


def above(name: str, value: float, least: float = 0.0) -> float:
    """A finite number above `least`; raises `UsageError` for any other."""
    if not (math.isfinite(value) and value > least):
        raise UsageError(f"{name} is {value:g}; it must be a number above {least:g}")
    return float(value)


def opening_margin(quantity: float, price: float, leverage: float, terms: Terms) -> float:
    """What opening the signed `quantity` leaves in the position's own wallet: initial margin and the fee to close, less
    an opening fee that the venue takes out of it.
    """
    term = terms.term
    own = margins.initial_margin(quantity, price, leverage, term["inverse"])
    own += margins.opening_reserve(quantity, price, leverage, term)
    if terms.rules.opening_fee_pocket is Pocket.MARGIN:
        own -= fees.fee(term["taker"], quantity, price, term["inverse"])
    return float(own)


def leverage_of(quantity: float, price: float, margin: float, terms: Terms) -> float:
    """The leverage (1 at least) that leaves `margin` at opening; the margin is linear in one over the leverage."""
    least = opening_margin(quantity, price, math.inf, terms)
    most = opening_margin(quantity, price, 1.0, terms)
    share = (margin - least) / (most - least)
    value = float(valuation.notional(quantity, price, terms.term["inverse"]))
    if share <= 0.0:
        return max(1.0, value / margin) if margin > 0.0 else 1.0
    return max(1.0, 1.0 / share)
