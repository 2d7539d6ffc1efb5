"""What stands between a strategy and the broker during a run: its columns, indicators, tags and clock."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtest.broker.simulation import Simulation
from backtest.errors import UsageError, near
from backtest.market.history import MarketHistory
from backtest.strategy.position import Position
from backtest.strategy.revealed import SEEN, Now, Revealed, Single, decision_bars, decision_columns

Shown = TypeVar("Shown", bound=Revealed)


class Stage:
    """One strategy on one simulation: what it may see is made here, revealed bar by bar."""

    def __init__(self, history: MarketHistory, simulation: Simulation, timeframe_ns: int, seed: int) -> None:
        self.history = history
        self.simulation = simulation
        self.seed = seed
        self.now = Now()
        self.legs = {symbol: leg for leg, symbol in enumerate(history.symbols)}
        self.positions = {symbol: Position(simulation, leg, symbol, self.tag) for symbol, leg in self.legs.items()}
        self.legs_of_orders: dict[int, int] = {}
        self.tags: dict[str, int] = {"": 0}
        _, _, self.closes = decision_bars(history, timeframe_ns)
        self._values = decision_columns(history, timeframe_ns)
        self._columns = np.stack([self._values[name] for name in SEEN])
        self._shown = np.full(self._columns.shape, np.nan)
        self._revealed: list[Revealed] = []

    def column(self, name: str) -> Revealed:
        """One of the seen columns."""
        row = list(SEEN).index(name)
        return Revealed(name, self.history.symbols, self._columns[row], self.now, self._shown[row])

    def _keep(self, revealed: Shown) -> Shown:
        self._revealed.append(revealed)
        return revealed

    def reveal(self, row: int) -> None:
        """Decision bar `row` has closed."""
        self.now.row = row
        self._shown[:, :, row] = self._columns[:, :, row]
        for each in self._revealed:
            each.reveal()

    def tag(self, text: str) -> int:
        """The number under which the records keep a word of the strategy."""
        return self.tags.setdefault(text, len(self.tags)) if text else 0

    def time(self) -> pd.Timestamp:
        """The instant that the run has come to."""
        account = self.simulation.account[0]
        bar = int(account["bar"]) + (1 if account["segment"] == 4 else 0)
        return pd.Timestamp(self.history.time_ns(bar), unit="ns", tz="UTC")

    @cached_property
    def index(self) -> pd.DatetimeIndex:
        """Closes of the decision bars, UTC."""
        stamps = self.history.start_ns + (self.closes + 1) * self.history.interval_ns
        return pd.DatetimeIndex(stamps.view("M8[ns]"), tz="UTC", name="time")

    def frame(self, symbol: str) -> pd.DataFrame:
        """All decision bars of one symbol."""
        leg = self.history.leg(symbol)
        return pd.DataFrame({name: values[leg] for name, values in self._values.items()}, index=self.index)

    def indicator(self, function: Callable[..., Any], columns: tuple[str, ...]) -> Revealed:
        """`function` of each symbol's own columns."""
        rows = [
            self._checked(function(*(self._series(name, leg) for name in self._known(columns))), function)
            for leg in self.legs.values()
        ]
        return self._keep(Revealed(_name(function), self.history.symbols, np.stack(rows), self.now))

    def panel(self, function: Callable[..., Any], columns: tuple[str, ...]) -> Revealed:
        """`function` of the columns of all symbols, a value for each."""
        table = np.asarray(function(*(self._table(name) for name in self._known(columns))), np.float64)
        if table.shape != (len(self.closes), len(self.legs)):
            wanted = f"{len(self.closes)} rows and {len(self.legs)} columns"
            raise UsageError(f"panel {_name(function)} returned a table of shape {table.shape}; it needs {wanted}")
        return self._keep(Revealed(_name(function), self.history.symbols, np.ascontiguousarray(table.T), self.now))

    def single(self, function: Callable[..., Any], columns: tuple[str, ...]) -> Single:
        """`function` of the columns of all symbols, one value for the run."""
        values = self._checked(function(*(self._table(name) for name in self._known(columns))), function)
        return self._keep(Single(_name(function), ("",), values[None, :], self.now))

    def _known(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        for name in columns:
            if name not in SEEN:
                raise UsageError(f"there is no column '{name}'; {near(name, SEEN)}the columns are {', '.join(SEEN)}")
        return columns

    def _series(self, name: str, leg: int) -> pd.Series[float]:
        return pd.Series(self._values[name][leg], index=self.index, name=name, copy=True)

    def _table(self, name: str) -> pd.DataFrame:
        return pd.DataFrame(self._values[name].T.copy(), index=self.index, columns=list(self.legs))

    def _checked(self, values: Any, function: Callable[..., Any]) -> NDArray[np.float64]:
        column = np.asarray(values, np.float64)
        if column.shape != (len(self.closes),):
            raise UsageError(
                f"indicator {_name(function)} returned {column.shape} values for {len(self.closes)} decision bars; "
                "it returns one for each"
            )
        return column


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)
