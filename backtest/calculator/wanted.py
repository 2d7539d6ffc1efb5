"""The questions asked backwards: which margin, leverage or size brings a wanted liquidation price, loss or distance.

Where the answer is no formula of the venue's, it is found by halving an interval with the forward function: so tiers,
reserves and jumps of the requirement are met by the one rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from backtest.broker import commands, fees, liquidation, valuation
from backtest.broker import position as positions
from backtest.broker.codes import BY_MARGIN, BY_RISK
from backtest.broker.rounding import round_down, round_up
from backtest.broker.tiers import leverage_cap
from backtest.calculator.assessment import is_liquidated, liquidation_price
from backtest.calculator.position import Position, above, opening_margin, sign
from backtest.calculator.terms import Terms
from backtest.errors import UsageError

HALVINGS = 200


def distance_of(position: Position, mark_price: float) -> float:
    """Share of the mark price between it and the liquidation price; infinite where there is none, 0 where it is met."""
    if is_liquidated(position, mark_price):
        return 0.0
    price = liquidation_price(position, mark_price)
    return math.inf if price is None else float(valuation.distance(float(mark_price), price))


def margin_for(position: Position, target_price: float, mark_price: float | None = None) -> float:
    """The whole own margin with which the position is liquidated at `target_price`.

    Where the tiers hold for the whole position the requirement jumps, and there may be no such margin: then it is the
    least one with which the position, from `mark_price` on (the entry price, where none is given), outlives the target.
    """
    target = above("liquidation price", target_price)
    needed = float(
        liquidation.margin_for(
            position.quantity,
            position.entry_price,
            position.leverage,
            target,
            position.terms.term,
            position.terms.tiers,
        )
    )
    if position.terms.rules.marginal or _beyond(replace(position, margin=needed), target, mark_price):
        return needed

    def dies(more: float) -> bool:
        return not _beyond(replace(position, margin=needed + more), target, mark_price)

    return needed + _last(dies, position.notional(position.entry_price) * 1e-9)


def top_up_for(
    position: Position,
    *,
    liquidation_price: float | None = None,
    distance: float | None = None,
    mark_price: float | None = None,
) -> float:
    """Margin to add so that the liquidation price is the wanted one, or lies `distance` from `mark_price`; negative:
    that much is to spare.
    """
    target = target_of(position, liquidation_price, distance, mark_price)
    return margin_for(position, target, mark_price) - position.margin


def target_of(
    position: Position, liquidation_price: float | None, distance: float | None, mark_price: float | None
) -> float:
    """The liquidation price that is wanted: named, or a distance from the mark price."""
    if liquidation_price is not None and distance is None:
        return above("liquidation price", liquidation_price)
    if distance is None or liquidation_price is not None:
        raise UsageError("give one of a wanted liquidation price and a wanted distance")
    if mark_price is None:
        raise UsageError("a distance is a fraction of the mark price: give the mark price too")
    return above("mark price", mark_price) * (1.0 - distance if position.quantity > 0.0 else 1.0 + distance)


@dataclass(frozen=True, kw_only=True)
class LeverageLimit:
    """The highest leverage that a venue offers under a wish; `exact` where it would be met to the last digit.

    `next_leverage` is the next step above it; None where the cap of the tier is what ends it.
    """

    leverage: float
    exact: float
    cap: float
    position: Position
    next_leverage: float | None = None


def max_leverage(
    side: str, quantity: float, entry_price: float, terms: Terms, *, stop: float, buffer: float = 0.0
) -> LeverageLimit:
    """The highest leverage with which the liquidation price lies at least `buffer` (a fraction of the stop) beyond
    `stop`.

    >>> found = max_leverage("long", 0.5, 60_000, Terms.of_rate(0.004), stop=57_000, buffer=0.01)
    >>> found.leverage, round(found.exact, 2)
    (15.8, 15.81)
    """
    signed = sign(side) * above("quantity", quantity)
    above("stop", stop)
    if (stop - entry_price) * signed >= 0.0:
        raise UsageError(f"a stop at {stop:g} is on the wrong side of the entry price {entry_price:g} of a {side}")
    target = stop * (1.0 - sign(side) * buffer)
    cap = float(leverage_cap(signed, float(entry_price), terms.term, terms.tiers))

    def missing(leverage: float) -> float:
        own = opening_margin(signed, entry_price, leverage, terms)
        probe = Position(
            quantity=signed, entry_price=entry_price, margin=own, leverage=min(leverage, 1e300), terms=terms
        )
        return own - margin_for(probe, target)

    at_most, at_one = missing(1e300), missing(1.0)
    if at_one < 0.0:
        raise UsageError(f"even a leverage of 1 is liquidated before {target:g}; add margin, or move the stop")
    exact = math.inf if at_most >= 0.0 else (at_one - at_most) / -at_most
    step = 1.0 if terms.rules.whole_leverage else 0.01
    leverage = max(1.0, float(round_down(min(exact, cap), step)))
    opened = _at_leverage(signed, entry_price, leverage, terms)
    while leverage > 1.0 and not _beyond(opened, target):
        leverage = max(1.0, float(round_down(leverage - step, step)))
        opened = _at_leverage(signed, entry_price, leverage, terms)
    following = leverage + step
    return LeverageLimit(
        leverage=leverage,
        exact=exact,
        cap=cap,
        position=opened,
        next_leverage=following if following <= cap else None,
    )


def size_for_margin(side: str, entry_price: float, terms: Terms, *, margin: float, leverage: float) -> float:
    """Quantity whose initial margin is `margin` at `leverage`, down to the lot."""
    return _sized(BY_MARGIN, above("margin", margin), side, entry_price, terms, leverage=above("leverage", leverage))


def size_for_risk(side: str, entry_price: float, terms: Terms, *, loss: float, stop: float) -> float:
    """Quantity that loses `loss` (settlement currency, without fees) at `stop`, down to the lot."""
    above("stop", stop)
    if (entry_price - stop) * sign(side) <= 0.0:
        raise UsageError(f"a stop at {stop:g} is on the wrong side of the entry price {entry_price:g} of a {side}")
    return _sized(BY_RISK, 1.0, side, entry_price, terms, stop=stop, equity=above("loss", loss))


def size_for_liquidation(
    side: str, entry_price: float, terms: Terms, *, margin: float, liquidation_price: float
) -> float:
    """The largest quantity that `margin` keeps from being liquidated before `liquidation_price`, down to the lot."""
    target, own = above("liquidation price", liquidation_price), above("margin", margin)
    if (entry_price - target) * sign(side) <= 0.0:
        raise UsageError(
            f"a liquidation price of {target:g} is on the wrong side of the entry price {entry_price:g} of a {side}"
        )

    def holds(quantity: float) -> bool:
        return _beyond(Position.opened(side, quantity, entry_price, terms=terms, margin=own), target)

    smallest = float(valuation.units(own, entry_price, terms.term["inverse"])) * 1e-9
    return float(round_down(_last(holds, smallest), terms.lot))


def entry_for(side: str, quantity: float, terms: Terms, *, leverage: float, liquidation_price: float) -> float:
    """The entry price furthest from `liquidation_price` with which a position of this leverage is not liquidated
    before it: where a limit order may wait.
    """
    long = sign(side) > 0
    target = above("liquidation price", liquidation_price)

    def holds(ratio: float) -> bool:
        entry = target * ratio if long else target / ratio
        return _beyond(Position.opened(side, quantity, entry, terms=terms, leverage=leverage), target)

    if holds(1e6):
        raise UsageError(f"at a leverage of {leverage:g} a {side} outlives {target:g} from any entry price")
    if not holds(1.0):
        raise UsageError(f"a leverage of {leverage:g} leaves no distance at all here; take a lower one")
    ratio = _last(holds, 1.0)
    return target * ratio if long else target / ratio


@dataclass(frozen=True, kw_only=True)
class PartialClose:
    """A part to close and what is left of the position, with what the part set free put back as margin.

    `released` is what closing returns to the wallet (margin of the part and PnL, less the fee), `pnl` the realised
    part of it.
    """

    quantity: float
    pnl: float
    released: float
    position: Position


def closing(position: Position, quantity: float, price: float, *, fee: float | None = None) -> PartialClose:
    """Closing `quantity` at `price` as taker, and adding what that returns to the rest as margin."""
    left, pnl, proceeds = closed(position, quantity, price, fee=fee)
    if left is None:
        raise UsageError("closing the whole position leaves nothing that could have a distance")
    return PartialClose(quantity=quantity, pnl=pnl, released=proceeds, position=left.adding(proceeds))


def closed(
    position: Position, quantity: float, price: float, *, fee: float | None = None
) -> tuple[Position | None, float, float]:
    """What is left after closing `quantity` at `price`, the realised PnL, and what returns to the wallet."""
    term = position.terms.term
    size = abs(position.quantity)
    if quantity > size * (1.0 + 1e-12):
        raise UsageError(f"the position is {size:g}; {quantity:g} of it cannot be closed")
    rate = position.terms.taker if fee is None else fee
    paid = float(fees.fee(rate, float(quantity), float(price), term["inverse"]))
    pnl, proceeds, from_margin, _ = positions.reduction(
        position.quantity, position.entry_price, position.margin, float(quantity), float(price), paid, term["inverse"]
    )
    rest = float(positions.diminished(position.quantity, float(quantity), term["lot"]))
    left = None if rest == 0.0 else replace(position, quantity=rest, margin=position.margin - float(from_margin))
    return left, float(pnl), float(proceeds)


def close_for(position: Position, mark_price: float, distance: float) -> PartialClose:
    """The smallest part to close at the mark so that the liquidation price is `distance` away, when what the part
    returns is added to the rest as margin.

    Without adding it back the liquidation price would stay where it is: closing releases margin in proportion.
    """
    above("mark price", mark_price)
    if not 0.0 < distance < 1.0:
        raise UsageError(f"a distance of {distance:g} is no fraction between 0 and 1; write 5 % as 0.05")
    if distance_of(position, mark_price) >= distance:
        raise UsageError(
            f"the liquidation price is {distance_of(position, mark_price):.4g} away already; nothing is to close"
        )
    size = abs(position.quantity)

    def short_of(quantity: float) -> bool:
        return distance_of(closing(position, quantity, mark_price).position, mark_price) < distance

    low, high = 0.0, size * (1.0 - 1e-9)
    if short_of(high):
        raise UsageError("no part is enough: what the rest would be worth does not reach that far; add margin")
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if short_of(middle) else (low, middle)
    return closing(position, float(round_up(high, position.terms.lot)), mark_price)


def enlarge(position: Position, added: float, price: float, leverage: float | None = None) -> Position:
    """The position after adding `added` at `price`, with the margin that opening this much locks at `leverage` (that of
    the position, where none is given), which is then the leverage of the whole.
    """
    terms = position.terms
    side = 1 if position.quantity > 0.0 else -1
    lever = above("leverage", position.leverage if leverage is None else leverage)
    quantity, entry = positions.enlarged(
        position.quantity,
        position.entry_price,
        side,
        above("quantity", added),
        above("price", price),
        terms.term["lot"],
        terms.term["inverse"],
    )
    own = position.margin + opening_margin(side * added, price, lever, terms)
    return replace(position, quantity=float(quantity), entry_price=float(entry), margin=own, leverage=lever)


def add_for_entry(position: Position, price: float, entry_price: float) -> float:
    """The quantity that brings the entry price to `entry_price` when it is added at `price`, up to the lot."""
    above("price", price)
    if not min(position.entry_price, price) < above("entry price", entry_price) < max(position.entry_price, price):
        raise UsageError(
            f"an entry price of {entry_price:g} does not lie between that of the position ({position.entry_price:g}) "
            f"and the price of the addition ({price:g})"
        )

    def short_of(added: float) -> bool:
        reached = enlarge(position, added, price).entry_price
        return (reached - entry_price) * (position.entry_price - price) > 0.0

    return float(round_up(_last(short_of, abs(position.quantity) * 1e-9), position.terms.lot))


def _sized(
    kind: int,
    size: float,
    side: str,
    price: float,
    terms: Terms,
    *,
    leverage: float = 1.0,
    stop: float = math.nan,
    equity: float = 0.0,
) -> float:
    quantity = commands.quantity_of(
        kind, size, above("entry price", price), leverage, stop, sign(side), equity, 0.0, terms.term["inverse"]
    )
    return float(round_down(quantity, terms.lot))


def _at_leverage(quantity: float, price: float, leverage: float, terms: Terms) -> Position:
    own = opening_margin(quantity, price, leverage, terms)
    return Position(quantity=quantity, entry_price=price, margin=own, leverage=leverage, terms=terms)


def _beyond(position: Position, price: float, mark_price: float | None = None) -> bool:
    """Whether the position outlives `price` (to the last digits of a double)."""
    found = liquidation_price(position, mark_price)
    if found is None:
        return not is_liquidated(position, price)
    return (price - found) * position.quantity >= -1e-12 * price * abs(position.quantity)


def _last(holds: Callable[[float], bool], start: float) -> float:
    """The largest number for which `holds` is true, where it is true up to some number and false above."""
    low, high = 0.0, start
    for _ in range(HALVINGS):
        if not holds(high):
            break
        low, high = high, 2.0 * high
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
