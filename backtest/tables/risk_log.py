"""The risk log: everything that a trader would have been rung up for, in the order in which it happened."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from backtest.enums import LedgerKind, NoticeKind, PositionSide, label
from backtest.report.numbers import money, with_name
from backtest.tables.columns import documented, time_index
from backtest.venues.symbols import settlement

if TYPE_CHECKING:
    import pandas as pd

INFO, WARNING, CRITICAL = "info", "warning", "critical"

_SEVERITY = {
    label(LedgerKind.LIQUIDATION): CRITICAL,
    label(LedgerKind.PARTIAL_LIQUIDATION): CRITICAL,
    label(LedgerKind.AUTO_DELEVERAGING): CRITICAL,
    label(LedgerKind.AUTO_MARGIN): WARNING,
    label(LedgerKind.ADD_MARGIN): INFO,
    label(LedgerKind.REMOVE_MARGIN): INFO,
    label(LedgerKind.TOP_UP): WARNING,
    label(LedgerKind.LEVERAGE): INFO,
    label(LedgerKind.TIERS): INFO,
    label(NoticeKind.REJECTION): WARNING,
    label(NoticeKind.MARGIN_CALL): WARNING,
    label(NoticeKind.ALERT): WARNING,
    label(NoticeKind.TOP_UP_FAILED): WARNING,
    label(NoticeKind.AMBIGUOUS): INFO,
    label(NoticeKind.HOLE): WARNING,
}
BOTH = ("", label(PositionSide.BOTH))
"""Of the whole account, or in one-way mode."""
_ORDER = ["bar", "segment", "fraction", "sequence"]
_COLUMNS = ["symbol", "severity", "event", "mark_price", "detail"]


def _price(value: float) -> str:
    if math.isnan(value):
        return "none"
    return f"{value:,.2f}" if value >= 1000.0 or value < 1e-9 else f"{value:,.6g}"


def _ledger_detail(row: Any) -> str:
    currency = settlement(str(row.symbol))
    if row.kind == label(LedgerKind.LIQUIDATION):
        lost = -(row.margin + row.wallet)
        closed = f"{abs(row.quantity):,.8g} closed at {_price(row.price)}"
        return f"{closed}, margin lost {money(lost, currency)}, returned {with_name(row.wallet, currency)}"
    if row.kind == label(LedgerKind.AUTO_DELEVERAGING):
        return (
            f"{abs(row.quantity):,.8g} of a winning position closed at {_price(row.price)}, returned {row.wallet:,.2f}"
        )
    if row.kind == label(LedgerKind.PARTIAL_LIQUIDATION):
        return (
            f"{abs(row.quantity):,.8g} closed at {_price(row.price)}, {abs(row.position_after):,.8g} left, "
            f"margin {with_name(row.margin_after, currency)}, liquidation price {_price(row.liquidation_after)}"
        )
    if row.kind == label(LedgerKind.LEVERAGE):
        return f"leverage {row.leverage_after:g}, liquidation price {_price(row.liquidation_after)}"
    if row.kind == label(LedgerKind.TIERS):
        return f"a newer tier table holds, liquidation price {_price(row.liquidation_after)}"
    moved = "added" if row.margin >= 0.0 else "taken out"
    return (
        f"{money(abs(row.margin), currency)} {moved}, margin {money(row.margin_after, currency)}, "
        f"liquidation price {_price(row.liquidation_after)}, wallet {with_name(row.wallet_after, currency)}"
    )


def _notice_detail(row: Any) -> str:
    if row.kind == label(NoticeKind.MARGIN_CALL):
        return f"margin ratio {row.value:.3f} reached the call level {row.level:.3f}"
    if row.kind == label(NoticeKind.ALERT):
        return f"the watched figure {row.value:.4g} reached its level {row.level:.4g}"
    if row.kind == label(NoticeKind.AMBIGUOUS):
        return "the order of two triggers inside this bar decided the outcome"
    if row.kind == label(NoticeKind.HOLE):
        return "a bar is missing under an open position; it was carried at its last known mark"
    return str(row.sentence)


def _entries(frame: pd.DataFrame, detail: Any) -> Iterator[dict[str, object]]:
    for row in frame[frame["kind"].isin(list(_SEVERITY))].itertuples():
        yield {
            "time": row.Index,
            "symbol": row.symbol,
            "severity": _SEVERITY[str(row.kind)],
            "event": row.kind,
            "mark_price": row.mark_price,
            "detail": detail(row) if row.position_side in BOTH else f"{row.position_side} leg: {detail(row)}",
            **{name: getattr(row, name) for name in _ORDER},
        }


def risk_table(ledger: pd.DataFrame, notices: pd.DataFrame) -> pd.DataFrame:
    """Liquidations, margin calls, alerts, margin events, rejections, ambiguous bars and holes, with a sentence each."""
    import pandas as pd

    rows = [*_entries(ledger, _ledger_detail), *_entries(notices, _notice_detail)]
    if not rows:
        empty = pd.DataFrame(columns=_COLUMNS, index=time_index(pd.array([], dtype="int64").to_numpy()))
        return documented(empty.astype({"mark_price": "float64"} | {n: "str" for n in _COLUMNS if n != "mark_price"}))
    frame = pd.DataFrame(rows).sort_values(_ORDER, kind="stable").set_index("time")
    return documented(frame[_COLUMNS])
