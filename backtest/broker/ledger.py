"""The books: every movement of money is one row in double entry, everything else worth telling is a notice.

`post` is the only place where the wallet and a position's margin change, so that state and ledger cannot part.
"""

from __future__ import annotations

import math

from backtest.broker.codes import (
    NOTE_ALERT,
    NOTE_MARGIN_CALL,
    NOTE_REJECTION,
    ROW_ADL,
    ROW_CLOSE,
    ROW_FUNDING,
    ROW_LIQUIDATION,
    ROW_OPEN,
    ROW_PARTIAL,
)
from backtest.broker.liquidation import liquidation_price
from backtest.compiling import kernel


@kernel
def post(
    account,
    settings,
    position,
    term,
    tiers,
    ledger,
    leg,
    kind,
    order,
    liquidity,
    reason,
    tag,
    price,
    quantity,
    slippage,
    wallet,
    margin,
    fees,
    funding,
    pnl,
    liquidation_fee,
    insurance,
):
    """Apply one movement to the wallet and the position's margin and write its row.

    The seven amounts are credits and sum to zero. Quantity and entry price of the position are those after the event;
    its liquidation price is worked out here.
    """
    account["wallet"] += wallet
    if position["quantity"] == 0.0:
        position["margin"] = 0.0
        position["liquidation_price"] = math.nan
    elif account["cross"] == 1:
        position["liquidation_price"] = math.nan
    else:
        position["margin"] += margin
        position["judged_mark"] = position["mark_price"]
        position["liquidation_price"] = liquidation_price(
            position["quantity"],
            position["entry_price"],
            position["margin"],
            position["leverage"],
            position["mark_price"],
            term,
            tiers,
        )
    position["stale"] = 1
    row = ledger[account["ledger_rows"]]
    account["ledger_rows"] += 1
    row["sequence"] = account["sequence"]
    account["sequence"] += 1
    row["time_ns"] = settings["start_ns"] + account["bar"] * settings["bar_ns"]
    row["bar"] = account["bar"]
    row["segment"] = account["segment"]
    row["fraction"] = account["fraction"]
    row["leg"] = leg
    row["kind"] = kind
    row["order"] = order
    row["trade"] = position["trade"]
    row["liquidity"] = liquidity
    row["reason"] = reason
    row["tag"] = tag
    row["price"] = price
    row["mark_price"] = position["mark_price"]
    row["quantity"] = quantity
    row["slippage"] = slippage
    row["wallet"] = wallet
    row["margin"] = margin
    row["fees"] = fees
    row["funding"] = funding
    row["pnl"] = pnl
    row["liquidation_fee"] = liquidation_fee
    row["insurance"] = insurance
    row["deposit"] = 0.0
    row["wallet_after"] = account["wallet"]
    row["position_after"] = position["quantity"]
    row["entry_after"] = position["entry_price"]
    row["margin_after"] = position["margin"]
    row["leverage_after"] = position["leverage"]
    row["liquidation_after"] = position["liquidation_price"]
    if (
        ((kind == ROW_OPEN or kind == ROW_CLOSE or kind == ROW_ADL) and settings["wake_fill"] == 1)
        or (kind == ROW_FUNDING and settings["wake_funding"] == 1)
        or ((kind == ROW_LIQUIDATION or kind == ROW_PARTIAL) and settings["wake_liquidation"] == 1)
    ):
        account["wake"] = 1


@kernel
def note(account, settings, position, notices, leg, kind, reason, order, alert, tag, value, level):
    """Write a notice: what happened, why, and the `value` that reached the `level` where there is one."""
    row = notices[account["notice_rows"]]
    account["notice_rows"] += 1
    row["sequence"] = account["sequence"]
    account["sequence"] += 1
    row["time_ns"] = settings["start_ns"] + account["bar"] * settings["bar_ns"]
    row["bar"] = account["bar"]
    row["segment"] = account["segment"]
    row["fraction"] = account["fraction"]
    row["leg"] = leg
    row["kind"] = kind
    row["reason"] = reason
    row["order"] = order
    row["alert"] = alert
    row["tag"] = tag
    row["value"] = value
    row["level"] = level
    row["price"] = position["last_price"]
    row["mark_price"] = position["mark_price"]
    if (
        (kind == NOTE_REJECTION and settings["wake_reject"] == 1)
        or (kind == NOTE_MARGIN_CALL and settings["wake_margin_call"] == 1)
        or (kind == NOTE_ALERT and settings["wake_alert"] == 1)
    ):
        account["wake"] = 1
