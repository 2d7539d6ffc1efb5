"""Ledger rows, orders and notices as tables, and the selections of them that a trader asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backtest.broker.records import LEDGER
from backtest.enums import (
    SENTENCES,
    LedgerKind,
    Liquidity,
    NoticeKind,
    OrderKind,
    OrderStatus,
    PriceSource,
    Reason,
    Side,
    TimeInForce,
    label,
)
from backtest.tables.columns import NEVER_NS, documented, instants, named, table, texts
from backtest.venues.symbols import is_inverse

if TYPE_CHECKING:
    import pandas as pd

    from backtest.market.history import MarketHistory
    from backtest.market.legs import Legs

_LEDGER_FLOATS = tuple(name for name in LEDGER.names or () if LEDGER[name] == np.float64)
MARGIN_EVENTS = tuple(
    label(kind)
    for kind in (
        LedgerKind.ADD_MARGIN,
        LedgerKind.REMOVE_MARGIN,
        LedgerKind.TOP_UP,
        LedgerKind.AUTO_MARGIN,
        LedgerKind.LEVERAGE,
        LedgerKind.TIERS,
    )
)
SENTENCE_OF = {label(reason): sentence for reason, sentence in SENTENCES.items()}


def ledger_table(ledger: NDArray[np.void], legs: Legs, tags: Sequence[str]) -> pd.DataFrame:
    """Every event of the run in its order; the eight amounts `wallet` … `deposit` of a row sum to zero."""
    columns: dict[str, object] = {name: ledger[name] for name in ("sequence", "bar", "leg")}
    columns |= _of_legs(ledger["leg"], legs)
    columns["kind"] = texts(ledger["kind"], LedgerKind)
    columns |= {name: ledger[name] for name in ("segment", "fraction", "order", "trade")}
    columns["liquidity"] = texts(ledger["liquidity"], Liquidity)
    columns["reason"] = texts(ledger["reason"], Reason)
    columns["tag"] = named(ledger["tag"], tags)
    columns |= {name: ledger[name] for name in _LEDGER_FLOATS if name != "fraction"}
    return table(columns, ledger["time_ns"])


def order_table(orders: NDArray[np.void], history: MarketHistory, legs: Legs, tags: Sequence[str]) -> pd.DataFrame:
    """Every order the broker took in, by the time it reached the market, with what became of it."""
    opens = history.start_ns + orders["bar"] * history.interval_ns
    ended = ~np.isin(orders["status"], (int(OrderStatus.PENDING), int(OrderStatus.WORKING)))
    done = np.where(ended, history.start_ns + orders["done_bar"] * history.interval_ns, NEVER_NS)
    until = orders["time_in_force"] == TimeInForce.GTD
    expires = history.start_ns + np.where(until, orders["expires_bar"], 0) * history.interval_ns
    columns: dict[str, object] = {
        "order": orders["number"],
        **_of_legs(orders["leg"], legs),
        "side": texts(orders["side"], Side),
        "kind": texts(orders["kind"], OrderKind),
        "status": texts(orders["status"], OrderStatus),
        "reason": texts(orders["reason"], Reason),
        "tag": named(orders["tag"], tags),
        "quantity": orders["quantity"],
        "price": orders["price"],
        "trigger": orders["trigger"],
        "trigger_on": texts(orders["trigger_on"], PriceSource),
        "leverage": orders["leverage"],
        "stop": orders["stop"],
        "take_profit": orders["take_profit"],
        "trailing_stop": orders["trailing_stop"],
        "callback_rate": orders["callback_rate"],
        "callback_distance": orders["callback_distance"],
        "best": orders["best"],
        "filled": orders["filled"],
        "filled_price": orders["filled_price"],
        "reduce_only": orders["reduce_only"] != 0,
        "post_only": orders["post_only"] != 0,
        "time_in_force": texts(orders["time_in_force"], TimeInForce),
        "expires": instants(np.where(until, expires, NEVER_NS)),
        "parent": orders["parent"],
        "group": orders["group"],
        "done_time": instants(done),
    }
    return table(columns, opens)


def notice_table(notices: NDArray[np.void], legs: Legs, tags: Sequence[str]) -> pd.DataFrame:
    """Everything worth telling that moved no money: rejections, cancellations, margin calls, alerts, holes."""
    reasons = texts(notices["reason"], Reason)
    columns: dict[str, object] = {name: notices[name] for name in ("sequence", "bar")}
    columns |= _of_legs(notices["leg"], legs)
    columns["kind"] = texts(notices["kind"], NoticeKind)
    columns["reason"] = reasons
    columns["sentence"] = [SENTENCE_OF[reason] for reason in reasons]
    columns["tag"] = named(notices["tag"], tags)
    columns |= {name: notices[name] for name in ("order", "alert", "segment")}
    columns |= {name: notices[name] for name in ("fraction", "value", "level", "price", "mark_price")}
    return table(columns, notices["time_ns"])


def _of_legs(numbers: NDArray[np.int64], legs: Legs) -> dict[str, object]:
    """The columns that say whose a row is."""
    sides = [label(side) for side in legs.position_sides]
    return {"symbol": named(numbers, legs.names), "position_side": named(numbers, sides)}


def rejection_table(notices: pd.DataFrame) -> pd.DataFrame:
    """What the venue refused, and why."""
    kept = notices[notices["kind"] == label(NoticeKind.REJECTION)]
    names = ["symbol", "position_side", "order", "reason", "sentence", "value", "level", "price", "mark_price", "tag"]
    return documented(kept[names].copy())


def funding_table(ledger: pd.DataFrame) -> pd.DataFrame:
    """Every funding settlement: the quantity held into it, the mark price, the rate and the payment."""
    rows = ledger[ledger["kind"] == label(LedgerKind.FUNDING)]
    frame = rows[["symbol", "position_side", "trade", "mark_price"]].copy()
    frame.insert(3, "quantity", rows["position_after"])
    size, mark = rows["position_after"].to_numpy(), rows["mark_price"].to_numpy()
    inverse = rows["symbol"].map(is_inverse).to_numpy(bool)
    frame["rate"] = rows["funding"] / np.where(inverse, size / mark, size * mark)
    frame["payment"] = rows["funding"]
    frame["margin_after"] = rows["margin_after"]
    frame["liquidation_after"] = rows["liquidation_after"]
    return documented(frame)


def margin_table(ledger: pd.DataFrame) -> pd.DataFrame:
    """Margin added, removed and topped up, and changes of leverage and of the tier table."""
    rows = ledger[ledger["kind"].isin(MARGIN_EVENTS)]
    frame = rows[["symbol", "position_side", "trade", "kind", "mark_price"]].copy()
    frame["amount"] = rows["margin"]
    for name in ("margin_after", "leverage_after", "liquidation_after", "wallet_after", "tag"):
        frame[name] = rows[name]
    return documented(frame)
