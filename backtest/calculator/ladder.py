"""One position at several leverages, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backtest.broker import valuation
from backtest.broker.tiers import leverage_cap
from backtest.calculator.assessment import bankruptcy_price, liquidation_price
from backtest.calculator.outcome import fees_on_margin
from backtest.calculator.position import Position, sign
from backtest.calculator.terms import Terms

USUAL = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 25.0, 50.0, 75.0, 100.0, 125.0)


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A leverage and what it brings. `distance` is a fraction of the entry price, `fees_on_margin` the round-trip
    taker fee over the initial margin, `offered` whether the tier of this notional allows the leverage.
    """

    leverage: float
    offered: bool
    margin: float
    liquidation_price: float | None
    distance: float | None
    bankruptcy_price: float | None
    fees_on_margin: float


def ladder(
    side: str, quantity: float, entry_price: float, terms: Terms, leverages: Sequence[float] | None = None
) -> tuple[Rung, ...]:
    """The position at each leverage; without a list, at the usual ones that the tier allows."""
    cap = float(leverage_cap(sign(side) * float(quantity), float(entry_price), terms.term, terms.tiers))
    chosen = [each for each in USUAL if each <= cap] if leverages is None else leverages
    return tuple(
        _rung(Position.opened(side, quantity, entry_price, terms=terms, leverage=leverage), leverage <= cap)
        for leverage in chosen
    )


def _rung(position: Position, offered: bool) -> Rung:
    liquidated = liquidation_price(position)
    return Rung(
        leverage=position.leverage,
        offered=offered,
        margin=position.margin,
        liquidation_price=liquidated,
        distance=None if liquidated is None else float(valuation.distance(position.entry_price, liquidated)),
        bankruptcy_price=bankruptcy_price(position),
        fees_on_margin=fees_on_margin(position),
    )
