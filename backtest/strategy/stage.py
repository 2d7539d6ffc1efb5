"""What stands between a strategy and the broker during a run: its columns, indicators, tags and clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from backtest.errors import UsageError, near
from backtest.market.history import MarketHistory
from backtest.market.legs import Legs
from backtest.strategy.columns import columns_of, key_of
from backtest.strategy.desk import Desk, Records
from backtest.strategy.position import Position
from backtest.strategy.revealed import SEEN, Now, Revealed, Single
from backtest.strategy.wallet import Wallet
from backtest.venues.symbols import settlement

if TYPE_CHECKING:
    import pandas as pd

Function = Callable[..., Any]
Shown = TypeVar("Shown", bound=Revealed)


class Tags(dict[str, int]):
    """The words of a strategy, and the numbers under which the records keep them; the empty word is 0."""

    def __init__(self) -> None:
        super().__init__({"": 0})

    def number(self, text: str) -> int:
        """The number of a word."""
        return self.setdefault(text, len(self)) if text else 0


class Stage:
    """One strategy on one simulation: what it may see is made here, revealed decision by decision.

    Nothing here refers back to the stage, so that a finished run's tables are given back at once and need not wait for
    the collector of cycles: a sweep makes thousands of them.
    """

    def __init__(self, history: MarketHistory, simulation: Desk, legs: Legs, seed: int) -> None:
        self.history = history
        self.simulation = simulation
        self.seed = seed
        self.now = Now()
        self.legs = legs
        self.symbols = {symbol: number for number, symbol in enumerate(history.symbols)}
        self.orders: dict[int, tuple[int, int]] = {}  # leg and group of each order given
        self.tags = Tags()
        self.tag = self.tags.number
        self.positions = tuple(
            Position(simulation, leg, symbol, side, self.tag)
            for leg, (symbol, side) in enumerate(zip(legs.names, legs.position_sides, strict=True))
        )
        self.wallets: dict[str, Wallet] = {}
        self._columns = columns_of(history, history.timeframe_ns)
        self.closes = self._columns.closes
        self._seen: list[Revealed] = []
        self._made: list[Revealed] = []
        self._shown: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []

    def add_wallet(self, currency: str, account: Records) -> None:
        """One of several wallets, by the row that shows it."""
        its = [symbol for symbol in self.symbols if settlement(symbol) == currency]
        self.wallets[currency] = Wallet(currency, its, account)

    def wallet(self, of: str) -> Wallet:
        """The wallet of a currency, or of the currency that a symbol is settled in."""
        if not self.wallets:
            self.add_wallet(self.history.currencies[0], self.simulation.account)
        currency = settlement(of) if of in self.legs.names else of.upper()
        if currency not in self.wallets:
            known = ", ".join(self.wallets)
            raise UsageError(
                f"'{of}' has no wallet in this run; {near(of, [*self.wallets, *self.legs.names])}it has {known}"
            )
        return self.wallets[currency]

    def column(self, name: str) -> Revealed:
        """One of the seen columns."""
        revealed = Revealed(name, self.history.symbols, partial(self._columns.values, name), self.now)
        self._seen.append(revealed)
        return revealed

    def _keep(self, revealed: Shown) -> Shown:
        if self._shown:
            self._show([revealed], np.ascontiguousarray(revealed.values.T))
        else:
            self._made.append(revealed)
        return revealed

    def _begin(self) -> None:
        """Before the first decision: empty buffers, into which the decisions write row by row."""
        self._show(self._seen, self._columns.rows)
        if self._made:
            self._show(self._made, np.concatenate([each.values for each in self._made]).T.copy())

    def _show(self, shown: list[Revealed], rows: NDArray[np.float64]) -> None:
        buffer = np.full(rows.shape, np.nan)
        self._shown.append((buffer, rows))
        first = 0
        for each in shown:
            each.show(buffer[:, first : first + each.width])
            first += each.width

    def reveal(self, row: int) -> None:
        """Decision bar `row` has closed."""
        if not self._shown:
            self._begin()
        self.now.row = row
        for buffer, rows in self._shown:
            buffer[row] = rows[row]

    def time(self) -> pd.Timestamp:
        """The instant that the run has come to."""
        import pandas as pd

        account = self.simulation.account[0]
        bar = int(account["bar"]) + (1 if account["segment"] == 4 else 0)
        return pd.Timestamp(self.history.time_ns(bar), unit="ns", tz="UTC")

    @property
    def index(self) -> pd.DatetimeIndex:
        """Closes of the decision bars, UTC."""
        return self._columns.index

    def frame(self, symbol: str) -> pd.DataFrame:
        """All decision bars of one symbol."""
        import pandas as pd

        leg = self.history.leg(symbol)
        return pd.DataFrame({name: self._columns.values(name)[leg] for name in SEEN}, index=self.index)

    def indicator(self, function: Function, columns: tuple[str, ...], given: Mapping[str, Any]) -> Revealed:
        """`function` of each symbol's own columns."""

        def make() -> NDArray[np.float64]:
            rows = (function(*(self._series(name, leg) for name in columns), **given) for leg in self.symbols.values())
            return np.stack([self._checked(row, function) for row in rows])

        values = self._shared("indicator", function, columns, given, make)
        return self._keep(Revealed(_name(function), self.history.symbols, lambda: values, self.now))

    def panel(self, function: Function, columns: tuple[str, ...], given: Mapping[str, Any]) -> Revealed:
        """`function` of the columns of all symbols, a value for each."""

        def make() -> NDArray[np.float64]:
            table = np.asarray(function(*map(self._table, columns), **given), np.float64)
            if table.shape != (len(self.closes), len(self.symbols)):
                wanted = f"{len(self.closes)} rows and {len(self.symbols)} columns"
                raise UsageError(f"panel {_name(function)} returned a table of shape {table.shape}; it needs {wanted}")
            return np.ascontiguousarray(table.T)

        values = self._shared("panel", function, columns, given, make)
        return self._keep(Revealed(_name(function), self.history.symbols, lambda: values, self.now))

    def single(self, function: Function, columns: tuple[str, ...], given: Mapping[str, Any]) -> Single:
        """`function` of the columns of all symbols, one value for the run."""

        def make() -> NDArray[np.float64]:
            return self._checked(function(*map(self._table, columns), **given), function)[None, :]

        values = self._shared("single", function, columns, given, make)
        return self._keep(Single(_name(function), ("",), lambda: values, self.now))

    def _shared(
        self,
        kind: str,
        function: Function,
        columns: tuple[str, ...],
        given: Mapping[str, Any],
        make: Callable[[], NDArray[np.float64]],
    ) -> NDArray[np.float64]:
        for name in columns:
            if name not in SEEN:
                raise UsageError(f"there is no column '{name}'; {near(name, SEEN)}the columns are {', '.join(SEEN)}")
        key = key_of(kind, function, columns, given)
        return make().copy() if key is None else self._columns.indicators.get(key, lambda: make().copy())

    def _series(self, name: str, leg: int) -> pd.Series[float]:
        import pandas as pd

        return pd.Series(self._columns.values(name)[leg], index=self.index, name=name, copy=True)

    def _table(self, name: str) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(self._columns.values(name).T.copy(), index=self.index, columns=list(self.symbols))

    def _checked(self, values: Any, function: Function) -> NDArray[np.float64]:
        column = np.asarray(values, np.float64)
        if column.shape != (len(self.closes),):
            raise UsageError(
                f"indicator {_name(function)} returned {column.shape} values for {len(self.closes)} decision bars; "
                "it returns one for each"
            )
        return column


def _name(function: Function) -> str:
    return getattr(function, "__name__", type(function).__name__)
