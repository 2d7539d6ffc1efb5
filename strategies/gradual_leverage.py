"""Gradual leverage: a long that earns its leverage, one step at a time, and gives it back the same way."""

from __future__ import annotations

import numpy as np

import backtest as bt
from backtest.errors import UsageError
from backtest.strategy.events import Fill, Rejection

DAY_NS = 86_400_000_000_000
ROOM = 0.01
"""Fraction of a step's notional that the wallet holds above its margin: for the fee and the move to the next open."""


class GradualLeverage(bt.Strategy):
    """Enters a rising market at low leverage, raises it as profit and volatility allow, and steps down otherwise.

    At a new high of `trend` bars a long is opened: `share` of the equity, split over the symbols, is the stake and its
    margin, at leverage `first`. Whenever the price has gained `stride` daily volatilities since the last step, one more
    stake of notional is bought and the leverage goes up by one: if there is a profit, if that leverage is not above
    `top`, and if liquidation, about 1/leverage away, stays `room` daily volatilities off. When the price has lost as
    much since the last step, or volatility has grown so that there is too little room, one step is sold. All is sold
    when the price falls below its mean of `trend` bars.

    After each fill, margin is moved so that notional over margin balance is the leverage of the step. The venue does
    not lower the leverage of an open position, so a step down is a smaller quantity with margin added; a step up takes
    profit out into the wallet, as far as the venue lets it go.

    Earns in long advances, in which the later steps are paid by the profit of the earlier ones. Loses in markets that
    swing by a stride or two, where each step up is bought higher than it is sold; and in a crash within a bar, which
    takes the stakes and the profit that was left in them, though not what went to the wallet.
    """

    trend = bt.Param(480, low=24, high=5000, help="bars of the high that is bought and the mean below which it leaves")
    share = bt.Param(0.5, low=0.01, high=0.8, help="of equity staked, split over the symbols; the rest stays free")
    first = bt.Param(1, low=1, high=20, help="leverage at entry")
    top = bt.Param(5, low=1, high=50, help="highest leverage")
    stride = bt.Param(1.0, low=0.1, high=10.0, help="price move from step to step, in daily volatilities")
    room = bt.Param(4.0, low=1.0, high=20.0, help="least distance to liquidation, in daily volatilities")
    window = bt.Param(168, low=24, high=5000, help="bars that the volatility is measured over")

    def init(self) -> None:
        if self.first > self.top:
            raise UsageError(f"first {self.first} is above top {self.top}, so nothing would be opened; lower first")
        self.high_of_trend = self.indicator(lambda close: close.ffill().rolling(self.trend).max(), "close")
        self.mean = self.indicator(lambda close: close.ffill().rolling(self.trend).mean(), "close")
        self.volatility = self.indicator(lambda close: daily_volatility(close, self.window), "close")
        self.rung = dict.fromkeys(self.symbols, 0)  # the leverage of the step that a symbol is on
        self.step_price = dict.fromkeys(self.symbols, np.nan)

    def next(self) -> None:
        for symbol in self.symbols:
            position, rung, price = self.position(symbol), self.rung[symbol], self.close[symbol]
            stride = self.stride * self.volatility[symbol] * self.step_price[symbol]
            if not position:
                if price >= self.high_of_trend[symbol] and self.has_room(symbol, self.first):
                    self.step_up(symbol, self.first)
            elif price < self.mean[symbol]:
                self.close_position(symbol, tag="leave")
            elif rung > self.first and (price <= self.step_price[symbol] - stride or not self.has_room(symbol, rung)):
                self.rung[symbol], self.step_price[symbol] = rung - 1, price
                self.close_position(symbol, share=1.0 / rung, tag="step down")
            elif price >= self.step_price[symbol] + stride and self.may_rise(symbol):
                self.step_up(symbol, rung + 1)

    def may_rise(self, symbol: str) -> bool:
        """Whether profit, `top` and volatility allow one step more."""
        rung = self.rung[symbol]
        return rung < self.top and self.position(symbol).unrealised_pnl > 0.0 and self.has_room(symbol, rung + 1)

    def has_room(self, symbol: str, leverage: int) -> bool:
        """Whether liquidation at this leverage lies `room` daily volatilities away; not while volatility is unknown."""
        return bool(self.room * self.volatility[symbol] <= 1.0 / leverage)

    def step_up(self, symbol: str, rung: int) -> None:
        """Buy the stake times the first leverage at entry, later one stake more, if the wallet holds the margin."""
        position = self.position(symbol)
        wallet = self.wallet(symbol)
        bought = self.share * wallet.equity / len(wallet.symbols) * (1 if position else rung)
        leverage = max(rung, position.leverage) if position else rung
        if bought * (1.0 / leverage + ROOM) <= wallet.cash:
            self.rung[symbol], self.step_price[symbol] = rung, self.close[symbol]
            self.buy(symbol, notional=bought, leverage=leverage, tag="step up" if position else "enter")

    def on_fill(self, fill: Fill) -> None:
        """Bring notional over margin balance to the leverage of the step, as far as wallet and venue let it."""
        position = self.position(fill.symbol)
        if position:
            lacking = position.notional / self.rung[fill.symbol] - position.balance
            position.add_margin(min(max(lacking, 0.0), self.wallet(fill.symbol).cash))
            position.remove_margin(min(max(-lacking, 0.0), position.removable))

    def on_reject(self, rejection: Rejection) -> None:
        """A step up that the venue refused was not taken."""
        if rejection.tag == "step up":
            self.rung[rejection.symbol] -= 1


def daily_volatility(close, bars):
    """Standard deviation of the log returns of the last `bars` bars, scaled to a day (plain fraction)."""
    step_ns = np.diff(close.index.asi8).min(initial=DAY_NS)
    return np.log(close.ffill()).diff().rolling(bars).std() * np.sqrt(DAY_NS / step_ns)
