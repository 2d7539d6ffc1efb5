"""Buy and hold: the yardstick that every other strategy is measured against."""

from __future__ import annotations

import numpy as np

import backtest as bt


class BuyAndHold(bt.Strategy):
    """One long per symbol with an equal share of the deposit, opened once and never touched.

    Each symbol gets deposit / symbols, less a reserve, as margin at `leverage`, at its first bar with a known price. It
    is given as a plan, so the run never enters Python. The share of a symbol that is listed later waits in the wallet.

    Earns what the market earns, times the leverage, less the funding that longs pay while others are bullish too. Loses
    with every fall: at leverage 1 a long cannot be liquidated before its price is near zero, but for the funding that
    eats into its margin; at leverage L it is gone after a fall of about 1/L, and misses the recovery.
    """

    leverage = bt.Param(1, low=1, high=125, help="of every position, a whole number; 1 is holding the coin")
    reserve = bt.Param(0.005, low=0.001, high=0.1, help="of notional, kept in the wallet for the fee and the next open")

    def plan(self) -> bt.Schedule:
        """One row a symbol: a notional of deposit / symbols × leverage, less the reserve, at its first known price."""
        wanted = {}
        for symbol in self.symbols:
            wallet = self.wallet(symbol)
            notional = wallet.equity / len(wallet.symbols) * self.leverage / (1.0 + self.reserve * self.leverage)
            known = np.isfinite(self.close.whole(symbol))
            wanted[symbol] = np.where(known & (known.cumsum() == 1), notional, np.nan)
        return self.schedule(notional=wanted, leverage=self.leverage)
