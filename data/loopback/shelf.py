"""What a venue has to serve: every series of one stored venue, read once, found by binary search.

A bar that has not closed by the venue's clock is served as exchanges serve it, unfinished: its extremes, close and
volume are those of the part that is over. Nothing later than the clock is served.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from backtest.clock import grid_phase_ns, interval_text
from backtest.errors import MarketDataError
from backtest.market.catalogue import catalogue
from backtest.market.series import Bars, FundingRates, SeriesKind
from backtest.market.store import Store
from data.loopback.instruments import Instrument, instrument

MILLISECOND_NS = 1_000_000

Clock = Callable[[], int]
"""The venue's clock: UTC milliseconds now."""


def machine_clock(skew_ms: int = 0) -> Clock:
    """This machine's clock, ahead by `skew_ms` (behind, if negative)."""
    return lambda: time.time_ns() // MILLISECOND_NS + skew_ms


def standing_clock(now_ms: int) -> Clock:
    """A clock that stands."""
    return lambda: now_ms


@dataclass(frozen=True, kw_only=True, eq=False)
class ServedBars:
    """Bars of one series. `columns` are open, high, low, close, volume."""

    name: str
    interval_ms: int
    time_ms: NDArray[np.int64]
    columns: tuple[NDArray[np.float64], ...]

    def visible(self, now_ms: int) -> int:
        """How many bars have opened by now."""
        return int(np.searchsorted(self.time_ms, now_ms, "right"))

    def rows(self, low: int, high: int, now_ms: int) -> list[tuple[int, float, float, float, float, float]]:
        """Bars [low, high): time of the open, open, high, low, close, volume; a bar still open is unfinished."""
        parts = [column[low:high].tolist() for column in self.columns]
        rows = list(zip(self.time_ms[low:high].tolist(), *parts, strict=True))
        if rows and rows[-1][0] + self.interval_ms > now_ms:
            rows[-1] = self._unfinished(*rows[-1], now_ms=now_ms)
        return rows

    def together(self, interval_ms: int) -> ServedBars:
        """The bars of a longer interval, as exchanges have them: one for each in which there is any bar."""
        phase = grid_phase_ns(interval_ms * MILLISECOND_NS) // MILLISECOND_NS
        opened = self.time_ms - (self.time_ms - phase) % interval_ms
        first = np.flatnonzero(np.diff(opened, prepend=-1))
        last = np.append(first[1:], opened.size) - 1
        start, high, low, close, volume = self.columns
        amount: NDArray[np.float64] = np.add.reduceat(volume, first)
        columns = (
            start[first],
            np.asarray(np.maximum.reduceat(high, first)),
            np.asarray(np.minimum.reduceat(low, first)),
            close[last],
            np.asarray(np.round(amount, 8)),
        )
        name = f"{self.name.rpartition(' ')[0]} {interval_text(interval_ms * MILLISECOND_NS)}"
        return ServedBars(name=name, interval_ms=interval_ms, time_ms=opened[first], columns=columns)

    def _unfinished(
        self, opened_ms: int, first: float, high: float, low: float, last: float, volume: float, *, now_ms: int
    ) -> tuple[int, float, float, float, float, float]:
        share = (now_ms - opened_ms) / self.interval_ms
        reached = [first + share * (value - first) for value in (high, low, last)]
        return opened_ms, first, reached[0], reached[1], reached[2], volume * share


@dataclass(frozen=True, kw_only=True, eq=False)
class ServedFunding:
    """Settlements of one contract."""

    name: str
    time_ms: NDArray[np.int64]
    rate: NDArray[np.float64]

    def visible(self, now_ms: int) -> int:
        """How many settlements there were by now."""
        return int(np.searchsorted(self.time_ms, now_ms, "right"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Shelf:
    """All that one stored venue has: instruments, bars by (symbol, kind, interval in ms), funding by symbol."""

    venue: str
    clock: Clock
    instruments: tuple[Instrument, ...]
    bars: dict[tuple[str, SeriesKind, int], ServedBars] = field(repr=False)
    funding: dict[str, ServedFunding] = field(repr=False)
    _longer: dict[tuple[str, SeriesKind, int], ServedBars] = field(default_factory=dict, repr=False)

    @classmethod
    def of_store(cls, store: Store, venue: str, clock: Clock) -> Shelf:
        """Reads every linear perpetual of a stored venue into memory."""
        lines = [line for line in catalogue(store) if line.key.venue == venue and _is_linear(line.key.symbol)]
        bars: dict[tuple[str, SeriesKind, int], ServedBars] = {}
        funding: dict[str, ServedFunding] = {}
        known: dict[str, tuple[Bars | None, FundingRates | None]] = {}
        for line in lines:
            symbol, kind = line.key.symbol, line.key.kind
            held, rates = known.get(symbol, (None, None))
            if kind is SeriesKind.FUNDING:
                rates = store.funding(venue, symbol)
                assert rates is not None
                funding[symbol] = _served_funding(rates)
            elif kind.is_bars:
                series = store.bars(line.key)
                assert series is not None
                bars[symbol, kind, series.interval_ns // MILLISECOND_NS] = _served_bars(series)
                held = series if kind is SeriesKind.OHLCV or held is None else held
            known[symbol] = held, rates
        if not bars and not funding:
            stored = sorted({line.key.venue for line in catalogue(store)})
            raise MarketDataError(
                f"the store {store.root} has no linear perpetual of venue '{venue}' to serve; it has "
                f"{', '.join(stored) or 'nothing'}: name another with --venue, or fill it (`backtest data import`)"
            )
        listed = tuple(instrument(store, venue, symbol, *known[symbol]) for symbol in sorted(known))
        return cls(venue=venue, clock=clock, instruments=listed, bars=bars, funding=funding)

    def series(self, symbol: str, kind: SeriesKind, interval_ms: int) -> ServedBars | None:
        """Bars as stored at an interval, else put together from the longest stored one that divides it."""
        key = symbol, kind, interval_ms
        held = self.bars.get(key) or self._longer.get(key)
        if held is not None:
            return held
        finer = [length for base, price, length in self.bars if (base, price) == key[:2] and interval_ms % length == 0]
        if not finer:
            return None
        return self._longer.setdefault(key, self.bars[symbol, kind, max(finer)].together(interval_ms))

    def at(self, clock: Clock) -> Shelf:
        """The same shelf under another clock."""
        return replace(self, clock=clock)

    def lines(self) -> list[str]:
        """One line a series: what is served and how many rows."""
        named = {bars.name: bars.time_ms.size for bars in self.bars.values()}
        named |= {funding.name: funding.time_ms.size for funding in self.funding.values()}
        return [f"{name}  {rows:,} rows" for name, rows in sorted(named.items())]


def _served_bars(series: Bars) -> ServedBars:
    return ServedBars(
        name=f"{series.symbol} {series.kind.value} {interval_text(series.interval_ns)}",
        interval_ms=series.interval_ns // MILLISECOND_NS,
        time_ms=series.time_ns // MILLISECOND_NS,
        columns=(series.open, series.high, series.low, series.close, series.volume),
    )


def _served_funding(rates: FundingRates) -> ServedFunding:
    return ServedFunding(name=f"{rates.symbol} funding", time_ms=rates.time_ns // MILLISECOND_NS, rate=rates.rate)


def _is_linear(symbol: str) -> bool:
    pair, _, settle = symbol.partition(":")
    return bool(settle) and settle == pair.partition("/")[2]
