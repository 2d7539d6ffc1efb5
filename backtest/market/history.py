"""What a run needs of the market: last and mark bars, funding and contract rules of several symbols on one clock."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backtest.broker.records import FUNDING
from backtest.clock import HOUR_NS, Moment, ceil_ns, floor_ns, interval_ns, interval_text, moment_ns, time_text
from backtest.enums import PriceSource
from backtest.errors import MarketDataError, UsageError, near
from backtest.market import alignment
from backtest.market.alignment import Clock, Hole
from backtest.market.contract import Contract, records
from backtest.market.frames import bars_from_frame, funding_from_series
from backtest.market.series import FundingRates, SeriesKind
from backtest.venues.symbols import settlement

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CLOSE", "COLUMNS", "HIGH", "LOW", "MARK_CLOSE", "MARK_HIGH", "MARK_LOW", "MARK_OPEN", "OPEN", "VOLUME"]
__all__ += ["Hole", "MarketHistory"]

OPEN, HIGH, LOW, CLOSE, VOLUME, MARK_OPEN, MARK_HIGH, MARK_LOW, MARK_CLOSE = range(9)
COLUMNS = ("open", "high", "low", "close", "volume", "mark_open", "mark_high", "mark_low", "mark_close")


@dataclass(frozen=True, kw_only=True, eq=False)
class MarketHistory:
    """Several symbols of one venue on one regular clock, ready for a run.

    Bar t opens at `start_ns + t·interval_ns`; a strategy decides every `timeframe_ns`, a multiple of it. `prices` is
    float64 (symbols, 9, bars), read-only, columns in the order of `COLUMNS`. `funding` holds FUNDING records sorted by
    (bar, leg). `notes` says what stands in for what; it is carried into the result and its report. `references` are
    mark opens and closes, (2, bars), of symbols that are not traded: other currencies' wallets are told by them.
    """

    venue: str
    symbols: tuple[str, ...]
    interval_ns: int
    timeframe_ns: int
    start_ns: int
    prices: NDArray[np.float64]
    funding: NDArray[np.void]
    contracts: tuple[Contract, ...]
    notes: tuple[str, ...] = ()
    holes: tuple[Hole, ...] = ()
    synthetic: bool = False
    references: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.prices.ndim != 3 or self.prices.shape[:2] != (len(self.symbols), len(COLUMNS)):
            raise MarketDataError(f"prices of shape {self.prices.shape} do not fit {len(self.symbols)} symbols")
        if tuple(contract.symbol for contract in self.contracts) != self.symbols:
            raise MarketDataError("the contracts are not those of the symbols, in their order")
        if self.timeframe_ns % self.interval_ns:
            raise UsageError(
                f"the timeframe {interval_text(self.timeframe_ns)} is no multiple of the base bar "
                f"{interval_text(self.interval_ns)}; choose a finer --detail-timeframe that divides it"
            )
        if self.length == 0:
            raise MarketDataError("the history holds no bar; choose a longer range")
        bars = np.ascontiguousarray(self.prices.transpose(2, 0, 1)).view()
        rows = np.ascontiguousarray(self.funding).view()
        for name, block in (("prices", bars), ("funding", rows)):
            block.flags.writeable = False
            object.__setattr__(self, name, block.transpose(1, 2, 0) if name == "prices" else block)

    @property
    def bars(self) -> NDArray[np.float64]:
        """`prices` as it lies in memory, (bars, symbols, columns): the prices of a bar side by side."""
        return self.prices.transpose(2, 0, 1)

    @property
    def length(self) -> int:
        """Number of base bars."""
        return int(self.prices.shape[2])

    @property
    def currencies(self) -> tuple[str, ...]:
        """What the contracts are settled in, each once, in the order of the symbols."""
        return tuple(dict.fromkeys(settlement(symbol) for symbol in self.symbols))

    @property
    def end_ns(self) -> int:
        """Close of the last base bar."""
        return self.start_ns + self.length * self.interval_ns

    @property
    def clock(self) -> Clock:
        """The grid of base bars."""
        return Clock(start_ns=self.start_ns, interval_ns=self.interval_ns, length=self.length)

    def time_ns(self, bar: int) -> int:
        """Open of a base bar."""
        return self.start_ns + bar * self.interval_ns

    def bar_at(self, moment: Moment) -> int:
        """The base bar that covers a moment."""
        bar = (moment_ns(moment) - self.start_ns) // self.interval_ns
        if 0 <= bar < self.length:
            return bar
        held = f"{time_text(self.start_ns)}..{time_text(self.end_ns)}"
        raise UsageError(f"{time_text(moment_ns(moment))} lies outside the history, which is {held}")

    def leg(self, symbol: str) -> int:
        """Index of a symbol."""
        if symbol in self.symbols:
            return self.symbols.index(symbol)
        known = ", ".join(self.symbols)
        raise UsageError(f"'{symbol}' is not in this history; {near(symbol, self.symbols)}it has {known}")

    @cached_property
    def index(self) -> pd.DatetimeIndex:
        """Opens of the base bars, UTC, nanoseconds, named `time`."""
        import pandas as pd

        stamps = self.start_ns + np.arange(self.length, dtype=np.int64) * self.interval_ns
        return pd.DatetimeIndex(stamps.view("M8[ns]"), tz="UTC", name="time")

    def frame(self, symbol: str) -> pd.DataFrame:
        """The bars of one symbol: open high low close volume mark_open mark_high mark_low mark_close."""
        import pandas as pd

        block = self.prices[self.leg(symbol)]
        return pd.DataFrame({name: block[row] for row, name in enumerate(COLUMNS)}, index=self.index)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over everything here that can change the outcome of a run."""
        digest = hashlib.sha256()
        head = (self.venue, self.symbols, self.interval_ns, self.timeframe_ns, self.start_ns, self.prices.shape)
        digest.update(repr(head).encode())
        rules = [each.record() for contract in self.contracts for each in contract.rules]
        for block in (self.bars, self.funding, *records(self.contracts), *rules):
            digest.update(np.ascontiguousarray(block).view(np.uint8).data)
        for symbol, marks in self.references.items():
            digest.update(symbol.encode())
            digest.update(np.ascontiguousarray(marks).view(np.uint8).data)
        return digest.hexdigest()

    def between(self, start: Moment | None = None, end: Moment | None = None) -> MarketHistory:
        """The part in [start, end), cut to whole decision bars; missing sides are those of the history."""
        low = self.start_ns if start is None else max(self.start_ns, ceil_ns(moment_ns(start), self.timeframe_ns))
        high = self.end_ns if end is None else min(self.end_ns, floor_ns(moment_ns(end), self.timeframe_ns))
        first, last = (low - self.start_ns) // self.interval_ns, (high - self.start_ns) // self.interval_ns
        if last <= first:
            raise UsageError(f"no whole decision bar lies in {time_text(low)}..{time_text(high)}")
        rows = self.funding[(self.funding["time_ns"] >= self.time_ns(first)) & (self.funding["bar"] < last)].copy()
        rows["bar"] -= first
        holes = [
            replace(hole, first_bar=max(hole.first_bar, first) - first, bars=after - max(hole.first_bar, first))
            for hole in self.holes
            if (after := min(hole.first_bar + hole.bars, last)) > max(hole.first_bar, first)
        ]
        prices = self.prices[:, :, first:last]
        references = {symbol: marks[:, first:last] for symbol, marks in self.references.items()}
        return replace(
            self,
            start_ns=self.time_ns(first),
            prices=prices,
            funding=rows,
            holes=tuple(holes),
            references=references,
        )

    def only(self, symbols: Sequence[str]) -> MarketHistory:
        """The same stretch of time with some of the symbols alone."""
        legs = [self.leg(symbol) for symbol in symbols]
        rows = self.funding[np.isin(self.funding["leg"], legs)].copy()
        rows["leg"] = (
            np.searchsorted(legs, rows["leg"]) if legs == sorted(legs) else [legs.index(x) for x in rows["leg"]]
        )
        return replace(
            self,
            symbols=tuple(symbols),
            prices=self.prices[legs],
            funding=alignment.in_order(rows),
            contracts=tuple(self.contracts[leg] for leg in legs),
            holes=tuple(hole for hole in self.holes if hole.symbol in symbols),
        )

    def with_funding(self, rate: float) -> MarketHistory:
        """The same history with one rate at each settlement (8h ones where it has none); 0 switches funding off."""
        rows = self.funding.copy()
        if rate != 0:
            step = 8 * HOUR_NS
            stamps = np.arange(ceil_ns(self.start_ns, step), self.end_ns, step)
            missing = [leg for leg in range(len(self.symbols)) if not (rows["leg"] == leg).any()]
            made = [alignment.settlements(stamps, np.zeros(stamps.size), leg, self.clock) for leg in missing]
            rows = alignment.in_order(np.concatenate([rows, *made]))
        rows["rate"] = rate
        said = "funding is left out, as asked" if rate == 0 else f"funding is {rate:g} at each settlement, as asked"
        return replace(self, funding=rows, notes=(*self.notes, said))

    def with_fees(self, *, maker: float | None = None, taker: float | None = None) -> MarketHistory:
        """The same history with the fees of all contracts replaced (fractions of notional)."""
        if maker is None and taker is None:
            return self
        contracts = tuple(
            replace(
                contract,
                maker=contract.maker if maker is None else maker,
                taker=contract.taker if taker is None else taker,
            )
            for contract in self.contracts
        )
        fees = (("maker", maker), ("taker", taker))
        said = ", ".join(f"{name} fee {fee:g}" for name, fee in fees if fee is not None)
        return replace(self, contracts=contracts, notes=(*self.notes, f"{said} for all symbols, as asked"))

    def judged_on_last(self) -> MarketHistory:
        """The same history with the last price in the mark columns: what a tool without mark prices would have said."""
        prices = self.prices.copy()
        prices[:, MARK_OPEN:] = prices[:, OPEN:VOLUME]
        if np.array_equal(prices, self.prices, equal_nan=True):
            return self
        return replace(self, prices=prices, notes=(*self.notes, "valued and liquidated on the last price, as asked"))

    def noting(self, *notes: str) -> MarketHistory:
        """The same history with more fidelity notes."""
        return replace(self, notes=(*self.notes, *notes))

    @classmethod
    def from_series(
        cls,
        contracts: Sequence[Contract],
        bars: Sequence[alignment.BarSource],
        funding: Sequence[FundingRates] = (),
        *,
        timeframe_ns: int | None = None,
        start_ns: int | None = None,
        end_ns: int | None = None,
        judge: PriceSource = PriceSource.MARK,
    ) -> MarketHistory:
        """Align series on one clock; a side of the range that is not given lies where every series has begun (ends).

        `judge` LAST puts the last price into the mark columns: what a tool without mark prices would have said.
        """
        symbols = tuple(contract.symbol for contract in contracts)
        base_ns = alignment.base_interval(symbols, bars)
        frame_ns = base_ns if timeframe_ns is None else timeframe_ns
        chosen = [alignment.choose(symbol, bars, judge, start_ns, end_ns) for symbol in symbols]
        clock = alignment.common_clock(chosen, base_ns, frame_ns, start_ns, end_ns)
        rates = {part.symbol: part for part in funding}
        prices = np.empty((clock.length, len(symbols), len(COLUMNS))).transpose(1, 2, 0)
        rows = [np.zeros(0, FUNDING)]
        notes: list[str] = []
        holes: list[Hole] = []
        for leg, (symbol, each) in enumerate(zip(symbols, chosen, strict=True)):
            alignment.place(prices[leg, OPEN:MARK_OPEN], each.traded, clock, alignment.TRADED)
            alignment.place(prices[leg, MARK_OPEN:], each.judged, clock, alignment.JUDGED)
            holes += alignment.holes_of(symbol, SeriesKind.OHLCV, prices[leg, CLOSE])
            if each.judged is not each.traded:
                holes += alignment.holes_of(symbol, each.judged.kind, prices[leg, MARK_CLOSE])
            if symbol in rates:
                rows.append(alignment.settlements(rates[symbol].time_ns, rates[symbol].rate, leg, clock))
            notes += [each.note] if each.note else []
            notes += alignment.funding_notes(symbol, rates.get(symbol), clock)
        used = [part for each in chosen for part in (each.traded, each.judged)]
        made_up = {part.source for part in used if part.synthetic}
        made_up |= {part.source for part in funding if part.synthetic and part.symbol in symbols}
        return cls(
            venue=contracts[0].venue,
            symbols=symbols,
            interval_ns=base_ns,
            timeframe_ns=frame_ns,
            start_ns=clock.start_ns,
            prices=prices,
            funding=alignment.in_order(np.concatenate(rows)),
            contracts=tuple(contracts),
            notes=(*sorted(made_up), *notes, *alignment.hole_notes(holes, clock)),
            holes=tuple(holes),
            synthetic=bool(made_up),
        )

    @classmethod
    def from_frames(
        cls,
        contracts: Sequence[Contract],
        last: Mapping[str, pd.DataFrame],
        *,
        mark: Mapping[str, pd.DataFrame] | None = None,
        funding: Mapping[str, pd.Series[float]] | None = None,
        timeframe: str | None = None,
        interval: str | None = None,
        judge: PriceSource = PriceSource.MARK,
    ) -> MarketHistory:
        """Align tables, one a symbol: UTC index of bar opens, open high low close (volume in `last`), rates.

        `interval` is the base bar; without it the shortest step of each table is taken.
        """
        venue = contracts[0].venue
        tables = [(SeriesKind.OHLCV, last), (SeriesKind.MARK, mark or {})]
        bars = [
            bars_from_frame(venue, symbol, kind, frame, interval)
            for kind, frames in tables
            for symbol, frame in frames.items()
        ]
        rates = [funding_from_series(venue, symbol, series) for symbol, series in (funding or {}).items()]
        frame_ns = None if timeframe is None else interval_ns(timeframe)
        return cls.from_series(contracts, bars, rates, timeframe_ns=frame_ns, judge=judge)
