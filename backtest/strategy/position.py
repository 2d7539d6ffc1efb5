"""A position as a strategy sees and commands it: a live view of the broker's record, nothing is copied."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from backtest.broker.liquidation import distance_price, margin_for, requirement
from backtest.broker.margin import removable_margin
from backtest.broker.records import POSITION
from backtest.broker.valuation import distance, margin_ratio, unrealised_pnl
from backtest.enums import CommandKind, PositionSide, Side, SizeKind, ThresholdKind, label
from backtest.errors import UsageError
from backtest.strategy.requests import amount_of, leverage_of, number_of

if TYPE_CHECKING:
    from backtest.strategy.desk import Desk

_FIELD = {name: number for number, name in enumerate(POSITION.names or ())}
_QUANTITY, _ENTRY, _MARGIN = _FIELD["quantity"], _FIELD["entry_price"], _FIELD["margin"]
_LEVERAGE, _LIQUIDATION, _MARK = _FIELD["leverage"], _FIELD["liquidation_price"], _FIELD["mark_price"]


class Position:
    """One symbol's isolated position (in hedge mode its long or its short, `position_side`); false while there is none.

    Money is the settlement currency: coin, of an inverse contract, whose quantity is in quote units. `margin` is the
    position's own wallet, without unrealised PnL. Commands given at a hook act at that point, those given in `next` at
    the open of the next base bar.
    """

    __slots__ = ("_inverse", "_leg", "_row", "_simulation", "_tag", "_term", "_tiers", "position_side", "symbol")

    def __init__(
        self, simulation: Desk, leg: int, symbol: str, position_side: PositionSide, tag: Callable[[str], int]
    ) -> None:
        self.symbol = symbol
        self.position_side = position_side
        self._tag = tag
        self._simulation = simulation
        self._leg = leg
        self._row = memoryview(simulation.positions.view(np.float64).reshape(len(simulation.positions), -1)[leg])
        self._term = simulation.terms[leg]
        self._inverse = int(self._term["inverse"])
        self._tiers = simulation.tiers

    def __bool__(self) -> bool:
        return self._row[_QUANTITY] != 0.0

    def __repr__(self) -> str:
        if not self:
            beside = "" if self.position_side == PositionSide.BOTH else f" {label(self.position_side)}"
            return f"<no{beside} position in {self.symbol}>"
        return f"<{self.quantity:+g} {self.symbol} at {self.entry_price:g}, margin {self.margin:,.2f}>"

    @property
    def quantity(self) -> float:
        """Base units (of an inverse contract quote units), negative for a short."""
        return self._row[_QUANTITY]

    @property
    def side(self) -> int:
        """1 long, -1 short, 0 none."""
        quantity = self._row[_QUANTITY]
        return (quantity > 0.0) - (quantity < 0.0)

    @property
    def entry_price(self) -> float:
        """Average price of what is open."""
        return self._row[_ENTRY]

    @property
    def margin(self) -> float:
        """The position's own margin: allocated + added − removed ± funding."""
        return self._row[_MARGIN]

    @property
    def leverage(self) -> float:
        """The leverage set for the symbol."""
        return self._row[_LEVERAGE]

    @property
    def mark_price(self) -> float:
        """The mark price of this instant."""
        return self._row[_MARK]

    @property
    def liquidation_price(self) -> float | None:
        """Mark price at which the venue liquidates; None where there is none."""
        price = self._row[_LIQUIDATION]
        return None if price != price else price

    @property
    def notional(self) -> float:
        """Value at the mark price: |quantity| × mark price, of an inverse contract |quantity| / mark price."""
        quantity = abs(self._row[_QUANTITY])
        if not quantity:
            return 0.0
        return quantity / self._row[_MARK] if self._inverse else quantity * self._row[_MARK]

    @property
    def unrealised_pnl(self) -> float:
        """Profit at the mark price."""
        row = self._row
        if self._inverse:
            return float(unrealised_pnl(row[_QUANTITY], row[_ENTRY], row[_MARK], 1))
        return row[_QUANTITY] * (row[_MARK] - row[_ENTRY]) if row[_QUANTITY] else 0.0

    @property
    def balance(self) -> float:
        """Margin balance: margin + unrealised PnL."""
        return self.margin + self.unrealised_pnl

    @property
    def roe(self) -> float:
        """Unrealised PnL over the margin; 0 without a position."""
        return self.unrealised_pnl / self.margin if self and self.margin > 0.0 else 0.0

    @property
    def effective_leverage(self) -> float:
        """Notional over margin balance; 0 without a position."""
        return self.notional / self.balance if self and self.balance > 0.0 else 0.0

    @property
    def maintenance_margin(self) -> float:
        """What the venue requires at the mark price, fees that it counts included."""
        row = self._row
        if not self:
            return 0.0
        return float(
            requirement(row[_QUANTITY], row[_ENTRY], row[_MARGIN], row[_LEVERAGE], row[_MARK], self._term, self._tiers)
        )

    @property
    def margin_ratio(self) -> float:
        """Maintenance margin over margin balance; the position is liquidated at 1. 0 without a position."""
        return float(margin_ratio(self.maintenance_margin, self.balance)) if self else 0.0

    @property
    def distance(self) -> float:
        """Share of the mark price between it and the liquidation price; infinite where there is none."""
        return float(distance(self._row[_MARK], self._row[_LIQUIDATION]))

    @property
    def removable(self) -> float:
        """Margin that the venue would let go now."""
        if not self:
            return 0.0
        row = self._row
        return float(
            removable_margin(
                row[_QUANTITY],
                row[_ENTRY],
                row[_MARGIN],
                row[_LEVERAGE],
                row[_MARK],
                self.maintenance_margin,
                self._term,
            )
        )

    def needed(self, *, distance: float) -> float:
        """Margin to add so that the liquidation price lies `distance` (fraction of the mark price) away; 0 if it
        does.
        """
        if not 0.0 < distance < 1.0:
            raise UsageError(f"a distance of {distance:g} cannot be asked for; it is a fraction between 0 and 1")
        if not self:
            return 0.0
        row = self._row
        target = row[_MARK] * (1.0 - distance if row[_QUANTITY] > 0.0 else 1.0 + distance)
        wanted = margin_for(row[_QUANTITY], row[_ENTRY], row[_LEVERAGE], target, self._term, self._tiers)
        return max(0.0, float(wanted) - row[_MARGIN])

    def add_margin(self, amount: float) -> None:
        """Move `amount` (settlement currency) from the wallet into the position."""
        self._margin(CommandKind.ADD_MARGIN, amount)

    def remove_margin(self, amount: float) -> None:
        """Move `amount` (settlement currency) from the position back to the wallet, as far as the venue lets it go."""
        self._margin(CommandKind.REMOVE_MARGIN, amount)

    def _margin(self, kind: CommandKind, amount: float) -> None:
        checked = amount_of(amount)
        if checked > 0.0:
            self._simulation.command(kind, self._leg, amount=checked)

    def set_leverage(self, leverage: float) -> None:
        """Set the symbol's leverage; under an open position the venue may only raise it."""
        self._simulation.command(CommandKind.SET_LEVERAGE, self._leg, leverage=leverage_of(leverage))

    def set_top_up(
        self,
        *,
        margin_ratio: float | None = None,
        distance: float | None = None,
        amount: float = 0.0,
        budget: float = float("inf"),
        cooldown_ns: int = 0,
    ) -> None:
        """Let the broker add `amount` of margin whenever the margin ratio rises (or the distance falls) to a level.

        budget: the most that the policy may add in all. cooldown_ns: the least time between two top-ups. Without a
        trigger the policy is switched off.
        """
        if margin_ratio is not None and distance is not None:
            raise UsageError("a top-up policy has one trigger: margin_ratio= or distance=, not both")
        kind, level = ThresholdKind.NONE, 0.0
        if margin_ratio is not None:
            kind, level = ThresholdKind.MARGIN_RATIO, number_of("margin_ratio", margin_ratio)
        elif distance is not None:
            kind, level = ThresholdKind.DISTANCE, number_of("distance", distance)
        amount, budget = number_of("amount", amount), number_of("budget", budget)
        if kind != ThresholdKind.NONE and not (
            0.0 < level < 1.0 and amount > 0.0 and budget >= 0.0 and cooldown_ns >= 0
        ):
            raise UsageError(
                f"a top-up policy with level {level:g}, amount {amount:g}, budget {budget:g} and cooldown "
                f"{cooldown_ns} cannot act; the level is a fraction between 0 and 1, the amount is positive, budget "
                "and cooldown are not negative"
            )
        self._simulation.command(
            CommandKind.SET_TOP_UP,
            self._leg,
            threshold=kind,
            level=level,
            amount=amount,
            budget=budget,
            cooldown_ns=float(cooldown_ns),
        )

    def set_auto_margin(self, on: bool = True) -> None:
        """Have the venue replenish the margin from the wallet before it liquidates, where it offers that (Bybit,
        KuCoin).
        """
        self._simulation.command(CommandKind.SET_AUTO_MARGIN, self._leg, amount=1.0 if on else 0.0)

    def reduce(self, share: float, *, tag: str = "") -> int:
        """Close `share` (fraction, 0 to 1) of the position at the market; returns the order's number."""
        if not 0.0 < number_of("share", share) <= 1.0:
            raise UsageError(
                f"a share of {share:g} of a position cannot be closed; it is a fraction above 0 and up to 1"
            )
        return self._simulation.order(
            self._leg, Side.SELL, 0, SizeKind.POSITION, share, reduce_only=True, tag=self._tag(tag)
        )

    def close(self, *, tag: str = "") -> int:
        """Close the whole position at the market; returns the order's number."""
        return self.reduce(1.0, tag=tag)

    def threshold(self, distance: float) -> float:
        """Mark price at which the distance to liquidation falls to `distance`; NaN where it never does."""
        return float(distance_price(self._row[_QUANTITY], self._row[_LIQUIDATION], distance))
