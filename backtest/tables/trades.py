"""Trades: the time of one leg from flat to flat, with everything it earned and cost.

Three returns stand side by side, because they are often mixed up: `roe` is the profit as a share of the highest margin
the trade had at one time (exchanges show it on the initial margin), `return_price` is the move of the price alone, and
`return_equity` is the profit as a share of the whole account.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backtest.enums import ADDED_KINDS, FILL_KINDS, LedgerKind, Reason, label
from backtest.tables.columns import NEVER_NS, documented, instants, time_index

if TYPE_CHECKING:
    import pandas as pd

    from backtest.market.history import MarketHistory
    from backtest.market.legs import Legs
    from backtest.tables.curves import Curves, Extremes

OPEN = "open"
"""Exit reason of a trade that is still open at the run's end."""
MOVED_KINDS = (*ADDED_KINDS, LedgerKind.REMOVE_MARGIN, LedgerKind.LEVERAGE)
"""Rows that move margin between the wallet and a position."""
_REASONS = {int(reason): label(reason) for reason in Reason}


@dataclass(kw_only=True)
class _Trade:
    """One episode while its rows are read."""

    number: int
    leg: int
    inverse: bool
    side: int
    open_ns: int
    open_bar: int
    tag: int
    close_ns: int | None = None
    close_bar: int = -1
    exit_reason: str = OPEN
    opened: float = 0.0
    opened_value: float = 0.0
    closed: float = 0.0
    closed_value: float = 0.0
    largest: float = 0.0
    leverage: float = 0.0
    margin_posted: float = 0.0
    margin_added: float = 0.0
    margin_removed: float = 0.0
    top_ups: int = 0
    pnl_price: float = 0.0
    slippage: float = 0.0
    fees: float = 0.0
    funding: float = 0.0
    liquidation_fee: float = 0.0
    insurance: float = 0.0

    def value(self, quantity: float, price: float) -> float:
        """What weighs the prices of an average: quantity × price, of an inverse contract quantity / price."""
        return quantity / price if self.inverse else quantity * price

    def average(self, quantity: float, value: float) -> float:
        """The average price of fills of `quantity` and `value` together; NaN of none."""
        if not quantity:
            return math.nan
        return quantity / value if self.inverse else value / quantity

    def read(self, row: dict[str, float]) -> None:
        kind, change = row["kind"], abs(row["quantity"])
        if kind == LedgerKind.OPEN:
            self.opened += change
            self.opened_value += self.value(change, row["price"])
        elif kind in FILL_KINDS:
            self.closed += change
            self.closed_value += self.value(change, row["price"])
        elif kind in MOVED_KINDS:
            self.margin_removed += max(-row["margin"], 0.0)
            self.margin_added += max(row["margin"], 0.0)
            self.top_ups += kind == LedgerKind.TOP_UP
        self.largest = max(self.largest, abs(row["position_after"]))
        self.leverage = max(self.leverage, row["leverage_after"] if row["position_after"] else 0.0)
        self.margin_posted = max(self.margin_posted, row["margin_after"])
        self.pnl_price -= row["pnl"]
        self.slippage += 0.0 if math.isnan(row["slippage"]) else row["slippage"]
        self.fees += row["fees"]
        self.funding += row["funding"]
        self.liquidation_fee += row["liquidation_fee"]
        self.insurance += row["insurance"]
        if row["position_after"] == 0.0:
            self.close_ns, self.close_bar = int(row["time_ns"]), int(row["bar"])
            liquidated = kind == LedgerKind.LIQUIDATION
            self.exit_reason = _REASONS[int(Reason.LIQUIDATION if liquidated else row["reason"])]


_READ = (
    "kind", "time_ns", "bar", "leg", "trade", "tag", "reason", "price", "quantity", "slippage", "margin", "fees",
    "funding", "pnl", "liquidation_fee", "insurance", "position_after", "margin_after", "leverage_after",
)  # fmt: skip


def _episodes(ledger: NDArray[np.void], inverse: Sequence[bool]) -> list[_Trade]:
    trades: list[_Trade] = []
    held: dict[int, _Trade] = {}
    columns = [ledger[name].tolist() for name in _READ]
    for values in zip(*columns, strict=True):
        row = dict(zip(_READ, values, strict=True))
        leg = row["leg"]
        if row["kind"] == LedgerKind.OPEN and leg not in held:
            side = 1 if row["quantity"] > 0 else -1
            held[leg] = _Trade(
                number=row["trade"],
                leg=leg,
                inverse=inverse[leg],
                side=side,
                open_ns=row["time_ns"],
                open_bar=row["bar"],
                tag=row["tag"],
            )
            trades.append(held[leg])
        if row["kind"] == LedgerKind.DEPOSIT or leg not in held:
            continue
        held[leg].read(row)
        if held[leg].close_ns is not None:
            del held[leg]
    return trades


def trade_table(
    ledger: NDArray[np.void],
    history: MarketHistory,
    legs: Legs,
    tags: Sequence[str],
    *,
    end: Curves,
    extremes: Extremes,
    cash: float,
) -> pd.DataFrame:
    """One row a trade, in the order of opening; `end` is the state at the close of the run's last base bar."""
    import pandas as pd

    trades = _episodes(ledger, [history.contracts[symbol].inverse for symbol in legs.symbol])
    equity = extremes.equity
    last = end.trail[-1] if end.bars.size else None
    rows = []
    for trade in trades:
        unrealised = float(last[trade.leg]["unrealised_pnl"]) if trade.close_ns is None and last is not None else 0.0
        pnl_price = trade.pnl_price + unrealised + trade.slippage
        pnl = pnl_price - trade.slippage - trade.fees - trade.funding - trade.liquidation_fee - trade.insurance
        before = equity[trade.open_bar - 1] if trade.open_bar > 0 else cash
        open_price = trade.average(trade.opened, trade.opened_value)
        close_price = trade.average(trade.closed, trade.closed_value)
        reached = float(last[trade.leg]["mark_price"]) if trade.close_ns is None and last is not None else close_price
        excursion = extremes.excursions[trade.number - 1]
        until = trade.close_bar if trade.close_ns is not None else equity.size
        rows.append(
            {
                "trade": trade.number,
                "symbol": legs.names[trade.leg],
                "side": "long" if trade.side > 0 else "short",
                "open_time": trade.open_ns,
                "close_time": trade.close_ns,
                "quantity": trade.largest,
                "quantity_opened": trade.opened,
                "quantity_closed": trade.closed,
                "open_price": open_price,
                "close_price": close_price,
                "leverage": trade.leverage,
                "margin_posted": trade.margin_posted,
                "margin_added": trade.margin_added,
                "margin_removed": trade.margin_removed,
                "top_ups": trade.top_ups,
                "pnl_price": pnl_price,
                "slippage": trade.slippage,
                "fees": trade.fees,
                "funding": trade.funding,
                "liquidation_fee": trade.liquidation_fee,
                "insurance": trade.insurance,
                "pnl": pnl,
                "roe": pnl / trade.margin_posted if trade.margin_posted > 0.0 else math.nan,
                "return_price": trade.side * (reached / open_price - 1.0),
                "return_equity": pnl / before if before > 0.0 else math.nan,
                "exit_reason": trade.exit_reason,
                "tag": tags[trade.tag] if 0 <= trade.tag < len(tags) else "",
                "mae": float(excursion["adverse"]),
                "mfe": float(excursion["favourable"]),
                "min_distance": float(excursion["distance"]),
                "bars": until - trade.open_bar,
            }
        )
    frame = pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_TYPES)
    opens = np.array([trade.open_ns for trade in trades], np.int64)
    closes = [NEVER_NS if trade.close_ns is None else trade.close_ns for trade in trades]
    frame["open_time"] = instants(opens)
    frame["close_time"] = instants(np.array(closes, np.int64))
    frame["min_distance"] = frame["min_distance"].replace(np.inf, np.nan)
    frame.index = time_index(opens)
    return documented(frame)


_TEXT = ("symbol", "side", "exit_reason", "tag")
_INTEGER = ("trade", "top_ups", "bars")
_COLUMNS = (
    "trade", "symbol", "side", "open_time", "close_time", "quantity", "quantity_opened", "quantity_closed",
    "open_price", "close_price", "leverage", "margin_posted", "margin_added", "margin_removed", "top_ups",
    "pnl_price", "slippage", "fees", "funding", "liquidation_fee", "insurance", "pnl", "roe", "return_price",
    "return_equity", "exit_reason", "tag", "mae", "mfe", "min_distance", "bars",
)  # fmt: skip
_TYPES = {
    name: "str" if name in _TEXT else "int64" if name in _INTEGER else "float64"
    for name in _COLUMNS
    if not name.endswith("_time")
}
