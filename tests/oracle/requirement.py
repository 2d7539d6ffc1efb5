"""What a venue requires of a position, and the mark at which it is no longer there [4.9, 5.1].

All is worked out on the *unit* of a price, what one of the quantity is worth there: the price itself for a linear
contract, its inverse for an inverse one. On it every position is a straight line: it gains when the unit rises and
`tilt` is +1 (a linear long, an inverse short), or when it falls and `tilt` is -1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from backtest.enums import Basis, FeeReserve, TierUnit
from tests.oracle.money import LAST_DIGITS, ONE, ZERO
from tests.oracle.rules import Rules

NOTHING = Decimal("1e-9")
"""A unit below this share of the entry's is none: the margin covers the whole value, but for a rounding."""

EDGE = Decimal("1e-11")
"""[5.1] So far (relative) beyond the edge of a tier a requirement that jumps there is met."""

SLACK = Decimal("1e-12")
"""[5.1] So far (relative) above its cap a tier still holds: a rounding."""

ENDLESS = Decimal("Infinity")


@dataclass(frozen=True, kw_only=True)
class Tier:
    """One bracket, which holds for sizes above the floor and up to the cap, in the venue's unit of tiers."""

    floor: Decimal
    cap: Decimal
    rate: Decimal
    amount: Decimal
    leverage: Decimal
    slope: Decimal


@dataclass(frozen=True, kw_only=True)
class Piece:
    """From `low` (not itself) to `high` the requirement at unit u is `rate x |q| x u + amount`."""

    low: Decimal
    high: Decimal
    rate: Decimal
    amount: Decimal


def unit_of(price: Decimal, inverse: bool) -> Decimal:
    """What one of the quantity is worth at a price, and the way back: the one is the other's inverse."""
    if not inverse:
        return price
    return ENDLESS if price == ZERO else ONE / price


@dataclass(kw_only=True)
class Holding:
    """What a venue judges: a quantity, its entry, its margin and leverage, under a contract's tiers and rules."""

    rules: Rules
    inverse: bool
    quantity: Decimal = ZERO
    entry: Decimal = ZERO
    margin: Decimal = ZERO
    leverage: Decimal = ZERO
    tiers: Sequence[Tier] = ()

    @property
    def open(self) -> bool:
        return self.quantity != ZERO

    @property
    def side(self) -> int:
        return (self.quantity > ZERO) - (self.quantity < ZERO)

    @property
    def size(self) -> Decimal:
        return abs(self.quantity)

    @property
    def tilt(self) -> int:
        return -self.side if self.inverse else self.side

    def unit(self, price: Decimal) -> Decimal:
        return unit_of(price, self.inverse)

    def value(self, price: Decimal) -> Decimal:
        """|q| x p, or |q| / p."""
        return self.size * self.unit(price)

    def pnl(self, price: Decimal) -> Decimal:
        """q x (p - E), or q x (1/E - 1/p)."""
        return self.tilt * (self.value(price) - self.value(self.entry)) if self.open else ZERO

    def balance(self, price: Decimal) -> Decimal:
        """M + PnL(p)."""
        return self.margin + self.pnl(price)

    @property
    def reserve(self) -> Decimal:
        """[4.9] F of the whole position."""
        value, rate, tilt = self.value(self.entry), self.rules.reserve_fee, self.tilt
        if self.rules.fee_reserve == FeeReserve.MOVING_BANKRUPTCY:
            return rate * max(ZERO, (tilt * value - self.margin) / (tilt - rate))
        return locked_reserve(self.rules, value, self.leverage, tilt)

    @property
    def counted_reserve(self) -> Decimal:
        """F where the requirement counts it."""
        return self.reserve if self.rules.reserve_in_trigger else ZERO

    def tier_number(self, price: Decimal) -> int:
        """The index of the tier that the position is on at a mark price [5.1]."""
        unit = self.rules.tier_unit
        if unit == TierUnit.QUANTITY:
            return tier_number(self.tiers, self.size)
        return tier_number(self.tiers, self.value(self.entry if unit == TierUnit.ENTRY else price))

    def requirement(self, price: Decimal) -> Decimal:
        """[5.1] V x (m + slope x |q| + c) - D, plus F where it counts."""
        fee = self.rules.trigger_fee * self._basis(price)
        return self.maintenance(price) + fee + self.counted_reserve

    def maintenance(self, price: Decimal) -> Decimal:
        """[5.1] The requirement without the fees."""
        tier = self.tiers[self.tier_number(price)]
        return self._basis(price) * (tier.rate + tier.slope * self.size) - tier.amount

    def _basis(self, price: Decimal) -> Decimal:
        """V: the value at the mark, or at entry."""
        return self.value(self.entry if self.rules.maintenance_basis == Basis.ENTRY else price)

    @property
    def bankruptcy_unit(self) -> Decimal:
        """[5.2] Where M, less a reserve that counts, is lost."""
        return self.unit(self.entry) - self.tilt * (self.margin - self.counted_reserve) / self.size

    @property
    def bankruptcy_price(self) -> Decimal:
        return unit_of(self.bankruptcy_unit, self.inverse)

    def liquidation_price(self, since: Decimal) -> Decimal | None:
        """[5.1] The first adverse mark at which the balance falls to the requirement, looked for from a mark."""
        return self.ratio_price(ONE, since)

    def ratio_price(self, level: Decimal, since: Decimal) -> Decimal | None:
        """[5.1, 3.8] The mark at which requirement / balance rises to `level`; None for none.

        Where the requirement does not jump there is one at most. Where it jumps it is the first adverse one from
        `since` on, or, if the level is met there already, the one from which on it is not met any more, going back.
        """
        pieces = self._pieces()
        if not self.jumps:
            found = self._only(pieces, level)
        else:
            unit = self.unit(since)
            met = self._gap(pieces[self.tier_number(since)], level, unit) <= ZERO
            found = self._first(pieces, level, unit, self.tilt if met else -self.tilt)
        if found is None or found <= NOTHING * self.unit(self.entry):
            # tilted up: covered at any unit above zero; tilted down: met at every unit
            return None if self.tilt > 0 else unit_of(ZERO, self.inverse)
        return unit_of(found, self.inverse)

    @property
    def jumps(self) -> bool:
        """Whether the requirement has steps along the price: whole-position tiers of the value at the mark."""
        return self.rules.whole_tiers and self.rules.tier_unit == TierUnit.NOTIONAL

    def _pieces(self) -> list[Piece]:
        fee, reserve = self.rules.trigger_fee, self.counted_reserve
        moving = self.rules.tier_unit == TierUnit.NOTIONAL
        tiers = self.tiers if moving else [self.tiers[self.tier_number(self.entry)]]
        pieces = []
        for number, tier in enumerate(tiers):
            rate = tier.rate + tier.slope * self.size + fee
            on_entry = self.rules.maintenance_basis == Basis.ENTRY
            pieces.append(
                Piece(
                    low=tier.floor / self.size if number else ZERO,
                    high=ENDLESS if number == len(tiers) - 1 else tier.cap / self.size,
                    rate=ZERO if on_entry else rate,
                    amount=reserve - tier.amount + (rate * self.value(self.entry) if on_entry else ZERO),
                )
            )
        return pieces

    def _gap(self, piece: Piece, level: Decimal, unit: Decimal) -> Decimal:
        """level x balance - requirement, as if the piece went on."""
        balance = self.margin + self.tilt * self.size * (unit - self.unit(self.entry))
        return level * balance - piece.rate * self.size * unit - piece.amount

    def _root(self, piece: Piece, level: Decimal) -> Decimal | None:
        slope = self.size * (level * self.tilt - piece.rate)
        return None if slope == ZERO else -self._gap(piece, level, ZERO) / slope

    def _only(self, pieces: Sequence[Piece], level: Decimal) -> Decimal | None:
        for piece in pieces:
            root = self._root(piece, level)
            if root is not None and piece.low < root <= piece.high:
                return root
        return None

    def _first(self, pieces: Sequence[Piece], level: Decimal, since: Decimal, direction: int) -> Decimal | None:
        """Piece after piece: the root within it, or, if its near end is past that already, just beyond that edge."""
        adverse, begun = direction == -self.tilt, False
        for piece in pieces if direction > 0 else reversed(pieces):
            start, end = (max(since, piece.low), piece.high) if direction > 0 else (min(since, piece.high), piece.low)
            if (end - start) * direction < ZERO or (direction < 0 and start == end):
                continue
            gap = self._gap(piece, level, start)
            if begun and (gap <= ZERO if adverse else gap >= ZERO):
                return start * (ONE + EDGE)
            root, begun = self._root(piece, level), True
            if root is None or (end - root) * direction < ZERO:
                continue
            if (root - start) * direction >= -LAST_DIGITS * start:
                return root
        return None


def tier_number(tiers: Sequence[Tier], size: Decimal) -> int:
    """The index of the tier of a size; the first holds at zero, the last without end."""
    for number, tier in enumerate(tiers):
        if size <= tier.cap * (ONE + SLACK):
            return number
    return len(tiers) - 1


def locked_reserve(rules: Rules, value: Decimal, leverage: Decimal, tilt: int) -> Decimal:
    """[4.9] What an opening of this value and leverage locks for the fee to close."""
    share = {
        FeeReserve.NONE: ZERO,
        FeeReserve.VALUE: ONE,
        FeeReserve.BANKRUPTCY: ONE - tilt / leverage,
        FeeReserve.MOVING_BANKRUPTCY: ONE - tilt / leverage,
        FeeReserve.VALUE_AND_MARGIN: ONE + ONE / leverage,
    }
    return rules.reserve_fee * value * share[rules.fee_reserve]
