"""The yardstick: the whole deposit in equal parts of the same symbols from the start, without leverage, and held."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def buy_and_hold(
    mark_open: NDArray[np.float64],
    mark_close: NDArray[np.float64],
    funding: NDArray[np.void],
    cash: float,
    inverse: Sequence[bool] = (),
) -> NDArray[np.float64]:
    """Equity at each bar's close of `cash` split equally over the symbols at their first mark open.

    Funding is paid, fees are left out; once it has eaten the deposit, nothing is left to hold.

    `mark_open` and `mark_close` are (symbols, bars), NaN where missing; `funding` holds FUNDING records; `inverse` says
    which contracts are (none unless given): there a long of as many coins' worth is held, which gains in coin while the
    price rises, and is gone when it has halved.
    """
    legs, bars = mark_close.shape
    equity = np.full(bars, float(cash))
    for leg in range(legs):
        known = np.flatnonzero(np.isfinite(mark_open[leg]))
        if not known.size:
            continue
        first = int(known[0])
        entry = float(mark_open[leg, first])
        turned = bool(inverse[leg]) if len(inverse) else False
        quantity = cash / legs * entry if turned else cash / legs / entry
        closes = _carried(mark_close[leg])
        gain = quantity / entry - quantity / closes if turned else quantity * (closes - entry)
        value = np.where(np.arange(bars) >= first, gain, 0.0)
        rows = funding[(funding["leg"] == leg) & (funding["bar"] > first) & (funding["bar"] < bars)]
        paid = np.zeros(bars)
        opened = mark_open[leg, rows["bar"]]
        notional = np.nan_to_num(quantity / opened if turned else quantity * opened)
        np.add.at(paid, rows["bar"], notional * rows["rate"])
        equity += np.nan_to_num(value) - np.cumsum(paid)
    ruined = np.flatnonzero(equity <= 0.0)
    if ruined.size:
        equity[ruined[0] :] = 0.0
    return equity


def _carried(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """The prices with each missing one replaced by the last known."""
    at = np.where(np.isfinite(prices), np.arange(prices.size), 0)
    carried: NDArray[np.float64] = prices[np.maximum.accumulate(at)]
    return carried
