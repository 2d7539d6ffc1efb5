"""What the columns of the result tables mean, and the parts that all tables share: the time index and the texts.

Every table is indexed by `time` (UTC, nanoseconds). Events carry the open of the base bar in which they happened,
curves the close of the bar they describe. Money is the settlement currency, quantities are base units (quote units of
an inverse contract), ratios plain fractions. A figure that does not exist (a liquidation price of a fully covered long,
the closing price of an open trade) is NaN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backtest.enums import label

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: dict[str, str] = {
    "alert": "number of the alert; 0 where there was none",
    "amount": "money moved from the wallet into the position's margin (negative: back)",
    "bar": "number of the base bar, from 0",
    "bars": "base bars between opening and closing",
    "best": "best price that a trailing stop has followed; NaN until it is active",
    "callback_distance": "distance of a trailing stop's trigger from the best price",
    "callback_rate": "that distance as a share of the best price",
    "close_price": "average price of the closing fills",
    "close_time": "open of the base bar of the last closing fill; NaT while the trade is open",
    "currency": "what the row's money is",
    "deposit": "credit to the outside world: minus what was deposited",
    "detail": "the event as a sentence",
    "distance": "|mark price - liquidation price| / mark price",
    "done_time": "open of the base bar in which the order ended; NaT while it works",
    "drawdown": "equity / highest equity so far - 1 (not positive)",
    "effective_leverage": "notional / margin balance",
    "entry_after": "average entry price after the event",
    "entry_price": "average entry price, weighted by quantity",
    "equity": "wallet + margin + unrealised PnL",
    "equity_low": "equity with every position at the adverse mark extreme of the bar, none worth less than zero",
    "event": "what happened",
    "exit_reason": "why the last closing fill happened; 'open' where the trade is still open",
    "expires": "open of the base bar at which the order is no longer good; NaT where it has no such time",
    "fees": "trading fees paid (a rebate is negative)",
    "filled": "quantity filled",
    "filled_price": "price of the fill",
    "fraction": "where on that leg of the path, 0 to 1",
    "funding": "funding paid (negative: received)",
    "group": "number of the first order of the group of which one cancels the others; 0 for that order, or without one",
    "insurance": "credit to the insurance fund (negative: the fund paid)",
    "kind": "what the row records",
    "leg": "number of the position: in one-way mode that of the symbol, in hedge mode twice that (+ 1: the short)",
    "level": "the level that the watched figure reached",
    "leverage": "leverage set for the position or asked for; of the account the sum of notionals / equity",
    "leverage_after": "leverage of the position after the event",
    "liquidation_after": "liquidation price after the event",
    "liquidation_fee": "fee of the liquidation",
    "liquidation_price": "mark price at which the venue liquidates",
    "liquidity": "maker or taker, of a fill",
    "mae": "maximum adverse excursion: largest move of the mark price against the trade, as a share of its entry price",
    "maintenance_margin": "notional × rate - amount of the tier at the mark price",
    "margin": "own margin of the position, or the sum of all, without unrealised PnL; in the ledger the credit",
    "margin_added": "margin added by command or top-up while the trade was open",
    "margin_after": "the position's own margin after the event",
    "margin_balance": "margin + unrealised PnL",
    "margin_posted": "the highest margin the trade had at one time; the denominator of roe",
    "margin_ratio": "maintenance margin / margin balance; liquidation at 1",
    "margin_removed": "margin taken out by command while the trade was open",
    "margin_use": "margin in positions / (margin in positions + wallet)",
    "mark_price": "the mark price of the event or of the bar's close",
    "mfe": "maximum favourable excursion: largest move of the mark price for the trade, as a share of its entry price",
    "min_distance": "least distance to liquidation on the mark path while open; 0 where it was liquidated",
    "notional": "value at the mark price: |quantity| × price, of an inverse contract |quantity| / price",
    "open_price": "average price of the opening fills",
    "open_time": "open of the base bar of the first fill",
    "order": "number of the order; 0 where there was none",
    "parent": "number of the order whose bracket it belongs to; 0 where there is none",
    "payment": "notional × rate, out of the margin (negative: received)",
    "pnl": "pnl_price - slippage - fees - funding - liquidation_fee - insurance; an open trade is marked",
    "pnl_price": "profit from price alone, slippage taken out",
    "position_after": "signed quantity after the event",
    "position_side": "both in one-way mode; in hedge mode long or short, the leg of the symbol",
    "post_only": "whether it may only add liquidity",
    "price": "price of the fill; of an order its limit price; of a notice the last price",
    "quantity": "signed where held; in the ledger the signed change; of orders and trades without sign",
    "quantity_closed": "sum of the closing fills",
    "quantity_opened": "sum of the opening fills",
    "rate": "funding rate, the payment as a share of the notional",
    "reason": "why it happened",
    "reduce_only": "whether it may only reduce the position",
    "return_equity": "pnl / account equity at the close of the bar before the opening",
    "return_price": "move from average open to average close price, in the trade's favour, per open price",
    "roe": "pnl / margin_posted",
    "segment": "0 at the bar's open, 1 to 3 on the legs of its path, 4 at its close",
    "sentence": "the reason as a sentence",
    "sequence": "number of the event",
    "severity": "info, warning or critical",
    "side": "long or short; of an order buy or sell",
    "slippage": "money lost to slippage (already inside the price)",
    "status": "where the order ended",
    "stop": "stop price of its bracket",
    "symbol": "the contract",
    "tag": "the strategy's own word for it",
    "take_profit": "take-profit price of its bracket",
    "time_in_force": "gtc, ioc, fok or gtd",
    "top_ups": "number of automatic top-ups",
    "trade": "number of the flat-to-flat episode; 0 where there is none",
    "trailing_stop": "callback rate of the trailing stop of its bracket",
    "trigger": "price at which it is triggered; of a trailing stop its last level, or the activation price it awaits",
    "trigger_on": "the price that triggers it: last or mark",
    "unrealised_pnl": "profit of closing at the mark price, of the account the sum",
    "value": "the watched figure at that moment",
    "wallet": "balance that is in no position's margin; in the ledger the credit to it",
    "wallet_after": "wallet after the event",
}  # fmt: skip


NEVER_NS = int(np.iinfo(np.int64).min)
"""The instant that is none: NaT in a table."""


def instants(time_ns: NDArray[np.int64]) -> pd.DatetimeIndex:
    """UTC instants in nanoseconds; `NEVER_NS` is NaT."""
    import pandas as pd

    return pd.DatetimeIndex(np.asarray(time_ns, dtype=np.int64).view("datetime64[ns]")).tz_localize("UTC")


def time_index(time_ns: NDArray[np.int64]) -> pd.DatetimeIndex:
    """The index of a table: UTC, nanoseconds, named `time`."""
    return instants(time_ns).rename("time")


def texts(codes: NDArray[np.int64], choice: type[IntEnum]) -> list[str]:
    """The labels of enum codes."""
    names = {int(member): label(member) for member in choice}
    return [names[code] for code in codes.tolist()]


def named(codes: NDArray[np.int64], names: Sequence[str]) -> list[str]:
    """The names that the codes count off; an empty text where the code is outside."""
    return [names[code] if 0 <= code < len(names) else "" for code in codes.tolist()]


def table(columns: Mapping[str, object], time_ns: NDArray[np.int64]) -> pd.DataFrame:
    """A table of `columns` over time whose `attrs` say what each column means."""
    import pandas as pd

    frame = pd.DataFrame(dict(columns), index=time_index(time_ns))
    for name in frame.columns[[dtype.kind == "O" for dtype in frame.dtypes]]:
        frame[name] = frame[name].astype("str")
    return documented(frame)


def documented(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame, with what its columns mean in `attrs["columns"]`."""
    frame.attrs["columns"] = {name: COLUMNS[name] for name in frame.columns if name in COLUMNS}
    return frame
