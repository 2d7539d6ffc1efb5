"""Volatility scaling: the same risk from each asset, however wild it is, on one wallet."""

from __future__ import annotations

import numpy as np

import backtest as bt
from backtest.errors import UsageError

DAY_NS = 86_400_000_000_000
SLACK = 0.01
"""Fraction of the notional that stays above the venue's limit when margin is taken out: room for the next open."""


class VolatilityScaled(bt.Strategy):
    """Holds each asset with margin in inverse proportion to its volatility, and brings it back there at an interval.

    The notional of an asset is equity / symbols × risk / daily volatility, its margin that over `leverage`; where all
    margins together pass `most` of the equity, all are cut in the same proportion. The side is the sign of the return
    over `trend` bars (0: always long; without `short`, what has fallen is left out). Every `every` bars, positions
    further than `band` from their size are resized, those that shrink first so that their margin is free for those that
    grow; and a margin balance further than `band` from notional over leverage is brought back to it: losses are topped
    up, profits go to the wallet.

    Earns in lasting trends of any of the assets, and has less at stake than a fixed size would when volatility rises
    before the fall, as it often does. Loses in markets without direction, where the side changes when the move is over;
    in a crash out of a calm, when sizes are largest; and, as it tops up, more than the first margin on an asset that
    keeps going the wrong way.
    """

    risk = bt.Param(0.02, low=0.001, high=0.2, help="daily volatility wanted of each asset's share of the equity")
    window = bt.Param(168, low=12, high=5000, help="bars that the volatility is measured over")
    leverage = bt.Param(3, low=1, high=20, help="of every position, a whole number")
    most = bt.Param(0.6, low=0.05, high=0.9, help="of equity in margin, all positions together")
    trend = bt.Param(720, low=0, high=10000, help="bars of the return whose sign is the side; 0: always long")
    short = bt.Param(True, help="sell what has fallen, rather than leave it out")
    every = bt.Param(24, low=1, high=2000, help="bars between two rebalances")
    band = bt.Param(0.2, low=0.0, high=1.0, help="distance from what is wanted, as a fraction of it, that is let be")

    def init(self) -> None:
        if len({self.wallet(symbol).currency for symbol in self.symbols}) > 1:
            raise UsageError(
                "its sizes are shares of one wallet, and these symbols are settled in several currencies; "
                "choose symbols of one"
            )
        self.volatility = self.indicator(lambda close: daily_volatility(close, self.window), "close")
        self.side = self.indicator(self.side_of, "close")

    def side_of(self, close):
        """1 long, -1 short, 0 out; NaN while the return is not known."""
        past = close.ffill()
        return np.sign(past.diff(self.trend) if self.trend else past).clip(lower=-1.0 if self.short else 0.0)

    def next(self) -> None:
        if self.bar % self.every:
            return
        self.restore_margins()
        wanted = self.wanted()
        held = {symbol: self.position(symbol).side * self.position(symbol).notional for symbol in wanted}
        for symbol in sorted(wanted, key=lambda each: abs(wanted[each]) - abs(held[each])):
            size = wanted[symbol]
            if size * held[symbol] <= 0.0 or abs(size - held[symbol]) > self.band * abs(size):
                self.target(symbol, notional=size, leverage=self.leverage)

    def wanted(self) -> dict[str, float]:
        """Signed notional (quote currency) of each asset whose price, side and volatility are known."""
        each = self.equity / len(self.symbols) * self.risk
        sizes = {
            symbol: self.side[symbol] * each / self.volatility[symbol]
            for symbol in self.symbols
            if self.close[symbol] > 0.0 and self.volatility[symbol] > 0.0 and self.side[symbol] >= -1.0
        }
        margins = sum(abs(size) for size in sizes.values()) / self.leverage
        cut = min(1.0, self.most * self.equity / margins) if margins > 0.0 else 1.0
        return {symbol: size * cut for symbol, size in sizes.items()}

    def restore_margins(self) -> None:
        """Bring margin balances that have drifted back to notional over leverage, as far as wallet and venue let it."""
        free = self.cash
        for symbol in self.symbols:
            position = self.position(symbol)
            wanted = position.notional / self.leverage
            lacking = wanted - position.balance
            if lacking > self.band * wanted:
                amount = min(lacking, free)
                position.add_margin(amount)
                free -= amount
            elif -lacking > self.band * wanted:
                amount = min(-lacking, position.removable) - SLACK * position.notional
                position.remove_margin(max(amount, 0.0))


def daily_volatility(close, bars):
    """Standard deviation of the log returns of the last `bars` bars, scaled to a day (plain fraction)."""
    step_ns = np.diff(close.index.asi8).min(initial=DAY_NS)
    return np.log(close.ffill()).diff().rolling(bars).std() * np.sqrt(DAY_NS / step_ns)
