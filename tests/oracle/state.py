"""What the oracle remembers: the wallet, the positions, the orders and the top-up policies."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from backtest.enums import OrderKind, OrderStatus, PriceSource, Reason, Side, ThresholdKind, TimeInForce
from tests.oracle.money import ZERO
from tests.oracle.requirement import Holding, Tier, unit_of

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
    inverse: bool
    tables: tuple[tuple[int, tuple[Tier, ...]], ...]

    def worth(self, price: Decimal) -> Decimal:
        """The notional of one of the quantity at a price."""
        return unit_of(price, self.inverse)

    def quantity(self, notional: Decimal, price: Decimal) -> Decimal:
        """The quantity of a notional at a price."""
        return notional * price if self.inverse else notional / price

    def gain(self, side: int, price: Decimal, later: Decimal) -> Decimal:
        """What one of the quantity, bought (side +1) or sold at a price, has gained at a later one."""
        change = self.worth(later) - self.worth(price)
        return -side * change if self.inverse else side * change

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
    trailing_stop: Decimal | None = None
    callback_rate: Decimal | None = None
    callback_distance: Decimal | None = None
    best: Decimal | None = None
    moved_bar: int = -1
    time_in_force: TimeInForce = TimeInForce.GTC
    expires_ns: int = 0
    is_target: bool = False
    bracket: bool = False
    group: int = 0
    tag: int = 0
    status: OrderStatus = OrderStatus.PENDING
    triggered: bool = False
    rested: bool = False
    reserved: Decimal = ZERO
    reason: Reason = Reason.ORDER

    @property
    def awaits_trigger(self) -> bool:
        return (self.is_trailing or self.kind in STOPS + TAKE_PROFITS) and not self.triggered

    @property
    def is_trailing(self) -> bool:
        return self.kind == OrderKind.TRAILING_STOP

    @property
    def awaits_activation(self) -> bool:
        """[4.13] A trailing stop whose activation price has not been met; its trigger is that price."""
        return self.is_trailing and self.best is None

    @property
    def is_limit(self) -> bool:
        """Whether it fills at a limit price once in force."""
        return self.kind == OrderKind.LIMIT or self.kind in LIMITS_AFTER_TRIGGER

    @property
    def trigger_direction(self) -> int:
        """A stop buy waits for the price to rise, a take-profit buy for it to fall; sells the other way.

        A trailing stop is a stop once it is active, until then it waits like a take-profit.
        """
        stops = self.kind in STOPS or (self.is_trailing and not self.awaits_activation)
        return int(self.side) if stops else -int(self.side)

    @property
    def fill_reason(self) -> Reason:
        if self.kind in STOPS:
            return Reason.STOP
        if self.is_trailing:
            return Reason.TRAILING_STOP
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
class Position(Holding):
    """One isolated position; in hedge mode of one `direction` only [1.5].

    `margin` holds what was allocated + added - removed, and funding; no unrealised PnL. `since` is the mark of its last
    event and `liquidation` the liquidation price looked for from there [5.1]; `part_bar` is the bar of the last part
    [5.6].
    """

    leg: int
    direction: int = 0
    trade: int = 0
    call_armed: bool = True
    entered_bar: int = -1
    table: int = 0
    since: Decimal = ZERO
    liquidation: Decimal | None = None
    part_bar: int | None = None
    auto_margin: bool = False


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

    def groups_with(self, order: Order) -> list[Order]:
        """[4.11] The other orders of its group, by symbol and number."""
        group = order.group or order.number
        found = [each for each in self.orders if each is not order and group in (each.group, each.number)]
        return sorted(found, key=lambda each: (each.leg, each.number))

    def next_number(self) -> int:
        self.numbers += 1
        return self.numbers

    def next_trade(self) -> int:
        self.trades += 1
        return self.trades
