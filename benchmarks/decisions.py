"""W4: a Python strategy that decides hourly on ten symbols, as it would be written, and with its volatility computed as
an indicator in `init`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

import backtest as bt
from benchmarks.works import BAND, LEVERAGE, LOOKBACK, VOLATILITY, WEIGHT, WINDOW, wanted


class Resizing(bt.Strategy):
    """Resizes each symbol by its volatility when it is off by more than a tenth."""

    def next(self) -> None:
        """Decide for every symbol."""
        if self.bar < LOOKBACK:
            return
        equity = self.equity
        for symbol in self.symbols:
            target = wanted(self.close.window(symbol, LOOKBACK + 1), equity)
            if abs(target - self.position(symbol).quantity) > BAND * abs(target):
                self.target(symbol, quantity=target, leverage=LEVERAGE)


def weight(close: pd.Series) -> pd.Series:
    """Signed exposure wanted at each close; NaN until there are enough bars."""
    spread = np.log(close).diff().rolling(WINDOW).std(ddof=0)
    side = np.where(close > close.shift(LOOKBACK), 1.0, -1.0)
    return (side * WEIGHT * np.minimum(VOLATILITY / spread, 2.0)).where(close.shift(LOOKBACK).notna())


class Weighted(bt.Strategy):
    """The same with its weights as an indicator, computed once for the whole run."""

    def init(self) -> None:
        """Compute the weights."""
        self.weight = self.indicator(weight, "close")

    def next(self) -> None:
        """Decide for every symbol."""
        if self.bar < LOOKBACK:
            return
        equity, weight, close = self.equity, self.weight, self.close
        for symbol in self.symbols:
            target = weight[symbol] * equity / close[symbol]
            if abs(target - self.position(symbol).quantity) > BAND * abs(target):
                self.target(symbol, quantity=target, leverage=LEVERAGE)
