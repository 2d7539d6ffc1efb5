"""backtesting.py: one symbol an account, so W2 and W4 are ten accounts with a tenth of the cash each.

Units of 1e-8 through its FractionalBacktest; its statistics belong to the run call.
"""

from __future__ import annotations

import warnings
from importlib.metadata import version

import backtesting
import numpy as np
import pandas as pd
from backtesting import Strategy
from backtesting.lib import FractionalBacktest

from benchmarks import works
from benchmarks.dataset import load
from benchmarks.measure import Run, Stopwatch, measure, named


class Crossing(Strategy):
    """The cross, with sides worked out beforehand."""

    side: np.ndarray | None = None
    bars = 0

    def init(self) -> None:
        """Hand the sides over as an indicator."""
        self.fills = 0
        self.wanted = self.I(lambda: self.side, plot=False)

    def next(self) -> None:
        """Turn over where the side has changed."""
        side = self.wanted[-1]
        if side and side * self.position.size <= 0:
            size = round(works.ALONE * self.equity / self.data.Close[-1])
            (self.buy if side > 0 else self.sell)(size=size)
            self.fills += len(self.data) < self.bars


class Resizing(Strategy):
    """W4 on one symbol; the wallet stands for a tenth of the whole."""

    bars = 0

    def init(self) -> None:
        """Count from nothing."""
        self.fills = 0

    def next(self) -> None:
        """Resize."""
        if len(self.data) <= works.LOOKBACK:
            return
        closes = np.asarray(self.data.Close[-works.LOOKBACK - 1 :])
        target = works.wanted(closes, self.equity * 10)
        change = target - self.position.size
        if abs(change) > works.BAND * abs(target):
            (self.buy if change > 0 else self.sell)(size=round(abs(change)))
            self.fills += len(self.data) < self.bars


def once(work: str, bars: int) -> Run:
    """One run of a work."""
    data = load(work, bars)
    legs = len(data.symbols)
    index = pd.DatetimeIndex(data.time_ns.view("M8[ns]"))
    cpu, wall, fills, equities = 0.0, 0.0, 0, []
    for leg in range(legs):
        columns = {name.title(): getattr(data, name)[leg] for name in ("open", "high", "low", "close", "volume")}
        test = FractionalBacktest(
            pd.DataFrame(columns, index=index),
            Resizing if work == "W4" else Crossing,
            cash=works.CASH / legs,
            commission=works.FEE,
            margin=1 / works.LEVERAGE,
            exclusive_orders=work != "W4",
            fractional_unit=1e-8,
        )
        for setting in works.ONE_SETTING if work == "W3" else ((works.FAST, works.SLOW),):
            given = {"bars": data.bars}
            if work != "W4":
                given["side"] = works.sides(data.close[leg], *setting).astype(float)
            watch = Stopwatch()
            found = test.run(**given)
            cpu, wall = cpu + watch.cpu, wall + watch.wall
            fills += found["_strategy"].fills
            equities.append(found["Equity Final [$]"])
    equity = float(np.mean(equities)) if work == "W3" else float(np.sum(equities))
    return Run(cpu_s=cpu, wall_s=wall, fills=fills, equity=equity)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    backtesting.backtesting._tqdm = lambda steps, **_: steps
    measure("backtesting.py", named(), once, version=version("backtesting"), settings=len(works.ONE_SETTING))
