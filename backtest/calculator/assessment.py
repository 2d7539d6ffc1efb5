"""What a position is worth at a mark price, where it is liquidated, and how the venue prints that price."""

from __future__ import annotations

import math
from dataclasses import dataclass

from backtest.broker import liquidation, margin, tiers, valuation
from backtest.broker.rounding import round_down, round_nearest, round_up
from backtest.calculator.position import Position, SideText, above
from backtest.enums import LiquidationRounding, LiquidationStyle

CENT = 0.01


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """A position at a mark price. Money is in settlement currency, ratios are plain fractions, a price that does not
    exist is None.

    `margin` is the whole own wallet, of which `fee_reserve` is set aside for the fee to close. `maintenance_margin` is
    what the venue reports as such, `requirement` what the balance must not fall to; `margin_ratio` is `requirement`
    over `margin_balance` (liquidation at 1). `roe` is the unrealised PnL over the initial margin.
    `liquidation_price_printed` is rounded as the venue rounds; None where no tick is known. `returned` is what comes
    back to the wallet when the whole is liquidated just at the liquidation price (0 where the venue keeps it).
    """

    side: SideText
    quantity: float
    entry_price: float
    mark_price: float
    leverage: float
    notional: float
    initial_margin: float
    fee_reserve: float
    margin: float
    unrealised_pnl: float
    roe: float
    margin_balance: float
    maintenance_margin: float
    maintenance_rate: float
    maintenance_amount: float
    requirement: float
    margin_ratio: float
    liquidated: bool
    liquidation_price: float | None
    liquidation_price_printed: float | None
    bankruptcy_price: float | None
    distance: float | None
    returned: float | None
    effective_leverage: float
    leverage_cap: float
    removable_margin: float


def assess(position: Position, mark_price: float | None = None) -> Assessment:
    """Everything about a position at a mark price (its entry price, where none is given)."""
    mark = _mark(position, mark_price)
    term, rungs = position.terms.term, position.terms.tiers
    quantity, entry = position.quantity, position.entry_price
    size = tiers.tier_size(quantity, entry, mark, term)
    tier = rungs[int(tiers.tier_of(rungs, term["first"], term["count"], size))]
    needed = requirement(position, mark)
    balance = margin_balance(position, mark)
    liquidated = liquidation_price(position, mark)
    unrealised = position.unrealised_pnl(mark)
    return Assessment(
        side=position.side,
        quantity=abs(quantity),
        entry_price=entry,
        mark_price=mark,
        leverage=position.leverage,
        notional=position.notional(mark),
        initial_margin=position.initial_margin,
        fee_reserve=position.fee_reserve,
        margin=position.margin,
        unrealised_pnl=unrealised,
        roe=unrealised / position.initial_margin,
        margin_balance=balance,
        maintenance_margin=maintenance_margin(position, mark),
        maintenance_rate=float(tiers.rate_of(tier, quantity)),
        maintenance_amount=float(tier["amount"]),
        requirement=needed,
        margin_ratio=float(valuation.margin_ratio(needed, balance)),
        liquidated=is_liquidated(position, mark),
        liquidation_price=liquidated,
        liquidation_price_printed=printed_price(position, liquidated),
        bankruptcy_price=bankruptcy_price(position),
        distance=None if liquidated is None else float(valuation.distance(mark, liquidated)),
        returned=None if liquidated is None else returned(position, liquidated),
        effective_leverage=position.notional(mark) / balance if balance > 0.0 else math.inf,
        leverage_cap=float(tiers.leverage_cap(quantity, mark, term, rungs)),
        removable_margin=removable_margin(position, mark),
    )


def liquidation_price(position: Position, mark_price: float | None = None) -> float | None:
    """First adverse mark price, from `mark_price` on, at which the venue liquidates; None where there is none.

    There is none either for a position that is past it at every price. Only tables whose tiers hold for the whole
    position, whose requirement jumps, depend on `mark_price` (the entry price, where none is given).
    """
    return _existing(
        liquidation.liquidation_price(
            position.quantity,
            position.entry_price,
            position.margin,
            position.leverage,
            _mark(position, mark_price),
            position.terms.term,
            position.terms.tiers,
        )
    )


def bankruptcy_price(position: Position) -> float | None:
    """Price at which the position's own margin (less a fee to close that the venue counts) is spent; None where the
    margin covers the whole value.
    """
    return _existing(
        liquidation.bankruptcy_price(
            position.quantity, position.entry_price, position.margin, position.leverage, position.terms.term
        )
    )


def requirement(position: Position, mark_price: float | None = None) -> float:
    """What the margin balance must not fall to at a mark price: maintenance margin and the fees that count in it."""
    return float(
        liquidation.requirement(
            position.quantity,
            position.entry_price,
            position.margin,
            position.leverage,
            _mark(position, mark_price),
            position.terms.term,
            position.terms.tiers,
        )
    )


def maintenance_margin(position: Position, mark_price: float | None = None) -> float:
    """The maintenance margin at a mark price as the venue reports it, with or without the fees of the requirement."""
    if position.terms.rules.fee_in_maintenance:
        return requirement(position, mark_price)
    return float(
        tiers.maintenance_margin(
            position.quantity,
            position.entry_price,
            _mark(position, mark_price),
            position.terms.term,
            position.terms.tiers,
        )
    )


def margin_balance(position: Position, mark_price: float | None = None) -> float:
    """Own margin and unrealised PnL at a mark price."""
    return float(
        valuation.margin_balance(
            position.quantity,
            position.entry_price,
            position.margin,
            _mark(position, mark_price),
            position.terms.term["inverse"],
        )
    )


def is_liquidated(position: Position, mark_price: float | None = None) -> bool:
    """Whether the venue liquidates at this mark: the balance is at (or, where its rule is strict, below) the
    requirement.
    """
    balance, needed = margin_balance(position, mark_price), requirement(position, mark_price)
    return balance < needed if position.terms.rules.strict else balance <= needed


def returned(position: Position, price: float) -> float:
    """What comes back to the wallet when the venue takes the whole position at a mark `price`: nothing, where it
    settles at the bankruptcy price; else the balance less the liquidation fee.
    """
    if position.terms.rules.liquidation_style is LiquidationStyle.BANKRUPTCY:
        return 0.0
    term = position.terms.term
    balance = margin_balance(position, price)
    fee = liquidation.liquidation_fee(term["liquidation_fee"], position.quantity, price, balance, term["inverse"])
    return max(0.0, balance - float(fee))


def removable_margin(position: Position, mark_price: float | None = None) -> float:
    """Margin that the venue lets go at a mark price."""
    mark = _mark(position, mark_price)
    return float(
        margin.removable_margin(
            position.quantity,
            position.entry_price,
            position.margin,
            position.leverage,
            mark,
            requirement(position, mark),
            position.terms.term,
        )
    )


def printed_price(position: Position, price: float | None) -> float | None:
    """A liquidation price as the venue shows it; None where the contract's tick is not known.

    Against the trader is up for a long and down for a short, because the position then ends earlier.
    """
    tick = position.terms.tick
    if price is None or tick == 0.0:
        return None
    long = position.quantity > 0.0
    match position.terms.rules.rounding:
        case LiquidationRounding.AGAINST_TRADER:
            return float(round_up(price, tick) if long else round_down(price, tick))
        case LiquidationRounding.TICK_BEYOND:
            return price + tick if long else price - tick
        case LiquidationRounding.CENT:
            return float(round_nearest(price, CENT))
        case _:
            return price


def _mark(position: Position, mark_price: float | None) -> float:
    return above("mark price", position.entry_price if mark_price is None else mark_price)


def _existing(price: float) -> float | None:
    return float(price) if math.isfinite(price) and price > 0.0 else None
