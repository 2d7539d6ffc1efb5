"""A Python strategy that decides hourly on ten symbols: what the engine costs above the strategy's own code."""

from __future__ import annotations

import math
import time

import numpy as np

import backtest as bt
from backtest.engine import Driver
from backtest.market.history import CLOSE, OPEN, MarketHistory
from benchmarks.timing import Line
from benchmarks.works import HOUR_NS, YEAR_HOURS, market

LEGS = 10
LOOKBACK, WINDOW, VOLATILITY, WEIGHT, BAND = 168, 72, 0.005, 0.05, 0.10


def wanted(closes: np.ndarray, equity: float) -> float:
    """Target quantity from the last 169 closes: the sign of the week's return, scaled by volatility."""
    spread = float(np.diff(np.log(closes[-WINDOW - 1 :])).std())
    side = 1.0 if closes[-1] > closes[-1 - LOOKBACK] else -1.0
    return side * WEIGHT * min(VOLATILITY / spread, 2.0) * equity / float(closes[-1])


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
                self.target(symbol, quantity=target, leverage=5)


def minimal(history: MarketHistory) -> tuple[int, float]:
    """The same strategy as a bare loop: no margin, no records, only fills and fees."""
    opens, closes = history.prices[:, OPEN], history.prices[:, CLOSE]
    cash, fills = 1_000_000.0, 0
    quantity = [0.0] * LEGS
    pending: list[tuple[int, float]] = []
    for bar in range(history.length):
        for leg, change in pending:
            price = float(opens[leg, bar])
            cash -= change * price + abs(change) * price * 0.0005
            quantity[leg] += change
            fills += 1
        pending = []
        if bar >= LOOKBACK:
            equity = cash + sum(quantity[leg] * float(closes[leg, bar]) for leg in range(LEGS))
            for leg in range(LEGS):
                target = wanted(closes[leg, bar - LOOKBACK : bar + 1], equity)
                change = target - quantity[leg]
                if abs(change) > BAND * abs(target):
                    pending.append((leg, math.copysign(math.floor(abs(change) * 1_000) / 1_000, change)))
    return fills, cash


def lines() -> list[Line]:
    """Microseconds a symbol and decision above the bare loop, both timed in turn."""
    history = market(LEGS, YEAR_HOURS, HOUR_NS, volatility=0.006, funding=False)
    ours, bare, fills = [], [], (0, 0)
    for _ in range(6):
        begun = time.thread_time()
        wanted_fills, _ = minimal(history)
        between = time.thread_time()
        driver = Driver(Resizing, {}, history, bt.RunConfig(cash=1_000_000.0))
        driver.run(None)
        ours.append(time.thread_time() - between)
        bare.append(between - begun)
        fills = (wanted_fills, int((driver.result().records.orders["status"] == bt.enums.OrderStatus.FILLED).sum()))
    unit = 1e6 / (LEGS * YEAR_HOURS)
    above = sorted((one - other) * unit for one, other in zip(ours[1:], bare[1:], strict=True))
    work = f"next() on {LEGS} symbols × {YEAR_HOURS} hours"
    note = f"orders filled {fills[1]}, the bare loop's {fills[0]}"
    rows = [("isomargin, above the user's code", above, 3.0, note)]
    rows += [
        (name, sorted(x * unit for x in taken[1:]), None, "")
        for name, taken in (("isomargin, in all", ours), ("bare loop", bare))
    ]
    return [
        Line(
            work=work,
            engine=name,
            unit="µs/symbol-decision",
            value=float(np.median(each)),
            fastest=each[0],
            slowest=each[-1],
            bar=bar,
            note=said,
        )
        for name, each, bar, said in rows
    ]
