"""What every run on one history shares: the columns at the decision bars, and the indicators made of them.

An indicator is worked out once for each (function, columns, arguments) and kept with the history, so that the runs of
a sweep share it. Only functions that can depend on nothing but their arguments are known again: those of a module,
without a closure. Lambdas and functions made inside another one are worked out in each run.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from functools import cached_property
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from backtest.market.history import MarketHistory
from backtest.strategy.revealed import SEEN, decision_bars, decision_columns

if TYPE_CHECKING:
    import pandas as pd

KEPT_BYTES = 384 * 1024 * 1024
"""Bytes of indicators kept for one history; the ones not asked for longest are dropped first."""


class Indicators:
    """Indicators by what made them; of threads that ask for the same one at once, one works it out."""

    def __init__(self, room: int = KEPT_BYTES) -> None:
        self._room = room
        self._held = 0
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Future[NDArray[np.float64]]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], NDArray[np.float64]]) -> NDArray[np.float64]:
        """The indicator of this key, made if it is not there; read-only."""
        with self._lock:
            known = self._kept.get(key)
            if known is None:
                mine = self._kept[key] = Future()
            else:
                self._kept.move_to_end(key)
        if known is not None:
            return known.result()
        try:
            made = make()
        except BaseException as error:
            with self._lock:
                del self._kept[key]
            mine.set_exception(error)
            raise
        made.flags.writeable = False
        mine.set_result(made)
        self._make_room(made.nbytes)
        return made

    def _make_room(self, needed: int) -> None:
        with self._lock:
            self._held += needed
            for key in list(self._kept):
                if self._held <= self._room:
                    return
                if self._kept[key].done():
                    self._held -= self._kept.pop(key).result().nbytes


class Columns:
    """The seen columns of a history at the decision bars of one timeframe. Read-only; shared by all runs."""

    def __init__(self, history: MarketHistory, timeframe_ns: int) -> None:
        every, _, self.closes = decision_bars(history, timeframe_ns)
        self._prices, self._every = history.prices, every
        self._start_ns, self._interval_ns = history.start_ns, history.interval_ns
        self._side_by_side: dict[str, NDArray[np.float64]] = {}
        self.indicators = Indicators()

    @cached_property
    def _found(self) -> Mapping[str, NDArray[np.float64]]:
        return decision_columns(self._prices, self._every, self.closes)

    def values(self, name: str) -> NDArray[np.float64]:
        """One column, (symbols, decisions)."""
        if name not in self._side_by_side:
            column = np.ascontiguousarray(self._found[name]).view()
            column.flags.writeable = False
            self._side_by_side[name] = column
        return self._side_by_side[name]

    @cached_property
    def rows(self) -> NDArray[np.float64]:
        """All columns, (decisions, columns × symbols): what one decision reveals lies side by side."""
        rows = np.concatenate([self._found[name] for name in SEEN]).T.copy()
        rows.flags.writeable = False
        return rows

    @cached_property
    def index(self) -> pd.DatetimeIndex:
        """Closes of the decision bars, UTC."""
        import pandas as pd

        stamps = self._start_ns + (self.closes + 1) * self._interval_ns
        return pd.DatetimeIndex(stamps.view("M8[ns]"), tz="UTC", name="time")


_SHARED: WeakKeyDictionary[MarketHistory, dict[int, Columns]] = WeakKeyDictionary()
_MAKING = threading.Lock()


def columns_of(history: MarketHistory, timeframe_ns: int) -> Columns:
    """The columns that all runs on `history` share."""
    with _MAKING:
        known = _SHARED.setdefault(history, {})
        if timeframe_ns not in known:
            known[timeframe_ns] = Columns(history, timeframe_ns)
        return known[timeframe_ns]


def key_of(kind: str, function: Callable[..., Any], columns: tuple[str, ...], given: Mapping[str, Any]) -> Hashable:
    """By what an indicator is known again; None where it is not."""
    plain = getattr(function, "py_func", function)
    if isinstance(plain, FunctionType):
        if plain.__closure__ is not None or "<" in plain.__qualname__:
            return None
    elif not isinstance(plain, BuiltinFunctionType | np.ufunc):
        return None
    key = (kind, function, columns, tuple(sorted((name, type(value), value) for name, value in given.items())))
    try:
        hash(key)
    except TypeError:
        return None
    return key
