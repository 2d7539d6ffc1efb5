"""vectorbt: from_orders for W1 to W3, a callback for W4.

`--engine`: numba or rust for W1 to W3; for W4 numba jits the callback, python leaves it plain. The index has no zone:
with one, vectorbt turns it into Python objects at each wrap. Sized at the value of the last close (val_price −inf).
"""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import version

import numpy as np
import pandas as pd
import vectorbt as vbt
from vectorbt.portfolio import nb

from benchmarks import works
from benchmarks.dataset import Dataset, load
from benchmarks.measure import Run, Stopwatch, measure, named

AT_ONCE = 25
"""Settings of W3 in one call: all hundred take 4 GB and are no faster."""


def sizes(side: np.ndarray, share: float) -> np.ndarray:
    """Weight to be reached at each bar's open, NaN where none is asked for."""
    wanted = np.full(side.size, np.nan)
    at = works.flips(side)
    wanted[at + 1] = share * side[at]
    return wanted


@cache
def single(work: str, bars: int) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Opens, closes and sizes of W1 or W2: made before the runs that are timed."""
    data = load(work, bars)
    share = works.ALONE if len(data.symbols) == 1 else works.SHARED
    return *frames(data), np.stack([sizes(works.sides(each), share) for each in data.close], axis=1)


def frames(data: Dataset) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Opens and closes."""
    index = pd.DatetimeIndex(data.time_ns.view("M8[ns]"))
    return tuple(pd.DataFrame(each.T.copy(), index=index, columns=data.symbols) for each in (data.open, data.close))


def orders(close: pd.DataFrame, opens: pd.DataFrame, size: np.ndarray, *, shared: bool) -> tuple[Run, np.ndarray]:
    """The run call, and the final value of each wallet."""
    watch = Stopwatch()
    portfolio = vbt.Portfolio.from_orders(
        close,
        size=size,
        size_type="targetpercent",
        price=opens,
        val_price=-np.inf,
        fees=works.FEE,
        init_cash=works.CASH,
        freq="1min",
        cash_sharing=shared,
        group_by=True if shared else None,
    )
    cpu, wall = watch.cpu, watch.wall
    final = np.atleast_1d(np.asarray(portfolio.final_value()))
    return Run(cpu_s=cpu, wall_s=wall, fills=len(portfolio.order_records), equity=float(final.mean())), final


def plans(work: str, bars: int) -> Run:
    """W1 to W3."""
    if work != "W3":
        opens, close, size = single(work, bars)
        return orders(close, opens, size, shared=work == "W2")[0]
    data = load(work, bars)
    opens, close = frames(data)
    runs, finals = [], []
    for first in range(0, len(works.SETTINGS), AT_ONCE):
        settings = works.SETTINGS[first : first + AT_ONCE]
        size = np.stack([sizes(works.sides(data.close[0], *each), works.ALONE) for each in settings], axis=1)
        run, final = orders(close["BTC"], opens["BTC"], size, shared=False)
        runs.append(run)
        finals.append(final)
    return Run(
        cpu_s=sum(run.cpu_s for run in runs),
        wall_s=sum(run.wall_s for run in runs),
        fills=sum(run.fills for run in runs),
        equity=float(np.concatenate(finals).mean()),
    )


def value_at_last_close(segment):
    """Before each bar: what is held is valued at the last close."""
    for column in range(segment.from_col, segment.to_col):
        segment.last_val_price[column] = segment.close[max(segment.i - 1, 0), column]
    return ()


def resize(order, opens, lookback, window, volatility, weight, band, fee):
    """The order of one symbol at one bar."""
    bar = order.i
    if bar <= lookback:
        return nb.order_nothing_nb()
    last = order.close[bar - 1, order.col]
    spread = np.std(np.diff(np.log(order.close[bar - 1 - window : bar, order.col])))
    side = 1.0 if last > order.close[bar - 1 - lookback, order.col] else -1.0
    target = side * weight * min(volatility / spread, 2.0) * order.value_now / last
    change = target - order.position_now
    if abs(change) <= band * abs(target):
        return nb.order_nothing_nb()
    return nb.order_nb(size=change, price=opens[bar, order.col], fees=fee)


def callback(bars: int, *, jitted: bool) -> Run:
    """W4."""
    opens, close = frames(load("W4", bars))
    before, each = value_at_last_close, resize
    if jitted:
        before, each = (_jitted(function) for function in (before, each))
    watch = Stopwatch()
    portfolio = vbt.Portfolio.from_order_func(
        close,
        each,
        opens.to_numpy(),
        works.LOOKBACK,
        works.WINDOW,
        works.VOLATILITY,
        works.WEIGHT,
        works.BAND,
        works.FEE,
        init_cash=works.CASH,
        cash_sharing=True,
        group_by=True,
        freq="1h",
        pre_segment_func_nb=before,
        use_numba=jitted,
        ffill_val_price=True,
        update_value=False,
    )
    cpu, wall = watch.cpu, watch.wall
    equity = float(np.sum(portfolio.final_value()))
    return Run(cpu_s=cpu, wall_s=wall, fills=len(portfolio.order_records), equity=equity)


_COMPILED: dict[object, object] = {}


def _jitted(function):
    from numba import njit  # only where the callback is compiled

    return _COMPILED.setdefault(function, njit(function))


if __name__ == "__main__":
    asked = named()
    if asked.engine in ("numba", "rust"):
        vbt.settings["engine"] = asked.engine
    if asked.work == "W4" and asked.engine == "rust":
        sys.exit("the Rust engine has no callback")
    measure(
        f"vectorbt {asked.engine}",
        asked,
        plans if asked.work != "W4" else lambda _, bars: callback(bars, jitted=asked.engine == "numba"),
        version=version("vectorbt"),
    )
