"""The desk: the account, the journal and the clock, handed from rule to rule."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from backtest.enums import LedgerKind, Liquidity, NoticeKind, OrderStatus, PriceSource, Reason
from tests.oracle.journal import Journal, Row, Where
from tests.oracle.money import ZERO
from tests.oracle.route import OPEN, Point, Route
from tests.oracle.state import Account, Contract, Order, Position
from tests.oracle.world import Bar, World


@dataclass(kw_only=True)
class Desk:
    """Where the run stands: bar, point on the path, and what the account holds."""

    world: World
    account: Account
    journal: Journal = field(default_factory=Journal)
    bar: int = 0
    point: Point = OPEN
    low_first: dict[int, bool] = field(default_factory=dict)
    ambiguous: set[tuple[int, int]] = field(default_factory=set)

    def contract(self, leg: int) -> Contract:
        return self.world.contracts[leg]

    def position(self, leg: int) -> Position:
        return self.account.positions[leg]

    def present(self, leg: int) -> Bar | None:
        """The current bar of a symbol, None in a hole."""
        return self.world.bars[leg][self.bar]

    def route(self, leg: int, source: PriceSource) -> Route:
        """The path of the last or of the mark price through the current bar."""
        bar = self.present(leg)
        assert bar is not None
        prices = bar.last if source == PriceSource.LAST else bar.mark
        return Route.of_bar(*prices, low_first=self.low_first.get(leg, True))

    def price(self, leg: int, source: PriceSource) -> Decimal:
        """The last or the mark price of this very point."""
        return self.route(leg, source).at(self.point)

    def last(self, leg: int) -> Decimal:
        return self.price(leg, PriceSource.LAST)

    def mark(self, leg: int) -> Decimal:
        return self.price(leg, PriceSource.MARK)

    def known(self, leg: int, source: PriceSource) -> Decimal | None:
        """The latest close that is known at the close of the current bar [1.4]."""
        for bar in reversed(self.world.bars[leg][: self.bar + 1]):
            if bar is not None:
                return (bar.last if source == PriceSource.LAST else bar.mark)[3]
        return None

    def equity(self) -> Decimal:
        """[7.1] wallet + sum of (M + q x (mark - E)) at the close of the current bar."""
        total = self.account.wallet
        for position in self.account.positions:
            if position.open:
                mark = self.known(position.leg, PriceSource.MARK)
                assert mark is not None
                total += position.balance(mark)
        return total

    def where(self, leg: int) -> Where:
        return Where(bar=self.bar, time_ns=self.world.time_ns(self.bar), leg=leg, point=self.point)

    def book(
        self,
        leg: int,
        kind: LedgerKind,
        amounts: dict[str, Decimal],
        *,
        price: Decimal | None = None,
        quantity: Decimal = ZERO,
        order: Order | None = None,
        trade: int | None = None,
        liquidity: Liquidity = Liquidity.NONE,
        reason: Reason = Reason.NONE,
        tag: int = 0,
    ) -> None:
        """Write a ledger row with the state that stands after it."""
        position = self.position(leg)
        mark = self.mark(leg) if self.present(leg) else self.known(leg, PriceSource.MARK)
        position.liquidation = None
        if position.open:
            assert mark is not None
            position.since, position.liquidation = mark, position.liquidation_price(mark)
        after: Row = {
            "wallet_after": self.account.wallet,
            "position_after": position.quantity,
            "entry_after": position.entry if position.open else None,
            "margin_after": position.margin,
            "leverage_after": position.leverage if position.open else None,
            "liquidation_after": position.liquidation,
        }
        self.journal.book(
            self.where(leg),
            kind,
            amounts=amounts,
            after=after,
            price=price,
            mark=mark,
            quantity=quantity,
            order=order.number if order else 0,
            trade=position.trade if trade is None else trade,
            liquidity=liquidity,
            reason=reason,
            tag=order.tag if order else tag,
        )

    def refuse(self, leg: int, reason: Reason, *, number: int = 0, tag: int = 0) -> None:
        """A command that comes to nothing."""
        self.journal.note(self.where(leg), NoticeKind.REJECTION, reason=reason, order=number, tag=tag)

    def reject(self, order: Order, reason: Reason) -> None:
        """An order that ends refused; its reserve is freed [4.7]."""
        order.status, order.reason, order.reserved = OrderStatus.REJECTED, reason, ZERO
        self.refuse(order.leg, reason, number=order.number, tag=order.tag)

    def cancel(self, order: Order, reason: Reason) -> None:
        """An order that ends cancelled; its reserve is freed [4.7]."""
        order.status, order.reason, order.reserved = OrderStatus.CANCELLED, reason, ZERO
        self.journal.note(
            self.where(order.leg), NoticeKind.CANCELLATION, reason=reason, order=order.number, tag=order.tag
        )
