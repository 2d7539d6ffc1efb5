"""Market columns and indicators as a strategy sees them: value by value, as decision bars close.

The buffers that a strategy can reach are filled with NaN and gain one value per decision, so that nothing of the
future lies in them, not even behind a view.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from backtest.errors import UsageError, near
from backtest.market.history import CLOSE, HIGH, LOW, MARK_CLOSE, OPEN, VOLUME, MarketHistory

SEEN = {"open": OPEN, "high": HIGH, "low": LOW, "close": CLOSE, "volume": VOLUME, "mark": MARK_CLOSE}
"""Names of the columns that a strategy sees; `mark` is the mark price at the close."""


_NOTHING = np.full(1, np.nan)
_NOTHING.flags.writeable = False


class Now:
    """Which decision bar has closed last; shared by all that reveals."""

    __slots__ = ("row",)

    def __init__(self) -> None:
        self.row = -1


class Revealed:
    """One quantity of several symbols through time: `revealed[symbol]` is its value at the last closed decision bar.

    While the run goes on nothing later can be reached, not even through a view; `whole` is for plans, which are made
    before it begins.

    >>> now, prices, buffer = Now(), np.array([[1.0, 2.0, 3.0]]), np.full((3, 1), np.nan)
    >>> close = Revealed("close", ("BTC",), lambda: prices, now)
    >>> close.show(buffer); now.row = 0; buffer[0] = 1.0
    >>> close["BTC"], close.window("BTC", 2)
    (1.0, array([1.]))
    """

    __slots__ = ("_now", "_rows", "_seen", "_whole", "name")

    def __init__(self, name: str, symbols: Sequence[str], whole: Callable[[], NDArray[np.float64]], now: Now) -> None:
        self.name = name
        self._whole = whole
        self._now = now
        self._seen = dict.fromkeys(symbols, _NOTHING)
        self._rows = dict.fromkeys(symbols, _NOTHING.data)

    def show(self, buffer: NDArray[np.float64]) -> None:
        """Be seen through `buffer` (decisions, symbols), into which each decision writes its row."""
        shown = buffer.T.view()
        shown.flags.writeable = False
        self._seen = dict(zip(self._seen, shown, strict=True))
        self._rows = {symbol: row.data for symbol, row in self._seen.items()}

    @property
    def width(self) -> int:
        """Number of symbols."""
        return len(self._seen)

    @property
    def values(self) -> NDArray[np.float64]:
        """All values, (symbols, decisions); for what shows them row by row."""
        return self._whole()

    def whole(self, symbol: str) -> NDArray[np.float64]:
        """All values of the run, one a decision bar; read-only. Known to `init` and `plan` only."""
        if symbol not in self._seen:
            raise self._unknown(symbol)
        if self._now.row >= 0:
            raise UsageError(
                f"the whole of {self.name} was asked for in mid-run, where most of it lies in the future; "
                "use [symbol] or window(symbol, bars), or make a plan"
            )
        values: NDArray[np.float64] = self.values[list(self._seen).index(symbol)]
        return values

    def __getitem__(self, symbol: str) -> float:
        try:
            return self._rows[symbol][self._now.row]
        except KeyError:
            raise self._unknown(symbol) from None

    def window(self, symbol: str, bars: int) -> NDArray[np.float64]:
        """The last `bars` values, oldest first (fewer at the start); read-only."""
        try:
            seen = self._seen[symbol]
        except KeyError:
            raise self._unknown(symbol) from None
        end = self._now.row + 1
        window: NDArray[np.float64] = seen[end - bars if bars < end else 0 : end]
        return window

    def _unknown(self, symbol: str) -> UsageError:
        known = ", ".join(self._seen)
        return UsageError(f"'{symbol}' is not in this run; {near(symbol, self._seen)}it has {known}")


class Single(Revealed):
    """One quantity of the whole run through time: `single.value` at the last closed decision bar."""

    __slots__ = ()

    @property
    def value(self) -> float:
        """The value now."""
        return self._rows[""][self._now.row]

    def last(self, bars: int) -> NDArray[np.float64]:
        """The last `bars` values, oldest first; read-only."""
        return self.window("", bars)


def decision_bars(history: MarketHistory, timeframe_ns: int) -> tuple[int, int, NDArray[np.int64]]:
    """Base bars a decision bar, the grid's offset, and the base bars at whose close a decision falls."""
    every, offset = decision_grid(history, timeframe_ns)
    first = (every - 1 - offset) % every
    return every, offset, np.arange(first, history.length, every, dtype=np.int64)


def decision_grid(history: MarketHistory, timeframe_ns: int) -> tuple[int, int]:
    """Base bars a decision bar, and how many of them lie before the history's first one."""
    every = timeframe_ns // history.interval_ns
    return every, (history.start_ns // history.interval_ns) % every


def decision_columns(
    prices: NDArray[np.float64], every: int, closes: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Each seen column at each decision bar, (symbols, decisions); a bar appears only when complete.

    A decision bar opens with its first base bar's open and closes with its last one's close; a missing base bar is
    left out, a decision bar without any is NaN.
    """
    if every == 1:
        return {name: prices[:, row] for name, row in SEEN.items()}
    whole = closes[closes >= every - 1]
    legs = len(prices)
    found = {name: np.full((legs, len(closes)), np.nan) for name in SEEN}
    if not len(whole):
        return found
    skipped = len(closes) - len(whole)
    first = int(whole[0]) - every + 1
    cut = slice(first, int(whole[-1]) + 1)

    def folded(column: int) -> NDArray[np.float64]:
        return prices[:, column, cut].reshape(legs, len(whole), every)

    there = ~np.isnan(folded(OPEN))
    any_there = there.any(axis=2)
    begins, ends = there.argmax(axis=2)[..., None], every - 1 - there[..., ::-1].argmax(axis=2)[..., None]
    for name, block in (
        ("open", np.take_along_axis(folded(OPEN), begins, axis=2)[..., 0]),
        ("high", np.where(there, folded(HIGH), -np.inf).max(axis=2)),
        ("low", np.where(there, folded(LOW), np.inf).min(axis=2)),
        ("close", np.take_along_axis(folded(CLOSE), ends, axis=2)[..., 0]),
        ("volume", np.where(there, folded(VOLUME), 0.0).sum(axis=2)),
        ("mark", np.take_along_axis(folded(MARK_CLOSE), ends, axis=2)[..., 0]),
    ):
        found[name][:, skipped:] = np.where(any_there, block, np.nan)
    return found
