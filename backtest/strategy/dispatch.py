"""From the broker's rows to the strategy's hooks, in the order in which things happened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backtest.enums import LedgerKind, Liquidity, NoticeKind, PositionSide, Reason
from backtest.strategy.events import Alert, Fill, FundingPayment, Liquidation, MarginCall, Rejection
from backtest.strategy.protocol import Strategy, overridden

if TYPE_CHECKING:
    from backtest.broker.simulation import Simulation
    from backtest.strategy.stage import Stage

Row = np.void


class Dispatch:
    """Calls the hooks that a strategy overrides for every row written since the last call.

    legs: the run's number of each leg of the simulation, where it has some of them alone. number: the run's number of
    an order or alert of the simulation.
    """

    def __init__(
        self,
        strategy: Strategy,
        stage: Stage,
        simulation: Simulation,
        *,
        legs: Sequence[int] | None = None,
        number: Callable[[int], int] = int,
    ) -> None:
        self._strategy = strategy
        self._stage = stage
        self._simulation = simulation
        self._names, self._sides = stage.legs.names, stage.legs.position_sides
        self._legs, self._number = legs, number
        self._ledger_row = len(simulation.ledger)
        self._notice_row = len(simulation.notices)
        wanted = set(overridden(type(strategy), list(Strategy.HOOKS.values())))
        self._of_ledger = _chosen(
            wanted,
            {
                LedgerKind.OPEN: ("on_fill", Dispatch._fill),
                LedgerKind.CLOSE: ("on_fill", Dispatch._fill),
                LedgerKind.AUTO_DELEVERAGING: ("on_fill", Dispatch._fill),
                LedgerKind.FUNDING: ("on_funding", Dispatch._funding),
                LedgerKind.LIQUIDATION: ("on_liquidation", Dispatch._liquidation),
                LedgerKind.PARTIAL_LIQUIDATION: ("on_liquidation", Dispatch._liquidation),
            },
        )
        self._of_notices = _chosen(
            wanted,
            {
                NoticeKind.REJECTION: ("on_reject", Dispatch._rejection),
                NoticeKind.MARGIN_CALL: ("on_margin_call", Dispatch._margin_call),
                NoticeKind.ALERT: ("on_alert", Dispatch._alert),
            },
        )

    @property
    def waiting(self) -> bool:
        """Whether rows were written since the last call."""
        account = self._simulation.account[0]
        return bool(account["ledger_rows"] > self._ledger_row or account["notice_rows"] > self._notice_row)

    def new_events(self) -> None:
        """Tell the strategy what is new, oldest first."""
        ledger = self._simulation.ledger[self._ledger_row :]
        notices = self._simulation.notices[self._notice_row :]
        self._ledger_row += len(ledger)
        self._notice_row += len(notices)
        told = [(int(row["sequence"]), self._of_ledger.get(int(row["kind"])), row) for row in ledger]
        told += [(int(row["sequence"]), self._of_notices.get(int(row["kind"])), row) for row in notices]
        for _, tell, row in sorted(told, key=lambda each: each[0]):
            if tell is not None:
                tell(self, row)

    def _common(self, row: Row) -> dict[str, Any]:
        leg = self._leg(row)
        return {"symbol": self._names[leg], "position_side": self._sides[leg], "time_ns": int(row["time_ns"])}

    def _leg(self, row: Row) -> int:
        leg = int(row["leg"])
        return leg if self._legs is None or leg < 0 else self._legs[leg]

    def _tag(self, row: Row) -> str:
        return next(text for text, number in self._stage.tags.items() if number == row["tag"])

    def _fill(self, row: Row) -> None:
        self._strategy.on_fill(
            Fill(
                **self._common(row),
                side=1 if row["quantity"] > 0 else -1,
                quantity=abs(float(row["quantity"])),
                price=float(row["price"]),
                opened=row["kind"] == LedgerKind.OPEN,
                pnl=-float(row["pnl"]),
                fee=float(row["fees"]),
                liquidity=Liquidity(int(row["liquidity"])),
                order=self._number(int(row["order"])),
                reason=Reason(int(row["reason"])),
                tag=self._tag(row),
            )
        )

    def _funding(self, row: Row) -> None:
        payment = FundingPayment(**self._common(row), amount=float(row["funding"]), mark_price=float(row["mark_price"]))
        self._strategy.on_funding(self._stage.positions[self._leg(row)], payment)

    def _liquidation(self, row: Row) -> None:
        event = Liquidation(
            **self._common(row),
            quantity=-float(row["quantity"]),
            price=float(row["price"]),
            mark_price=float(row["mark_price"]),
            margin=-float(row["margin"]),
            returned=float(row["wallet"]),
            fee=float(row["liquidation_fee"]),
            left=float(row["position_after"]),
        )
        self._strategy.on_liquidation(self._stage.positions[self._leg(row)], event)

    def _rejection(self, row: Row) -> None:
        refused = Rejection(
            **self._common(row),
            order=self._number(int(row["order"])),
            reason=Reason(int(row["reason"])),
            tag=self._tag(row),
        )
        self._strategy.on_reject(refused)

    def _margin_call(self, row: Row) -> None:
        position = self._stage.positions[self._leg(row)]
        if not position:
            return
        call = MarginCall(
            **self._common(row),
            margin_ratio=float(row["value"]),
            level=float(row["level"]),
            _needed=lambda distance: position.needed(distance=distance),
        )
        self._strategy.on_margin_call(position, call)

    def _alert(self, row: Row) -> None:
        leg = self._leg(row)
        self._strategy.on_alert(
            Alert(
                symbol=None if leg < 0 else self._names[leg],
                position_side=PositionSide.BOTH if leg < 0 else self._sides[leg],
                number=self._number(int(row["alert"])),
                value=float(row["value"]),
                level=float(row["level"]),
                time_ns=int(row["time_ns"]),
            )
        )


Tell = Callable[[Dispatch, Row], None]


def _chosen(wanted: set[str], hooks: dict[Any, tuple[str, Tell]]) -> dict[int, Tell]:
    return {int(kind): tell for kind, (name, tell) in hooks.items() if name in wanted}
