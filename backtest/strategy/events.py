"""What a strategy's hooks are told: plain values, taken from the broker's records when they happen.

`position_side` is BOTH in one-way mode; in hedge mode it is the leg of the symbol, LONG or SHORT.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from backtest.enums import SENTENCES, Liquidity, PositionSide, Reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Fill:
    """An order was executed. `quantity` is positive (base units; of an inverse contract quote units), money is the
    settlement currency.

    `opened`: it opened or enlarged the position, else it reduced it and realised `pnl` before the `fee`.
    """

    symbol: str
    position_side: PositionSide
    side: int
    quantity: float
    price: float
    opened: bool
    pnl: float
    fee: float
    liquidity: Liquidity
    order: int
    reason: Reason
    tag: str
    time_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """The venue refused an order (`order` 0: a margin command)."""

    symbol: str
    position_side: PositionSide
    order: int
    reason: Reason
    tag: str
    time_ns: int

    @property
    def sentence(self) -> str:
        """The reason in words."""
        return SENTENCES[self.reason]


@dataclass(frozen=True, kw_only=True, slots=True)
class FundingPayment:
    """A funding settlement: `amount` was paid (negative: received), at `mark_price`."""

    symbol: str
    position_side: PositionSide
    amount: float
    mark_price: float
    time_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Liquidation:
    """The venue closed the signed `quantity` at `price`: the position's margin fell by `margin`, `returned` came back.

    `left` is the quantity that remains: 0 but for a partial liquidation.
    """

    symbol: str
    position_side: PositionSide
    quantity: float
    price: float
    mark_price: float
    margin: float
    returned: float
    fee: float
    left: float
    time_ns: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MarginCall:
    """The margin ratio of a position rose to `level`."""

    symbol: str
    position_side: PositionSide
    margin_ratio: float
    level: float
    time_ns: int
    _needed: Callable[[float], float]

    def needed(self, *, distance: float) -> float:
        """Margin to add so that the liquidation price lies `distance` (fraction of the mark) away."""
        return self._needed(distance)


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """A threshold that the strategy asked to be woken at. `symbol` is None for one on the account."""

    symbol: str | None
    position_side: PositionSide
    number: int
    value: float
    level: float
    time_ns: int
