"""Market columns and indicators as a strategy sees them: value by value, as decision bars close.

The buffers that a strategy can reach are filled with NaN and gain one value per decision, so that nothing of the
future lies in them, not even behind a view.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backtest.errors import UsageError, near
from backtest.market.history import CLOSE, HIGH, LOW, MARK_CLOSE, OPEN, VOLUME, MarketHistory

SEEN = {"open": OPEN, "high": HIGH, "low": LOW, "close": CLOSE, "volume": VOLUME, "mark": MARK_CLOSE}
"""Names of the columns that a strategy sees; `mark` is the mark price at the close."""


class Now:
    """Which decision bar has closed last; shared by all that reveals."""

    __slots__ = ("row",)

    def __init__(self) -> None:
        self.row = -1


class Revealed:
    """One quantity per symbol through time. `column[symbol]` is its value at the last closed decision bar (NaN: not
    known).

    >>> now = Now()
    >>> close = Revealed("close", ("BTC",), np.array([[1.0, 2.0, 3.0]]), now)
    >>> now.row = 0; close.reveal(); close["BTC"], close.window("BTC", 2)
    (1.0, array([1.]))
    """

    __slots__ = ("_buffer", "_now", "_rows", "_seen", "_values", "name")

    def __init__(
        self,
        name: str,
        symbols: Sequence[str],
        values: NDArray[np.float64],
        now: Now,
        buffer: NDArray[np.float64] | None = None,
    ) -> None:
        self.name = name
        self._values = values
        self._buffer = np.full(values.shape, np.nan) if buffer is None else buffer
        shown = self._buffer.view()
        shown.flags.writeable = False
        self._seen = dict(zip(symbols, shown, strict=True))
        self._rows = {symbol: memoryview(row) for symbol, row in self._seen.items()}
        self._now = now

    def reveal(self) -> None:
        """Let the value of the decision bar that has just closed be seen."""
        row = self._now.row
        self._buffer[:, row] = self._values[:, row]

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
        window: NDArray[np.float64] = seen[max(0, end - bars) : end]
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
    every = timeframe_ns // history.interval_ns
    offset = (history.start_ns // history.interval_ns) % every
    first = (every - 1 - offset) % every
    return every, offset, np.arange(first, history.length, every, dtype=np.int64)


def decision_columns(history: MarketHistory, timeframe_ns: int) -> dict[str, NDArray[np.float64]]:
    """Each seen column at each decision bar, (symbols, decisions); a bar appears only when complete.

    A decision bar opens with its first base bar's open and closes with its last one's close; a missing base bar is
    left out, a decision bar without any is NaN.
    """
    every, _, closes = decision_bars(history, timeframe_ns)
    prices = history.prices
    if every == 1:
        return {name: prices[:, row] for name, row in SEEN.items()}
    whole = closes[closes >= every - 1]
    legs = len(history.symbols)
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
