"""The isolated-margin calculator: what a position needs, where it is liquidated, what a top-up does. Exported as
`bt.calc`.

It calls the very rules that the broker kernel runs on (`backtest.broker`), so that a figure here is the figure in a
backtest. A position's terms are either those of a venue's contract at a date, or a maintenance rate and amount given
outright.

    >>> from backtest import calculator as calc
    >>> terms = calc.Terms.of_rate(0.004)
    >>> position = calc.Position.opened("long", 0.5, 60_000, leverage=10, terms=terms)
    >>> round(calc.liquidation_price(position), 2), calc.bankruptcy_price(position)
    (54216.87, 54000.0)
    >>> round(calc.top_up_for(position, liquidation_price=50_000), 2)
    2100.0

Linear contracts; money in quote currency, quantity in base units, rates as plain fractions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from backtest import venues
from backtest.broker import liquidation, margin, tiers, valuation
from backtest.broker.records import TIER
from backtest.clock import moment_ns
from backtest.errors import UsageError
from backtest.market.contract import records

SideText = Literal["long", "short"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Terms:
    """What a position is judged by: its leverage tiers, and the fee rates of the contract."""

    tiers: NDArray[np.void]
    taker: float = 0.0
    trigger_fee: float = 0.0
    source: str = ""

    @classmethod
    def of_contract(cls, venue: str, symbol: str, date: str | int | None = None) -> Terms:
        """The terms of a venue's contract at a date (UTC text or nanoseconds; without one, the latest known)."""
        contract = venues.contract(venue, symbol)
        at_ns = 2**62 if date is None else moment_ns(date)
        _, tables, rungs = records((contract,))
        row = int(tiers.table_at(tables, 0, len(tables), at_ns))
        first, count = int(tables[row]["first"]), int(tables[row]["tiers"])
        return cls(
            tiers=rungs[first : first + count],
            taker=contract.taker,
            trigger_fee=venues.rules(venue, None if date is None else at_ns).trigger_fee,
            source=contract.tiers_at(at_ns).source,
        )

    @classmethod
    def of_rate(cls, maintenance_rate: float, maintenance_amount: float = 0.0, *, taker: float = 0.0) -> Terms:
        """One tier given outright: maintenance margin = notional × rate − amount."""
        if not 0.0 <= maintenance_rate < 1.0:
            raise UsageError(f"a maintenance rate of {maintenance_rate:g} is no fraction below 1; write 0.4 % as 0.004")
        tier = np.zeros(1, TIER)
        tier["cap"], tier["leverage"] = math.inf, math.inf
        tier["rate"], tier["amount"] = maintenance_rate, maintenance_amount
        return cls(tiers=tier, taker=taker, source="as given")


@dataclass(frozen=True, kw_only=True, eq=False)
class Position:
    """An isolated position: signed quantity, entry price, its own margin (without unrealised PnL), leverage setting,
    terms.
    """

    quantity: float
    entry_price: float
    margin: float
    leverage: float
    terms: Terms

    def __post_init__(self) -> None:
        if not (math.isfinite(self.quantity) and self.quantity != 0.0):
            raise UsageError(f"a quantity of {self.quantity} is no position; give base units above 0 and a side")
        for name in ("entry_price", "leverage"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0.0):
                raise UsageError(f"{name} is {getattr(self, name)}; it must be a number above 0")
        if not math.isfinite(self.margin):
            raise UsageError(f"margin is {self.margin}; it must be a number (quote currency)")

    @classmethod
    def opened(
        cls,
        side: SideText,
        quantity: float,
        entry_price: float,
        *,
        terms: Terms,
        leverage: float | None = None,
        margin: float | None = None,
        added_margin: float = 0.0,
        funding_paid: float = 0.0,
    ) -> Position:
        """A position from what a trader knows: `margin` is its whole own wallet; without it, it follows from the
        leverage.

        added_margin and funding_paid (quote currency) change a margin that follows from the leverage.
        """
        if side not in ("long", "short"):
            raise UsageError(f"side is '{side}'; it is long or short")
        if quantity <= 0.0:
            raise UsageError(f"quantity is {quantity:g}; it is positive, the side says the direction")
        if leverage is None and margin is None:
            raise UsageError("neither leverage nor margin is given; one of them says how much margin the position has")
        if margin is None:
            own = initial_margin(quantity, entry_price, leverage or math.nan) + added_margin - funding_paid
        else:
            own = margin
        if leverage is None:
            leverage = max(1.0, quantity * entry_price / own) if own > 0.0 else 1.0
        signed = quantity if side == "long" else -quantity
        return cls(quantity=signed, entry_price=entry_price, margin=own, leverage=leverage, terms=terms)

    @property
    def figures(self) -> tuple[float, float, float]:
        """Signed quantity, entry price and margin as doubles."""
        return float(self.quantity), float(self.entry_price), float(self.margin)

    def adding(self, amount: float) -> Position:
        """The same position with `amount` (quote currency) more margin; negative for less."""
        return replace(self, margin=self.margin + amount)


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """A position at a mark price. A price that does not exist is None; ratios are plain fractions."""

    mark_price: float
    notional: float
    initial_margin: float
    margin: float
    unrealised_pnl: float
    margin_balance: float
    maintenance_margin: float
    maintenance_rate: float
    maintenance_amount: float
    margin_ratio: float
    liquidation_price: float | None
    bankruptcy_price: float | None
    distance: float | None
    effective_leverage: float
    leverage_cap: float
    removable_margin: float


def initial_margin(quantity: float, price: float, leverage: float) -> float:
    """Margin that opening `quantity` at `price` locks away.

    >>> initial_margin(0.5, 60_000, 10)
    3000.0
    """
    return float(margin.initial_margin(float(quantity), float(price), float(leverage)))


def liquidation_price(position: Position) -> float | None:
    """First adverse mark price at which the venue liquidates; None where there is none.

    (s·|q|·E − M − D) / (|q|·(s − m − c)) with the tier of the notional at that price.
    """
    terms = position.terms
    quantity, entry_price, own = position.figures
    price = liquidation.liquidation_price(
        quantity, entry_price, own, terms.tiers, 0, len(terms.tiers), terms.trigger_fee
    )
    return None if math.isnan(price) else float(price)


def bankruptcy_price(position: Position) -> float | None:
    """Price at which the position's own margin is spent; None for a long that no positive price can spend."""
    price = float(liquidation.bankruptcy_price(position.quantity, position.entry_price, position.margin))
    return price if price > 0.0 else None


def maintenance_margin(terms: Terms, notional: float) -> float:
    """What the venue requires of a position of `notional` at the mark price."""
    return float(tiers.maintenance_margin(terms.tiers, 0, len(terms.tiers), float(notional)))


def top_up_for(
    position: Position,
    *,
    liquidation_price: float | None = None,
    distance: float | None = None,
    mark_price: float | None = None,
) -> float:
    """Margin to add so that the liquidation price is (or lies `distance` from `mark_price`); negative: that much is
    to spare.
    """
    if (liquidation_price is None) == (distance is None):
        raise UsageError("give one of liquidation_price and distance")
    if distance is not None:
        if mark_price is None:
            raise UsageError("a distance is a fraction of the mark price: give mark_price too")
        liquidation_price = mark_price * (1.0 - distance if position.quantity > 0.0 else 1.0 + distance)
    terms = position.terms
    quantity, entry_price, own = position.figures
    target = float(liquidation_price or math.nan)
    wanted = liquidation.margin_for(quantity, entry_price, target, terms.tiers, 0, len(terms.tiers), terms.trigger_fee)
    return float(wanted) - own


def assess(position: Position, mark_price: float | None = None) -> Assessment:
    """Everything about a position at a mark price (its entry price, where none is given)."""
    mark = float(position.entry_price if mark_price is None else mark_price)
    if not (math.isfinite(mark) and mark > 0.0):
        raise UsageError(f"mark_price is {mark}; it must be a number above 0")
    terms = position.terms
    notional = abs(position.quantity) * mark
    tier = terms.tiers[int(tiers.tier_of(terms.tiers, 0, len(terms.tiers), notional))]
    needed = maintenance_margin(terms, notional) + terms.trigger_fee * notional
    balance = float(valuation.margin_balance(position.quantity, position.entry_price, float(position.margin), mark))
    liquidated = liquidation_price(position)
    return Assessment(
        mark_price=mark,
        notional=notional,
        initial_margin=initial_margin(abs(position.quantity), position.entry_price, position.leverage),
        margin=position.margin,
        unrealised_pnl=float(valuation.unrealised_pnl(position.quantity, position.entry_price, mark)),
        margin_balance=balance,
        maintenance_margin=needed,
        maintenance_rate=float(tier["rate"]),
        maintenance_amount=float(tier["amount"]),
        margin_ratio=float(valuation.margin_ratio(needed, balance)),
        liquidation_price=liquidated,
        bankruptcy_price=bankruptcy_price(position),
        distance=None if liquidated is None else float(valuation.distance(mark, liquidated)),
        effective_leverage=notional / balance if balance > 0.0 else math.inf,
        leverage_cap=float(tier["leverage"]),
        removable_margin=float(
            margin.removable_margin(
                position.quantity, position.entry_price, position.margin, position.leverage, mark, needed
            )
        ),
    )


def explain(position: Position) -> str:
    """The liquidation formula with the position's figures put in."""
    price = liquidation_price(position)
    side = 1 if position.quantity > 0.0 else -1
    size = abs(position.quantity)
    at = position.entry_price if price is None else price
    tier = position.terms.tiers[int(tiers.tier_of(position.terms.tiers, 0, len(position.terms.tiers), size * at))]
    figures = (
        f"({side:+d}·{size:g}·{position.entry_price:g} − {position.margin:g} − {tier['amount']:g}) / "
        f"({size:g}·({side:+d} − {tier['rate']:g} − {position.terms.trigger_fee:g}))"
    )
    if price is None:
        return f"liquidation price: none, for {figures} is not positive: the margin covers the position's whole value"
    return f"liquidation price = (s·|q|·E − M − D) / (|q|·(s − m − c)) = {figures} = {price:.8g}"
