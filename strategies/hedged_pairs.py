"""Hedged pairs: long one perpetual, short another, on the return of a spread that has gone wide."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np

import backtest as bt
from backtest.enums import Side
from backtest.errors import UsageError
from backtest.strategy.events import Alert, Liquidation
from backtest.strategy.position import Position

ESTIMATES = ("ratio", "correlation", "mean", "deviation", "z")
RESTORED = 1.5
"""A top-up moves the liquidation price to this many guard distances."""
ROOM = 0.01
"""Fraction of the notional that the wallet holds above the margins: for the fees and the move to the next open."""


@dataclass(kw_only=True)
class Pair:
    """An open pair: the spread log a − ratio × log b, judged by its mean and deviation at entry; side 1 is long a."""

    a: str
    b: str
    side: int
    ratio: float
    mean: float
    deviation: float
    opened: int
    budget: float


class HedgedPairs(bt.Strategy):
    """Sells the dear one of two correlated perpetuals and buys the cheap one, each with its own isolated margin.

    Over the past `window` bars, the hedge ratio is the slope of a's returns on b's, the spread is log a − ratio × log
    b, and z is the spread's distance from its mean in standard deviations. When |z| widens past `enter` and the returns
    correlate by `correlation` or more, the pair is opened: notionals 1 : ratio, `share` of equity as margin together.
    It is closed, by the ratio, mean and deviation of its entry, when z comes back within `leave` or passes `stop`, and
    after `patience` bars in any case, lest funding add up. Every two symbols of the run are a pair; a symbol is in one
    open pair at a time, and the widest spread goes first.

    A leg whose liquidation comes nearer than `guard` is topped up at once, in mid-bar, while the pair's `budget` lasts.
    If it is liquidated all the same, the other leg is closed at once: at the next base bar's open, unhedged until then.

    Earns a little, often, while two coins part for no lasting reason. Loses when one is revalued and the spread stays
    where it is, when four fees exceed the spread's width, when both legs pay funding, and in a market that runs away,
    with the winner's profit in one margin while the loser's is liquidated: isolated margins do not help each other.
    """

    window = bt.Param(336, low=24, high=5000, help="bars that ratio, mean and deviation are estimated over")
    enter = bt.Param(2.0, low=0.5, high=6.0, help="|z| at which a pair is opened")
    leave = bt.Param(0.5, low=0.0, high=3.0, help="|z| at which it is closed")
    stop = bt.Param(4.0, low=1.0, high=12.0, help="|z| at which it is given up")
    patience = bt.Param(336, low=1, high=5000, help="bars after which it is closed in any case")
    correlation = bt.Param(0.5, low=0.0, high=0.99, help="least correlation of the returns")
    share = bt.Param(0.2, low=0.01, high=0.6, help="of equity posted as margin of a pair, both legs together")
    leverage = bt.Param(4, low=1, high=20, help="of each leg, a whole number")
    guard = bt.Param(0.1, low=0.01, high=0.5, help="distance to liquidation at which a leg is topped up")
    budget = bt.Param(0.1, low=0.0, high=0.4, help="of equity at entry, for the top-ups of a pair")

    def init(self) -> None:
        if len({self.wallet(symbol).currency for symbol in self.symbols}) > 1:
            raise UsageError(
                "its sizes are shares of one wallet, and these symbols are settled in several currencies; "
                "choose symbols of one"
            )
        if len(self.symbols) < 2:
            raise UsageError(f"a pair needs two symbols, this run has {self.symbols[0]} alone; add another with -s")
        if not self.leave < self.enter < self.stop:
            raise UsageError(f"leave {self.leave:g}, enter {self.enter:g}, stop {self.stop:g} must rise in this order")
        self.estimates = {
            (a, b): {name: self.single(partial(estimate, name, a, b, self.window), "close") for name in ESTIMATES}
            for a, b in combinations(self.symbols, 2)
        }
        for symbol in self.symbols:
            self.alert(symbol, distance=self.guard)
        self.pairs: list[Pair] = []
        self.closing: set[str] = set()  # legs whose close was asked for since the last decision

    def next(self) -> None:
        for pair in tuple(self.pairs):
            reason = self.reason_to_close(pair)
            if reason:
                self.close_pair(pair, reason)
        for symbol in self.symbols:  # an order that waited for a missing bar may fill after its pair was given up
            if self.position(symbol) and not self.pair_of(symbol) and symbol not in self.closing:
                self.close_position(symbol, tag="unhedged")
        widened = {pair: found for pair, found in self.estimates.items() if self.has_widened(found["z"].last(2))}
        for (a, b), found in sorted(widened.items(), key=lambda each: -abs(each[1]["z"].value)):
            free = not any(self.pair_of(symbol) or self.position(symbol) for symbol in (a, b))
            if free and found["correlation"].value >= self.correlation and found["ratio"].value > 0.0:
                self.open_pair(a, b, {name: each.value for name, each in found.items()})
        self.closing.clear()

    def has_widened(self, z: np.ndarray) -> bool:
        """Whether |z| has passed `enter` with the last bar, and not `stop` too."""
        return len(z) == 2 and bool(abs(z[0]) < self.enter <= abs(z[1]) < self.stop)

    def open_pair(self, a: str, b: str, found: dict[str, float]) -> None:
        """Sell the dear leg and buy the cheap one, notionals 1 : ratio, if the wallet holds both margins."""
        notional = self.share * self.equity * self.leverage
        if (
            notional * (1.0 / self.leverage + 0.01) > self.cash
        ):  # a hundredth for the fees and the move to the next open
            return
        side, ratio, budget = (-1 if found["z"] > 0.0 else 1), found["ratio"], self.budget * self.equity
        for symbol, sign, part in ((a, side, 1.0), (b, -side, ratio)):
            size = notional * part / (1.0 + ratio)
            self.order(symbol, Side(sign), notional=size, leverage=self.leverage, tag="open")
        measure = {"ratio": ratio, "mean": found["mean"], "deviation": found["deviation"]}
        self.pairs.append(Pair(a=a, b=b, side=side, opened=self.bar, budget=budget, **measure))

    def reason_to_close(self, pair: Pair) -> str:
        """Why the pair should be closed now, by the measure of its entry; empty while it should not."""
        if not (self.position(pair.a) and self.position(pair.b)):
            return "unhedged"
        spread = np.log(self.close[pair.a]) - pair.ratio * np.log(self.close[pair.b])
        wide = -pair.side * (spread - pair.mean) / pair.deviation  # |z| while it is on the side of the entry
        if wide <= self.leave:
            return "come back"
        if wide >= self.stop:
            return "stop"
        return "patience" if self.bar - pair.opened >= self.patience else ""

    def close_pair(self, pair: Pair, reason: str) -> None:
        """Close what is open of the pair and forget it."""
        self.pairs.remove(pair)
        for symbol in (pair.a, pair.b):
            if self.position(symbol):
                self.closing.add(symbol)
                self.close_position(symbol, tag=reason)

    def pair_of(self, symbol: str | None) -> Pair | None:
        """The open pair that a symbol is a leg of."""
        return next((pair for pair in self.pairs if symbol in (pair.a, pair.b)), None)

    def on_alert(self, alert: Alert) -> None:
        """Top the threatened leg up out of what is left of the pair's budget."""
        pair = self.pair_of(alert.symbol)
        if pair and alert.symbol:
            position = self.position(alert.symbol)
            amount = min(position.needed(distance=RESTORED * self.guard), pair.budget, self.cash)
            pair.budget -= amount
            position.add_margin(amount)

    def on_liquidation(self, position: Position, event: Liquidation) -> None:
        """Close the other leg: what is left of the pair is no hedge."""
        pair = self.pair_of(event.symbol)
        if pair:
            self.close_pair(pair, "unhedged")


def estimate(name, a, b, window, closes):
    """One of ESTIMATES of the spread of a and b, over the `window` bars up to each bar."""
    log = np.log(closes[[a, b]].ffill())
    x, y = log[a].diff().rolling(window), log[b].diff()
    ratio, correlation = x.cov(y) / y.rolling(window).var(), x.corr(y)
    past = log.rolling(window)
    mean = past.mean()[a] - ratio * past.mean()[b]
    variance = past.var()[a] + ratio**2 * past.var()[b] - 2.0 * ratio * log[a].rolling(window).cov(log[b])
    deviation = np.sqrt(variance.where(variance > 0.0))
    z = (log[a] - ratio * log[b] - mean) / deviation
    return {"ratio": ratio, "correlation": correlation, "mean": mean, "deviation": deviation, "z": z}[name]
