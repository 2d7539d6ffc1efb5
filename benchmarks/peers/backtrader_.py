"""backtrader: preloaded, vectorised indicators, no observers; the feed is loaded within the run call."""

from __future__ import annotations

from importlib.metadata import version

import backtrader
import numpy as np
import pandas as pd

from benchmarks import works
from benchmarks.dataset import load
from benchmarks.measure import Run, Stopwatch, measure, named


class Counting(backtrader.Strategy):
    """Counts what was filled."""

    def __init__(self) -> None:
        self.fills = 0

    def notify_order(self, order: backtrader.Order) -> None:
        """Count it."""
        self.fills += order.status == order.Completed


class Crossing(Counting):
    """The cross, with sides worked out beforehand."""

    params = {"sides": None, "share": works.ALONE}  # noqa: RUF012 (backtrader declares parameters so)

    def next(self) -> None:
        """Turn over where a side has changed."""
        bar = len(self) - 1
        for feed, sides in zip(self.datas, self.p.sides, strict=True):
            side = sides[bar]
            if side and side * self.getposition(feed).size <= 0:
                self.order_target_size(feed, side * self.p.share * self.broker.getvalue() / feed.close[0])


class Resizing(Counting):
    """W4."""

    def next(self) -> None:
        """Resize."""
        if len(self) <= works.LOOKBACK:
            return
        equity = self.broker.getvalue()
        for feed in self.datas:
            target = works.wanted(np.array(feed.close.get(size=works.LOOKBACK + 1)), equity)
            if abs(target - self.getposition(feed).size) > works.BAND * abs(target):
                self.order_target_size(feed, target)


def once(work: str, bars: int) -> Run:
    """One run of a work."""
    data = load(work, bars)
    index = pd.DatetimeIndex(data.time_ns.view("M8[ns]"))
    share = works.ALONE if len(data.symbols) == 1 else works.SHARED
    cpu, wall, fills, equities = 0.0, 0.0, 0, []
    for setting in works.ONE_SETTING if work == "W3" else ((works.FAST, works.SLOW),):
        engine = backtrader.Cerebro(stdstats=False)
        for leg, symbol in enumerate(data.symbols):
            columns = {name: getattr(data, name)[leg] for name in ("open", "high", "low", "close", "volume")}
            feed = backtrader.feeds.PandasData(dataname=pd.DataFrame(columns, index=index), openinterest=None)
            engine.adddata(feed, name=symbol)
        engine.broker.setcash(works.CASH)
        engine.broker.setcommission(commission=works.FEE)
        if work == "W4":
            engine.addstrategy(Resizing)
        else:
            sides = [works.sides(each, *setting).tolist() for each in data.close]
            engine.addstrategy(Crossing, sides=sides, share=share)
        watch = Stopwatch()
        done = engine.run()[0]
        cpu, wall = cpu + watch.cpu, wall + watch.wall
        fills += done.fills
        equities.append(engine.broker.getvalue())
    return Run(cpu_s=cpu, wall_s=wall, fills=fills, equity=float(np.mean(equities)))


if __name__ == "__main__":
    measure("backtrader", named(), once, version=version("backtrader"), settings=len(works.ONE_SETTING))
