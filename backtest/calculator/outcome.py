"""What closing a position brings after fees and funding, and which price brings a wanted profit.

A profit and a fee are both linear in the notional, so the price of a wanted profit follows from the profit at two
notionals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from backtest.broker import fees
from backtest.broker.liquidation import price_of
from backtest.calculator.position import Position, above


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Rates of the opening and closing fee (None: the taker fee) and the funding paid (below 0: received)."""

    opening_fee: float | None = None
    closing_fee: float | None = None
    funding_paid: float = 0.0


NO_FUNDING = Costs()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of closing: `pnl` of the price alone, `net` after fees and funding. `roe` is `net` over the initial
    margin, `return_price` the change of the price itself.
    """

    price: float
    pnl: float
    opening_fee: float
    closing_fee: float
    funding_paid: float
    net: float
    roe: float
    return_price: float


def outcome(position: Position, price: float, costs: Costs = NO_FUNDING) -> Outcome:
    """What closing at `price` brings.

    >>> from backtest.calculator.terms import Terms
    >>> position = Position.opened("long", 0.5, 60_000, leverage=10, terms=Terms.of_rate(0.004, taker=0.0005))
    >>> outcome(position, 66_000).net
    2968.5
    """
    above("price", price)
    opened, closed = _fee(position, position.entry_price, costs.opening_fee), _fee(position, price, costs.closing_fee)
    pnl = position.unrealised_pnl(price)
    net = pnl - opened - closed - costs.funding_paid
    return Outcome(
        price=float(price),
        pnl=pnl,
        opening_fee=opened,
        closing_fee=closed,
        funding_paid=costs.funding_paid,
        net=net,
        roe=net / position.initial_margin,
        return_price=float(price) / position.entry_price - 1.0,
    )


def price_for(position: Position, profit: float, costs: Costs = NO_FUNDING) -> float | None:
    """Price at which closing brings `profit` (settlement currency) after fees and funding; None where none does."""
    value = position.notional(position.entry_price)
    inverse = position.terms.term["inverse"]

    def price_at(notional: float) -> float:
        return float(price_of(notional, position.quantity, value, inverse))

    at_entry = outcome(position, position.entry_price, costs).net
    at_twice = outcome(position, price_at(2.0 * value), costs).net
    price = price_at(value * (1.0 + (profit - at_entry) / (at_twice - at_entry)))
    return price if math.isfinite(price) and price > 0.0 else None


def break_even(position: Position, costs: Costs = NO_FUNDING) -> float | None:
    """Price at which closing pays back both fees and the funding; None where none does.

    >>> from backtest.calculator.terms import Terms
    >>> position = Position.opened("long", 0.5, 60_000, leverage=10, terms=Terms.of_rate(0.004, taker=0.0005))
    >>> round(break_even(position), 2)
    60060.03
    """
    return price_for(position, 0.0, costs)


def fees_on_margin(position: Position) -> float:
    """Round-trip taker fee at the entry price, as a share of the initial margin."""
    return 2.0 * _fee(position, position.entry_price, None) / position.initial_margin


def _fee(position: Position, price: float, rate: float | None) -> float:
    paid = position.terms.taker if rate is None else rate
    return float(fees.fee(paid, position.quantity, float(price), position.terms.term["inverse"]))
