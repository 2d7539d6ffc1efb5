"""What the oracle remembers: the wallet, the positions, the orders and the top-up policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from backtest.enums import OrderKind, OrderStatus, PriceSource, Reason, Side, ThresholdKind
from tests.oracle.money import ZERO
from tests.oracle.requirement import Tier, balance, liquidation_price, maintenance_margin

STOPS = (OrderKind.STOP, OrderKind.STOP_LIMIT)
TAKE_PROFITS = (OrderKind.TAKE_PROFIT, OrderKind.TAKE_PROFIT_LIMIT)
LIMITS_AFTER_TRIGGER = (OrderKind.STOP_LIMIT, OrderKind.TAKE_PROFIT_LIMIT)


@dataclass(frozen=True, kw_only=True)
class Contract:
    """The dated facts of one symbol."""

    tick: Decimal
    lot: Decimal
    minimum_notional: Decimal
    maker: Decimal
    taker: Decimal
    liquidation_fee: Decimal
    price_band: Decimal
    tables: tuple[tuple[int, tuple[Tier, ...]], ...]

    def tiers_at(self, time_ns: int) -> int:
        """[2.1] The index of the table with the latest date not after the time; before the first date, the first."""
        current = 0
        for number, (from_ns, _) in enumerate(self.tables):
            if from_ns <= time_ns:
                current = number
        return current


@dataclass(kw_only=True)
class Order:
    """One order, from its acceptance to its end."""

    number: int
    leg: int
    side: Side
    kind: OrderKind
    quantity: Decimal
    price: Decimal | None
    trigger: Decimal | None
    trigger_on: PriceSource
    leverage: Decimal | None
    reduce_only: bool = False
    post_only: bool = False
    stop: Decimal | None = None
    take_profit: Decimal | None = None
    is_target: bool = False
    bracket: bool = False
    sibling: int = 0
    tag: int = 0
    status: OrderStatus = OrderStatus.PENDING
    triggered: bool = False
    rested: bool = False
    reserved: Decimal = ZERO
    reason: Reason = Reason.ORDER

    @property
    def awaits_trigger(self) -> bool:
        return self.kind in STOPS + TAKE_PROFITS and not self.triggered

    @property
    def is_limit(self) -> bool:
        """Whether it fills at a limit price once in force."""
        return self.kind == OrderKind.LIMIT or self.kind in LIMITS_AFTER_TRIGGER

    @property
    def trigger_direction(self) -> int:
        """A stop buy waits for the price to rise, a take-profit buy for it to fall; sells the other way."""
        return int(self.side) if self.kind in STOPS else -int(self.side)

    @property
    def fill_reason(self) -> Reason:
        if self.kind in STOPS:
            return Reason.STOP
        return Reason.TAKE_PROFIT if self.kind in TAKE_PROFITS else Reason.ORDER


@dataclass(kw_only=True)
class TopUp:
    """[6.4] A standing instruction to add margin."""

    threshold: ThresholdKind
    level: Decimal
    amount: Decimal
    budget: Decimal
    cooldown_bars: int
    spent: Decimal = ZERO
    ready_bar: int = 0


@dataclass(kw_only=True)
class Position:
    """One isolated position. `margin` holds what was allocated + added - removed, and funding; no unrealised PnL."""

    leg: int
    quantity: Decimal = ZERO
    entry: Decimal = ZERO
    margin: Decimal = ZERO
    leverage: Decimal = ZERO
    trade: int = 0
    call_armed: bool = True
    entered_bar: int = -1
    table: int = 0
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

    def balance(self, mark: Decimal) -> Decimal:
        return balance(self.quantity, self.entry, self.margin, mark)

    def maintenance(self, mark: Decimal) -> Decimal:
        return maintenance_margin(self.tiers, self.size * mark)

    @property
    def liquidation_price(self) -> Decimal | None:
        return liquidation_price(self.quantity, self.entry, self.margin, self.tiers) if self.open else None


@dataclass(kw_only=True)
class Account:
    """The wallet that all positions share, and everything that stands on it."""

    wallet: Decimal
    positions: list[Position]
    orders: list[Order] = field(default_factory=list)
    top_ups: dict[int, TopUp] = field(default_factory=dict)
    trades: int = 0
    numbers: int = 0

    @property
    def reserved(self) -> Decimal:
        """[4.7] What resting orders hold back."""
        return sum((order.reserved for order in self.orders), ZERO)

    @property
    def free(self) -> Decimal:
        return self.wallet - self.reserved

    def working(self, leg: int) -> list[Order]:
        """The working orders of a symbol, in the order of their numbers."""
        found = [order for order in self.orders if order.leg == leg and order.status == OrderStatus.WORKING]
        return sorted(found, key=lambda order: order.number)

    def next_number(self) -> int:
        self.numbers += 1
        return self.numbers

    def next_trade(self) -> int:
        self.trades += 1
        return self.trades
