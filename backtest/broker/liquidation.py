"""Where an isolated position is liquidated, and where its margin is spent.

With n the notional at a price, n_E that at entry, t = ±1 its tilt (`valuation`), the balance is M + t·(n − n_E), for
linear and inverse contracts alike. The requirement is n·(m + c) − D + F (counted at the mark), or n_E·(m + c) − D + F
(counted at entry): m rate and D amount of the tier, c a fee that the venue counts inside the trigger, F the fee to
close where it is part of the requirement. The liquidation price is the first adverse mark price at which the balance
falls to the requirement:

    n = (t·n_E − M − D + F) / (t − (m + c))     linear: p = n / |q|, which is (s·q·E − M − D) / (q·(s − m − c))
                                                inverse: p = |q| / n, which is Q·(s + m + c) / (M + D + s·Q/E)

(Binance, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts", faq b3c689c1f50a44cabb3a84e663b81d93, with
the isolated wallet as M; its COIN-M twin). With the requirement divided by r below 1 the same price is where the margin
ratio reaches r: the threshold of margin calls, alerts and top-ups.
"""

from __future__ import annotations

import math

from backtest.broker.codes import BY_MARK_NOTIONAL, ON_ENTRY, RESERVE_MOVING
from backtest.broker.margin import counted_reserve, fee_reserve
from backtest.broker.tiers import maintenance_margin, rate_of, tier_of, tier_size
from backtest.broker.valuation import notional, tilt, unrealised_pnl
from backtest.compiling import kernel

NOTHING = 1e-9
"""A notional below this share of that at entry is the rounding of a difference that is zero."""

EDGE = 1e-11
"""So far (relative) beyond the edge of a tier a requirement that jumps is met; at the edge the lower tier holds."""


@kernel
def requirement(quantity, entry_price, margin, leverage, price, term, tiers):
    """What the balance must not fall to at the mark `price` (settlement currency): maintenance margin and fees."""
    value = notional(quantity, entry_price if term["maintenance_basis"] == ON_ENTRY else price, term["inverse"])
    return (
        maintenance_margin(quantity, entry_price, price, term, tiers)
        + term["trigger_fee"] * value
        + counted_reserve(quantity, entry_price, margin, leverage, term)
    )


@kernel
def price_of(value, quantity, entry_value, inverse):
    """Price at which the notional is `value`. Where no price is: NaN for a position that no price can exhaust, else
    the price that every mark has reached.
    """
    if value > NOTHING * entry_value:
        return abs(quantity) / value if inverse == 1 else value / abs(quantity)
    if tilt(quantity, inverse) > 0.0:
        return math.nan
    return math.inf if inverse == 1 else 0.0


@kernel
def ratio_price(quantity, entry_price, margin, leverage, mark_price, term, tiers, ratio):
    """Mark price at which the margin ratio rises to `ratio`; NaN where it never does.

    It never does where the margin covers the position's whole value, nor where the tier's rate is not below `ratio`
    (the ratio then falls with the price). One whose margin is so far spent that no price satisfies it is reached by any
    mark. Only where whole-position tiers make the requirement jump does it depend on `mark_price`, from which it is
    looked for: against the position, or back where the ratio is there already.
    """
    inverse = term["inverse"]
    lean = tilt(quantity, inverse)
    entry_value = notional(quantity, entry_price, inverse)
    lost = lean * entry_value - margin
    reserve = counted_reserve(quantity, entry_price, margin, leverage, term)
    fee = term["trigger_fee"]
    first = term["first"]
    last = first + term["count"] - 1
    if term["maintenance_basis"] == ON_ENTRY:
        needed = requirement(quantity, entry_price, margin, leverage, entry_price, term, tiers) / ratio
        return price_of(lean * (needed + lost), quantity, entry_value, inverse)
    if term["tier_unit"] != BY_MARK_NOTIONAL:
        row = tier_of(tiers, first, term["count"], tier_size(quantity, entry_price, entry_price, term))
        slope = lean - (rate_of(tiers[row], quantity) + fee) / ratio
        if slope * lean <= 0.0:
            return math.nan
        value = (lost - (tiers[row]["amount"] - reserve) / ratio) / slope
        return price_of(value, quantity, entry_value, inverse)
    if term["whole_tiers"] == 1:
        anchor = notional(quantity, mark_price if mark_price > 0.0 else entry_price, inverse)
        value = _jump(quantity, lost, reserve, fee, anchor, lean, first, last, tiers, ratio)
        return price_of(value, quantity, entry_value, inverse)
    value = math.nan
    for row in range(first, last + 1):
        tier = tiers[row]
        slope = lean - (rate_of(tier, quantity) + fee) / ratio
        if slope * lean <= 0.0:
            return math.nan
        value = (lost - (tier["amount"] - reserve) / ratio) / slope
        if value <= tier["cap"]:
            break
    return price_of(value, quantity, entry_value, inverse)


@kernel
def _jump(quantity, lost, reserve, fee, anchor, lean, first, last, tiers, ratio):
    """Notional at which the ratio is met, looked for from the notional `anchor`, where the requirement jumps from tier
    to tier; 0 where there is none. Not met at the anchor: the first against the position. Met there: the first, going
    back, from which on it is met no more. Just beyond the edge where the jump decides.
    """
    row = tier_of(tiers, first, last - first + 1, anchor)
    slope, value = _line(tiers[row], quantity, lost, reserve, fee, lean, ratio)
    met = slope * (anchor - value) <= 0.0
    up = (lean < 0.0) != met
    begun = row
    near = anchor
    while True:
        if row != begun and (slope * (near - value) <= 0.0) != met:
            return near * (1.0 + EDGE)
        far = tiers[row]["cap"] if up else tiers[row]["floor"]
        if row == (last if up else first):
            far = math.inf if up else 0.0
        if near <= value <= far if up else far <= value <= near:
            return value
        row += 1 if up else -1
        if row > last or row < first:
            return 0.0
        near = far
        slope, value = _line(tiers[row], quantity, lost, reserve, fee, lean, ratio)


@kernel
def _line(tier, quantity, lost, reserve, fee, lean, ratio):
    """The tier's surplus (balance − requirement / ratio) as a line over the notional: its slope and its zero."""
    slope = lean - (rate_of(tier, quantity) + fee) / ratio
    return slope, (lost - (tier["amount"] - reserve) / ratio) / slope if slope != 0.0 else math.inf


@kernel
def liquidation_price(quantity, entry_price, margin, leverage, mark_price, term, tiers):
    """Mark price at which the venue liquidates; NaN where there is none.

    `quantity` is signed; `tiers[term["first"]:][:term["count"]]` is the table of the date.
    """
    return ratio_price(quantity, entry_price, margin, leverage, mark_price, term, tiers, 1.0)


@kernel
def distance_price(quantity, liquidation, distance):
    """Mark price at which the distance to `liquidation` (NaN: none) falls to `distance`; NaN where it never does."""
    if quantity > 0.0:
        return liquidation / (1.0 - distance)
    return liquidation / (1.0 + distance)


@kernel
def bankruptcy_price(quantity, entry_price, margin, leverage, term):
    """Price at which the position's own margin, less a reserve that the requirement counts, is spent.

    Not positive (linear) or infinite (inverse) where the margin covers the whole value.
    """
    own = margin - counted_reserve(quantity, entry_price, margin, leverage, term)
    if term["inverse"] == 0:
        return entry_price - own / quantity
    value = notional(quantity, entry_price, 1) - tilt(quantity, 1) * own
    return abs(quantity) / value if value > 0.0 else math.inf


@kernel
def settlement_price(quantity, entry_price, margin, leverage, mark_price, term):
    """Price at which a taken-over position is closed: the mark, but never beyond the bankruptcy price."""
    bankruptcy = bankruptcy_price(quantity, entry_price, margin, leverage, term)
    if quantity > 0.0:
        return max(mark_price, bankruptcy)
    return min(mark_price, bankruptcy)


@kernel
def liquidation_fee(rate, quantity, price, balance, inverse):
    """Fee on the liquidated notional, never more than the balance that is left (settlement currency)."""
    return max(0.0, min(rate * notional(quantity, price, inverse), balance))


@kernel
def margin_for(quantity, entry_price, leverage, target_price, term, tiers):
    """The position's own margin (settlement currency) with which its liquidation price is `target_price`."""
    inverse = term["inverse"]
    basis = entry_price if term["maintenance_basis"] == ON_ENTRY else target_price
    needed = (
        maintenance_margin(quantity, entry_price, target_price, term, tiers)
        + term["trigger_fee"] * notional(quantity, basis, inverse)
        - unrealised_pnl(quantity, entry_price, target_price, inverse)
    )
    if term["reserve_in_trigger"] == 0:
        return needed
    if term["fee_reserve"] != RESERVE_MOVING:
        return needed + fee_reserve(quantity, entry_price, 0.0, leverage, term)
    lean = tilt(quantity, inverse)
    rate = term["reserve_fee"]
    return (needed * (lean - rate) + rate * lean * notional(quantity, entry_price, inverse)) / lean
