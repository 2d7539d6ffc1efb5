"""Cross margin beside isolated margin: one wallet answers for all positions of its settlement currency.

In cross mode a position has as margin what the wallet and the unrealised PnL of the others leave above the others'
requirements, M = W + Σ(PnL − requirement); its liquidation price is that of an isolated position with this margin and
without a fee set aside, the other marks standing still (Binance, faq b3c689c1f50a44cabb3a84e663b81d93: WB − TMM + UPNL;
dYdX: p' = (e − s·p − MMR_others) / (|s|·MMF − s); section 8 of docs/order-of-events.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from backtest.broker.cross import needed
from backtest.calculator.assessment import bankruptcy_price, liquidation_price
from backtest.calculator.position import Position, above
from backtest.enums import FeeReserve
from backtest.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Held:
    """A position of a cross account at a mark price."""

    position: Position
    mark_price: float

    def __post_init__(self) -> None:
        above("mark price", self.mark_price)


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """One position in both modes: isolated with its own `margin`, and cross with the margin that the account leaves it.

    In isolated mode it can lose `margin`; in cross mode the wallet, all of it at the cross bankruptcy price.
    """

    margin: float
    liquidation_price: float | None
    bankruptcy_price: float | None
    cross_margin: float
    cross_liquidation_price: float | None
    cross_bankruptcy_price: float | None


def cross_position(position: Position, wallet: float, others: Sequence[Held] = ()) -> Position:
    """The position with the margin that it has in cross mode, beside `others`; `wallet` is the whole wallet balance
    (settlement currency, without unrealised PnL).
    """
    if any(other.position.terms.inverse != position.terms.inverse for other in others):
        raise UsageError("linear and inverse contracts settle in different currencies, so they share no wallet")
    terms = replace(position.terms, rules=replace(position.terms.rules, fee_reserve=FeeReserve.NONE))
    held_back = sum(requirement(other) for other in others)
    return replace(position, terms=terms, margin=wallet + _unrealised(others) - held_back)


def requirement(held: Held) -> float:
    """What a position adds to the account's requirement at its mark: maintenance margin and the trigger's fee."""
    position = held.position
    return float(
        needed(
            position.quantity,
            position.entry_price,
            float(held.mark_price),
            position.terms.term,
            position.terms.tiers,
        )
    )


def side_by_side(held: Sequence[Held], wallet: float) -> tuple[SideBySide, ...]:
    """Each position isolated, with its own margin, and cross, with one `wallet` for all."""
    rows = []
    for row, each in enumerate(held):
        others = [*held[:row], *held[row + 1 :]]
        cross = cross_position(each.position, wallet, others)
        rows.append(
            SideBySide(
                margin=each.position.margin,
                liquidation_price=liquidation_price(each.position, each.mark_price),
                bankruptcy_price=bankruptcy_price(each.position),
                cross_margin=cross.margin,
                cross_liquidation_price=liquidation_price(cross, each.mark_price),
                cross_bankruptcy_price=bankruptcy_price(replace(cross, margin=wallet + _unrealised(others))),
            )
        )
    return tuple(rows)


def _unrealised(held: Sequence[Held]) -> float:
    return sum(each.position.unrealised_pnl(each.mark_price) for each in held)
