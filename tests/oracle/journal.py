"""The rows that the oracle writes: the ledger in double entry, and the notices, under the kernel's column names."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from backtest.enums import LedgerKind, Liquidity, NoticeKind, Reason
from tests.oracle.money import ZERO
from tests.oracle.route import Point

Row = dict[str, object]
ACCOUNTS = ("wallet", "margin", "fees", "funding", "pnl", "liquidation_fee", "insurance", "deposit")


@dataclass(frozen=True, kw_only=True)
class Where:
    """The place of an event: its bar, its leg and the point on the bar's path."""

    bar: int
    time_ns: int
    leg: int
    point: Point

    def columns(self) -> Row:
        return {
            "bar": self.bar,
            "time_ns": self.time_ns,
            "leg": self.leg,
            "segment": self.point.segment,
            "fraction": self.point.fraction,
        }


class Journal:
    """Two growing tables."""

    def __init__(self) -> None:
        self.ledger: list[Row] = []
        self.notices: list[Row] = []

    def book(
        self,
        where: Where,
        kind: LedgerKind,
        *,
        amounts: dict[str, Decimal],
        after: Row,
        price: Decimal | None = None,
        mark: Decimal | None = None,
        quantity: Decimal = ZERO,
        order: int = 0,
        trade: int = 0,
        liquidity: Liquidity = Liquidity.NONE,
        reason: Reason = Reason.NONE,
        tag: int = 0,
    ) -> None:
        """Append a ledger row; the amounts credited to the eight accounts have to sum to zero."""
        assert not set(amounts) - set(ACCOUNTS)
        # exact up to the fifty digits carried
        assert abs(sum(amounts.values(), ZERO)) < Decimal("1e-35"), (kind, amounts)
        row = where.columns() | {
            "sequence": len(self.ledger),
            "kind": kind,
            "price": price,
            "mark_price": mark,
            "quantity": quantity,
            "order": order,
            "trade": trade,
            "liquidity": liquidity,
            "reason": reason,
            "tag": tag,
        }
        self.ledger.append(row | {name: amounts.get(name, ZERO) for name in ACCOUNTS} | after)

    def note(
        self,
        where: Where,
        kind: NoticeKind,
        *,
        reason: Reason = Reason.NONE,
        order: int = 0,
        tag: int = 0,
        value: Decimal | None = None,
        level: Decimal | None = None,
        mark: Decimal | None = None,
    ) -> None:
        """Append a notice."""
        self.notices.append(
            where.columns()
            | {
                "kind": kind,
                "reason": reason,
                "order": order,
                "tag": tag,
                "value": value,
                "level": level,
                "mark_price": mark,
            }
        )
