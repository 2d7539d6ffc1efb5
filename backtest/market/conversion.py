"""At what a wallet's currency is told in another one: the mark prices of contracts, chained where need be.

The contracts are those of the run, or where they do not lead there, others that the store has marks of.

A contract `BASE/QUOTE` says what one base is worth in quote, linear or inverse alike. Nothing else is taken for equal:
a dollar is no USDT unless the marks say so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backtest.errors import UsageError, near
from backtest.market.history import MARK_CLOSE, MARK_OPEN, MarketHistory
from backtest.venues.symbols import is_inverse, settlement


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """From `currency` to `told_in` by the marks of `steps`: symbols, each with whether it is read backwards."""

    currency: str
    told_in: str
    steps: tuple[tuple[str, bool], ...]

    def __str__(self) -> str:
        if not self.steps:
            return f"{self.currency} is told as it is"
        path = ", ".join(f"1 / {symbol}" if turned else symbol for symbol, turned in self.steps)
        return f"{self.currency} is told in {self.told_in} at the mark price of the moment ({path})"

    def rates(self, history: MarketHistory) -> NDArray[np.float64]:
        """What one unit is worth at the open of the first base bar, and at the close of each (bars + 1)."""
        found = np.ones(history.length + 1)
        for symbol, turned in self.steps:
            marks = _marks(_opens_and_closes(history, symbol))
            found = found / marks if turned else found * marks
        return found


def conversions(history: MarketHistory, told_in: str | None) -> tuple[Conversion, ...]:
    """One for each settlement currency of the history, in its order.

    told_in: None takes the settlement currency of the first linear contract, else the quote currency of the first.
    Raises UsageError where no chain of the run's contracts leads there.
    """
    wanted = told_in or usual(history.symbols)
    known = (*history.symbols, *history.references)
    return tuple(_found(known, currency, wanted) for currency in history.currencies)


def usual(symbols: Sequence[str]) -> str:
    """In what an account of these contracts is told where nothing is asked for.

    >>> usual(["BTC/USD:BTC", "ETH/USDT:USDT"]), usual(["BTC/USD:BTC", "ETH/USD:ETH"])
    ('USDT', 'USD')
    """
    linear = [symbol for symbol in symbols if not is_inverse(symbol)]
    return settlement(linear[0]) if linear else _sides(symbols[0])[1]


def references(symbols: Sequence[str], told_in: str | None, stored: Collection[str]) -> tuple[str, ...]:
    """Which stored symbols are needed beside those of a run to tell all its currencies in one; none where no chain is.

    >>> references(["BTC/USDT:USDT", "ETH/USD:ETH"], "USDT", ["ETH/USDT:USDT", "SOL/USDT:USDT"])
    ('ETH/USDT:USDT',)
    """
    wanted = told_in or usual(symbols)
    needed: dict[str, None] = {}
    for currency in dict.fromkeys(map(settlement, symbols)):
        chain = _chain(symbols, currency, wanted) or _chain((*symbols, *sorted(stored)), currency, wanted) or ()
        needed |= dict.fromkeys(symbol for symbol, _ in chain if symbol not in symbols)
    return tuple(needed)


def _chain(symbols: Sequence[str], currency: str, wanted: str) -> tuple[tuple[str, bool], ...] | None:
    """The shortest chain; of several the one through the symbols that come first."""
    chains: dict[str, tuple[tuple[str, bool], ...]] = {currency: ()}
    waiting = deque([currency])
    while waiting and wanted not in chains:
        at = waiting.popleft()
        for symbol in symbols:
            base, quote = _sides(symbol)
            for here, there, turned in ((base, quote, False), (quote, base, True)):
                if here == at and there not in chains:
                    chains[there] = (*chains[at], (symbol, turned))
                    waiting.append(there)
    return chains.get(wanted)


def _found(symbols: Sequence[str], currency: str, wanted: str) -> Conversion:
    chain = _chain(symbols, currency, wanted)
    if chain is not None:
        return Conversion(currency=currency, told_in=wanted, steps=chain)
    known = sorted({side for symbol in symbols for side in _sides(symbol)})
    raise UsageError(
        f"no contract of this run says what {currency} is worth in {wanted}; {near(wanted, known)}import the marks of "
        f"one that does ({currency}/{wanted}:{wanted}), or choose another --report-currency: there are marks of "
        f"{', '.join(symbols)}"
    )


def _sides(symbol: str) -> tuple[str, str]:
    base, _, rest = symbol.partition("/")
    return base, rest.partition(":")[0]


def _opens_and_closes(history: MarketHistory, symbol: str) -> NDArray[np.float64]:
    if symbol in history.references:
        return history.references[symbol]
    marks: NDArray[np.float64] = history.prices[history.leg(symbol)][[MARK_OPEN, MARK_CLOSE]]
    return marks


def _marks(prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first mark open, then the mark closes; a missing one is the last known, before the first that one."""
    marks = np.concatenate((prices[0, :1], prices[1]))
    known = np.flatnonzero(np.isfinite(marks))
    if not known.size:
        raise UsageError("a contract that another currency is told by has no mark price in the whole range")
    at = np.where(np.isfinite(marks), np.arange(marks.size), known[0])
    carried: NDArray[np.float64] = marks[np.maximum.accumulate(at)]
    return carried
