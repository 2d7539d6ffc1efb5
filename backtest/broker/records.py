"""The one-row records in which the broker keeps its state, and the rows it appends.

Every record is an aligned NumPy structured type of eight-byte fields, so that compiled code changes it in
place, Python reads it without copying, and a table of rows becomes a DataFrame as it stands.

Units: money in quote currency, quantity in base units (signed on a position, positive on an order), rates as
plain fractions, time in UTC nanoseconds, `bar` as the index of a base bar. A price that does not exist is NaN.
A number of an order starts at 1; 0 says "no order". `leg` is the index of a position (in one-way mode the
index of the symbol).
"""

from __future__ import annotations

import numpy as np


def _record(*, ints: str = "", floats: str = "") -> np.dtype:
    fields = [(name, np.int64) for name in ints.split()] + [(name, np.float64) for name in floats.split()]
    return np.dtype(fields, align=True)


ACCOUNT = _record(
    ints="trades ledger_rows notice_rows order_rows",
    floats="wallet reserved equity peak_equity",
)
"""The wallet shared by all positions: `wallet` is the free balance plus `reserved` (margin of resting limit orders)."""

POSITION = _record(
    ints="symbol trade opened_bar path_bar low_first tier_table ambiguous_bar entered_bar call_armed orders",
    floats="quantity entry_price margin leverage liquidation_price mark_price last_price "
    "call_price call_rearm last_below last_above mark_below mark_above",
)
"""One isolated position. `margin` is its own wallet: allocated + added - removed ± funding, without unrealised PnL."""

ORDER = _record(
    ints="number leg side kind status trigger_on reduce_only post_only bracket sibling parent reason tag bar done_bar",
    floats="quantity price trigger leverage stop take_profit reserved filled_price",
)

COMMAND = _record(
    ints="bar kind leg side order_kind size_kind trigger_on reduce_only post_only order tag threshold number",
    floats="size price trigger leverage stop take_profit level amount budget cooldown_ns",
)
"""One request of a strategy or a row of a schedule (`bar`: index of the base bar at whose close it is given)."""

TOP_UP = _record(
    ints="threshold ready_bar active",
    floats="level amount budget cooldown_ns spent trigger_price",
)

ALERT = _record(
    ints="number leg threshold armed wake",
    floats="level price rearm",
)

LEDGER = _record(
    ints="sequence time_ns bar leg segment kind order trade liquidity reason tag",
    floats="fraction price mark_price quantity slippage "
    "wallet margin fees funding pnl liquidation_fee insurance deposit "
    "wallet_after position_after entry_after margin_after leverage_after liquidation_after",
)
"""One event, in double entry: the eight amounts wallet … deposit are credits to those accounts and sum to zero.

`wallet` and `margin` are the trader's; `fees`, `funding`, `pnl`, `liquidation_fee` and `insurance` are what the
other side received (`pnl` is negative when the trader gained, `insurance` negative when the fund paid).
The `..._after` columns are the state after the event. `segment` is 0 for the bar's open, 1 to 3 for the legs of
its path and 4 for its close; `fraction` places the event on that leg.
"""

NOTICE = _record(
    ints="sequence time_ns bar leg segment kind reason order alert tag",
    floats="fraction value level price mark_price",
)

FUNDING = _record(ints="time_ns bar leg", floats="rate")
"""One settlement, placed on the base bar at whose open it settles."""

CONTRACT = _record(
    ints="first_table tables",
    floats="tick lot minimum_notional maker taker liquidation_fee price_band",
)

TIER_TABLE = _record(ints="from_ns first tiers")

TIER = _record(floats="floor cap rate amount leverage")
"""Maintenance margin = notional × rate − amount while floor < notional ≤ cap; `leverage` is the tier's cap."""

RULES = _record(
    ints="opening_fee_pocket funding_pocket liquidation_style strict lower_leverage whole_leverage order_limit",
    floats="trigger_fee top_up_floor",
)

SETTINGS = _record(
    ints="path holes bars time_ns bar_ns decision_every decision_offset wake_fill wake_reject wake_funding "
    "wake_margin_call wake_liquidation wake_alert wake_decision watch_drawdown",
    floats="slippage volume_slippage margin_call",
)

CURSOR = _record(
    ints="bar stage segment funding_row schedule_row pending wake wake_row stop_bar command_number",
    floats="fraction",
)
