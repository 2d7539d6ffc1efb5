"""bt: one price a bar, so it is given the opens; what was decided at a close acts at the next bar, at its open.

It knows no margin: a short is a negative weight. Its mark is the last open; the final equity is marked anew at the
last close.
"""

from __future__ import annotations

from importlib.metadata import version

import bt
import numpy as np
import pandas as pd

from benchmarks import works
from benchmarks.dataset import Dataset, load
from benchmarks.measure import Run, Stopwatch, measure, named


def held(target: bt.Strategy, symbol: str) -> float:
    """Units of a symbol."""
    return float(target.children[symbol].position) if symbol in target.children else 0.0


class Crossing(bt.Algo):
    """Turns over at the opens after the bars at whose closes the sides changed."""

    def __init__(self, data: Dataset, sides: list[np.ndarray], share: float) -> None:
        super().__init__()
        self.closes, self.share, self.fills = data.close, share, 0
        self.symbols = data.symbols
        self.wanted: dict[int, list[tuple[int, float]]] = {}
        for leg, side in enumerate(sides):
            for bar in works.flips(side):
                self.wanted.setdefault(int(data.time_ns[bar + 1]), []).append((leg, float(side[bar])))
        self.bars = {int(time): bar for bar, time in enumerate(data.time_ns)}

    def __call__(self, target: bt.Strategy) -> bool:
        """Trade what is wanted now."""
        turning = self.wanted.get(target.now.value)
        if turning is None:
            return False
        last = self.closes[:, self.bars[target.now.value] - 1]
        units = [held(target, symbol) for symbol in self.symbols]
        equity = target.capital + float(np.dot(units, last))
        for leg, side in turning:
            target.transact(side * self.share * equity / last[leg] - units[leg], self.symbols[leg])
            self.fills += 1
        return True


class Resizing(bt.Algo):
    """W4."""

    def __init__(self, data: Dataset) -> None:
        super().__init__()
        self.closes, self.symbols = data.close, data.symbols
        self.bar, self.fills = -1, 0

    def __call__(self, target: bt.Strategy) -> bool:
        """Resize; the last closed bar is the one before that whose open is the price now."""
        self.bar += 1
        closed = self.bar - 1
        if closed < works.LOOKBACK:
            return True
        units = [held(target, symbol) for symbol in self.symbols]
        equity = target.capital + sum(
            each * float(price) for each, price in zip(units, self.closes[:, closed], strict=True)
        )
        for leg, symbol in enumerate(self.symbols):
            wanted = works.wanted(self.closes[leg, closed - works.LOOKBACK : closed + 1], equity)
            change = wanted - units[leg]
            if abs(change) > works.BAND * abs(wanted):
                target.transact(change, symbol)
                self.fills += 1
        return True


def once(work: str, bars: int) -> Run:
    """One run of a work."""
    data = load(work, bars)
    opens = pd.DataFrame(data.open.T.copy(), index=pd.DatetimeIndex(data.time_ns.view("M8[ns]")), columns=data.symbols)
    share = works.ALONE if len(data.symbols) == 1 else works.SHARED
    cpu, wall, fills, equities = 0.0, 0.0, 0, []
    for setting in works.ONE_SETTING if work == "W3" else ((works.FAST, works.SLOW),):
        if work == "W4":
            algo = Resizing(data)
        else:
            algo = Crossing(data, [works.sides(each, *setting) for each in data.close], share)
        test = bt.Backtest(
            bt.Strategy("work", [algo]),
            opens,
            initial_capital=works.CASH,
            commissions=lambda quantity, price: abs(quantity) * price * works.FEE,
            integer_positions=False,
            progress_bar=False,
        )
        watch = Stopwatch()
        test.run()
        cpu, wall = cpu + watch.cpu, wall + watch.wall
        done = test.strategy
        fills += done.stack.algos[0].fills
        units = np.array([held(done, symbol) for symbol in data.symbols])
        equities.append(float(done.capital) + float(units @ data.close[:, -1]))
    return Run(cpu_s=cpu, wall_s=wall, fills=fills, equity=float(np.mean(equities)))


if __name__ == "__main__":
    measure("bt", named(), once, version=version("bt"), settings=len(works.ONE_SETTING))
