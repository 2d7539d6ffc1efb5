"""The four works, the same for every engine; needs NumPy alone, for it is imported in every peer's environment.

W1, W2, W3: the fast mean of closes above the slow one is long, below it short; equal keeps the side. Decided at the
close of a bar, filled at the open of the next: all is closed and the other way opened with a fixed share of equity as
notional (equity and price of the close at which it was decided). W1: one symbol, a year of 1-minute bars, 50 % of
equity, which at 5× is 10 % as margin. W2: ten symbols in one wallet, 5 % each. W3: W1 under a hundred settings. W4: on
hourly bars a Python callback resizes ten symbols by their volatility. Fee 5 basis points, no funding, no slippage;
nothing is closed at the end, and final equity is marked at the last close.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SYMBOLS = ("BTC", "ETH", "SOL", "XRP", "BNB", "DOGE", "ADA", "LINK", "AVAX", "LTC")
DECIMALS = (1, 2, 3, 4, 2, 5, 4, 3, 3, 2)
"""Decimals of each symbol's price."""
MINUTE_NS, HOUR_NS = 60_000_000_000, 3_600_000_000_000
YEAR_MINUTES, YEAR_HOURS = 525_600, 8_760
START_NS = 1_704_067_200_000_000_000
CASH, FEE, LEVERAGE = 1_000_000.0, 0.0005, 5.0
FAST, SLOW = 60, 1440
ALONE, SHARED = 0.5, 0.05
"""Notional of a position as a fraction of equity: one symbol, and each of ten in one wallet."""
SETTINGS = tuple(
    (fast, slow)
    for fast in (20, 30, 45, 60, 75, 90, 120, 150, 180, 240)
    for slow in (720, 960, 1200, 1440, 1800, 2160, 2880, 3600, 4320, 5760)
)
ONE_SETTING = SETTINGS[33:34]
"""What stands for W3 where an engine is too slow for a hundred: one setting, that of W1."""
LOOKBACK, WINDOW, VOLATILITY, WEIGHT, BAND = 168, 72, 0.005, 0.05, 0.10
"""W4: bars of the trend and of the volatility, the volatility wanted, the weight at it, the band left alone."""

Array = NDArray[np.float64]


def timed_settings(count: int) -> tuple[tuple[int, int], ...]:
    """The settings of W3 that an engine is timed on: all, or one."""
    return ONE_SETTING if count == 1 else SETTINGS


def mean(closes: Array, bars: int) -> Array:
    """Moving average; NaN until there are enough bars."""
    total = np.concatenate(([0.0], np.cumsum(closes)))
    found = np.full(closes.size, np.nan)
    found[bars - 1 :] = (total[bars:] - total[:-bars]) / bars
    return found


def sides(closes: Array, fast: int = FAST, slow: int = SLOW) -> NDArray[np.int8]:
    """Side wanted at each close: 1, -1, and 0 before the slow mean exists."""
    quick, calm = mean(closes, fast), mean(closes, slow)
    found = np.zeros(closes.size, np.int8)
    found[quick > calm] = 1
    found[quick < calm] = -1
    for bar in np.flatnonzero(quick == calm):
        found[bar] = found[bar - 1]
    return found


def flips(side: NDArray[np.int8]) -> NDArray[np.int64]:
    """Bars at whose close the side changes and a next open is there to fill at."""
    before = np.concatenate((np.zeros(1, np.int8), side[:-1]))
    return np.flatnonzero((side != before)[:-1])


def wanted(closes: Array, equity: float) -> float:
    """W4: target quantity from a symbol's last closes; the sign of the week's return, scaled by the volatility."""
    spread = float(np.diff(np.log(closes[-WINDOW - 1 :])).std())
    side = 1.0 if closes[-1] > closes[-1 - LOOKBACK] else -1.0
    return side * WEIGHT * min(VOLATILITY / spread, 2.0) * equity / float(closes[-1])
