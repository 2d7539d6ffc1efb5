"""Fetching: what a range lacks is asked of a venue and stored as it arrives, exported as `backtest.fetch`.

Only what is not stored is asked for, so that an interrupted fetch goes on where it stopped and an up-to-date range
costs nothing; holes between stored rows are asked for again. Rows are written month by month, whole or not at all,
whenever some ten thousand have come together: what is lost at most is what came since. A row that contradicts a stored
one is an error that names the place; nothing stored is overwritten.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backtest import extensions
from backtest.clock import HOUR_NS, Moment, ceil_ns, floor_ns, interval_ns, interval_text, moment_ns, span, time_text
from backtest.errors import BacktestError, MarketDataError, UsageError
from backtest.market import missing, snapshots
from backtest.market.key import SeriesKey
from backtest.market.loader import Access, Connection, Rules, Stopped, Stretch
from backtest.market.series import Bars, FundingRates, SeriesKind
from backtest.market.store import Store

if TYPE_CHECKING:
    import pandas as pd

KINDS = (SeriesKind.OHLCV, SeriesKind.MARK, SeriesKind.FUNDING)
COLUMNS = ("open", "high", "low", "close", "volume")
BUFFER_ROWS = 20_000
BUFFER_S = 15.0
EXCHANGES = "ccxt"
"""Name of the loader that asks exchanges."""

Watch = Callable[[float, int], None]
"""Told the share that is done, 0 to 1, and the rows that have come."""


@dataclass(frozen=True, kw_only=True)
class FetchedSeries:
    """What is stored of one series of the range after a fetch.

    `rows`, `first_ns`, `end_ns` (the close of the last bar) and `holes` (first missing time, number of bars) are of the
    range asked for, `added` is new. `absent` says what keeps the venue from having any, where it is known.
    """

    symbol: str
    kind: SeriesKind
    interval_ns: int | None
    added: int = 0
    rows: int = 0
    first_ns: int | None = None
    end_ns: int | None = None
    holes: tuple[tuple[int, int], ...] = ()
    intervals: tuple[int, ...] = ()
    absent: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class FetchedRules:
    """The rules of one contract as the venue stated them; `new` says whether that is a change to what was stored."""

    rules: Rules
    new: bool


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What a fetch left in the store."""

    venue: str
    store: Path
    series: tuple[FetchedSeries, ...]
    rules: tuple[FetchedRules, ...]
    remarks: tuple[str, ...]

    @property
    def frame(self) -> pd.DataFrame:
        """The series as a table: rows stored of the range, those that are new, missing bars, why there is nothing."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "symbol": each.symbol,
                    "kind": each.kind.value,
                    "timeframe": None if each.interval_ns is None else interval_text(each.interval_ns),
                    "start": pd.Timestamp(each.first_ns, unit="ns", tz="UTC") if each.first_ns is not None else None,
                    "end": pd.Timestamp(each.end_ns, unit="ns", tz="UTC") if each.end_ns is not None else None,
                    "rows": each.rows,
                    "added": each.added,
                    "missing": sum(bars for _, bars in each.holes),
                    "absent": each.absent,
                }
                for each in self.series
            ]
        )


@dataclass(kw_only=True)
class _Job:
    """One series to be asked for, and how far it has come."""

    outcome: FetchedSeries
    begins_ns: int = 0
    why: str = ""
    start_ns: int
    end_ns: int
    stretches: list[Stretch] = field(default_factory=list)
    settled: float = 0.0
    came: int = 0
    added: int = 0
    remarks: dict[str, None] = field(default_factory=dict)

    def rows(self, length_ns: int) -> float:
        """About how many rows a length of time holds, for the progress."""
        return length_ns / (self.outcome.interval_ns or 8 * HOUR_NS)

    @property
    def name(self) -> str:
        length = self.outcome.interval_ns
        text = f"{self.outcome.symbol} {self.outcome.kind.value}"
        return text if length is None else f"{text} {interval_text(length)}"


def fetch(
    venue: str,
    symbols: str | Sequence[str],
    timeframe: str = "1m",
    *,
    start: Moment | timedelta | None,
    end: Moment | None = None,
    kinds: Sequence[SeriesKind | str] = KINDS,
    contracts: bool = True,
    store: Store | Path | str | None = None,
    resume: bool = True,
    loader: str = EXCHANGES,
    access: Access | None = None,
    watch: Watch | None = None,
) -> Fetched:
    """Fetch bars, funding and contract rules of some symbols into the store.

    `start` and `end` (exclusive; the present unless given) are text read as UTC, aware datetimes or nanoseconds; a
    `start` of "90d" is that long before the end, None is the first that the venue has. Without `resume` all of the
    range is asked for again and compared with what is stored. Raises `MarketDataError` where the venue does not answer
    or contradicts what is stored; what came before is kept.

        fetched = fetch("binance", ["BTC", "ETH"], "1m", start="2024-01-01", end="2024-02-01")
    """
    place = Store.of_workspace() if store is None else store if isinstance(store, Store) else Store(root=Path(store))
    wanted = tuple(dict.fromkeys(SeriesKind.from_text(kind) if isinstance(kind, str) else kind for kind in kinds))
    if SeriesKind.TIERS in wanted:
        raise UsageError("leverage tiers come with the contract rules; ask for the kind contracts")
    texts = [symbols] if isinstance(symbols, str) else list(symbols)
    if not texts:
        raise UsageError("no symbol is named; write -s BTC/USDT:USDT, or -s BTC for short")
    reach = access or Access()
    source = extensions.venue_loader(loader)
    connection = source.connect(venue, reach)
    names = list(dict.fromkeys(connection.symbol(text) for text in texts))
    start_ns, end_ns = _range(connection.now_ns(), start, end)
    jobs = [
        _job(connection, place, name, kind, interval_ns(timeframe), start_ns, end_ns, resume)
        for name in names
        for kind in wanted
    ]
    work: list[Callable[[], object]] = [_Walk(connection, place, job) for job in jobs if job.stretches]
    found: list[FetchedRules] = []
    if contracts:
        work += [_Ask(connection, place, name, found) for name in names]
    _together(connection, work, jobs, reach.workers, watch)
    return Fetched(
        venue=venue,
        store=place.root,
        series=tuple(_outcome(place, connection.venue, job) for job in jobs),
        rules=tuple(sorted(found, key=lambda each: names.index(each.rules.snapshot.symbol))),
        remarks=connection.remarks,
    )


def _range(now_ns: int, start: Moment | timedelta | None, end: Moment | None) -> tuple[int | None, int]:
    end_ns = now_ns if end is None else min(moment_ns(end), now_ns)
    length = span(start) if isinstance(start, str) else start if isinstance(start, timedelta) else None
    if length is not None:
        return end_ns - int(length.total_seconds()) * 1_000_000_000, end_ns
    start_ns = None if start is None or isinstance(start, timedelta) else moment_ns(start)
    if start_ns is not None and end is not None and moment_ns(end) <= start_ns:
        raise UsageError(f"the range {time_text(start_ns)}..{time_text(moment_ns(end))} is empty; its end is exclusive")
    if start_ns is not None and start_ns >= end_ns:
        raise UsageError(
            f"the range begins at {time_text(start_ns)}, which is still to come; it is {time_text(now_ns)}"
        )
    return start_ns, end_ns


def _job(
    connection: Connection,
    store: Store,
    symbol: str,
    kind: SeriesKind,
    bar_ns: int,
    start_ns: int | None,
    end_ns: int,
    resume: bool,
) -> _Job:
    length = bar_ns if kind.is_bars else None
    outcome = FetchedSeries(symbol=symbol, kind=kind, interval_ns=length)
    lacks = connection.lacks(symbol, kind, length)
    if lacks:
        return _Job(outcome=replace(outcome, absent=lacks), start_ns=end_ns, end_ns=end_ns)
    begins_ns, why = connection.begins_ns(symbol, kind, length)
    if start_ns is None and not begins_ns:
        raise UsageError(f"{connection.venue} does not say since when it has {symbol}; give the range a start")
    first_ns = min(begins_ns if start_ns is None else start_ns, end_ns)
    job = _Job(outcome=outcome, begins_ns=begins_ns, why=why, start_ns=first_ns, end_ns=end_ns)
    if length is not None:
        job.start_ns, job.end_ns = ceil_ns(job.start_ns, length), floor_ns(end_ns, length)
    key = SeriesKey(venue=connection.venue, symbol=symbol, kind=kind, interval_ns=length)
    times = missing.stored_times(store, key, job.start_ns, job.end_ns) if resume else np.zeros(0, np.int64)
    if length is None:
        spans = missing.unsettled(times, job.start_ns, job.end_ns)
    else:
        spans = missing.holes(times, length, job.start_ns, job.end_ns)
        spans = missing.joined(spans, missing.NEAR_BARS * length)
    job.stretches = [
        Stretch(symbol=symbol, kind=kind, interval_ns=length, start_ns=low, end_ns=high) for low, high in spans
    ]
    return job


@dataclass(frozen=True)
class _Walk:
    """Brings one job's stretches into the store."""

    connection: Connection
    store: Store
    job: _Job

    def __call__(self) -> None:
        held: list[Bars | FundingRates] = []
        since = time.monotonic()
        try:
            for stretch in self.job.stretches:
                before = self.job.settled
                for page in self.connection.pages(stretch):
                    self.job.settled = before + self.job.rows(page.settled_ns - stretch.start_ns)
                    self.job.remarks.update(dict.fromkeys(page.remarks))
                    if page.series is not None and len(page.series):
                        held.append(page.series)
                        self.job.came += len(page.series)
                    full = sum(len(each) for each in held) >= BUFFER_ROWS or time.monotonic() - since > BUFFER_S
                    if full and stretch.interval_ns is not None:
                        self._write(held)
                        since = time.monotonic()
        except Stopped:
            pass
        finally:
            self._write(held)

    def _write(self, held: list[Bars | FundingRates]) -> None:
        parts, held[:] = list(held), []
        if parts:
            self.job.added += self.store.write(_concatenated(parts)).added


@dataclass(frozen=True)
class _Ask:
    """Brings the rules of one contract into the store."""

    connection: Connection
    store: Store
    symbol: str
    found: list[FetchedRules]

    def __call__(self) -> None:
        try:
            rules = self.connection.rules(self.symbol)
        except Stopped:
            return
        if rules is None:
            return
        new = snapshots.add(self.store.root, rules.snapshot)
        self.found.append(FetchedRules(rules=rules, new=new))


def _together(
    connection: Connection,
    work: Sequence[Callable[[], object]],
    jobs: Sequence[_Job],
    workers: int,
    watch: Watch | None,
) -> None:
    """Run the work in threads until all of it is done; what fails does not end the rest, and is raised at the end."""
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="fetch")
    futures = [pool.submit(each) for each in work]
    try:
        left: set[Future[object]] = set(futures)
        while left:
            _, left = wait(left, timeout=0.1)
            if watch is not None:
                watch(_share(jobs), sum(job.came for job in jobs))
    except BaseException:
        connection.stop()
        pool.shutdown(wait=True, cancel_futures=True)
        raise
    pool.shutdown()
    failures = [error for error in (future.exception() for future in futures) if error is not None]
    if failures:
        raise _summed(failures, jobs)


def _share(jobs: Sequence[_Job]) -> float:
    total = sum(job.rows(stretch.end_ns - stretch.start_ns) for job in jobs for stretch in job.stretches)
    return min(1.0, sum(job.settled for job in jobs) / total) if total else 1.0


def _summed(failures: Sequence[BaseException], jobs: Sequence[_Job]) -> BaseException:
    """What failed as one error that says what was kept; a failure that is no known one is raised as it is."""
    for failure in failures:
        if not isinstance(failure, BacktestError):
            return failure
    texts = list(dict.fromkeys(str(failure) for failure in failures))
    kept = ", ".join(f"{job.added:,} rows of {job.name}" for job in jobs if job.added)
    said = "; ".join(texts[:3]) + (f"; and {len(texts) - 3} more" if len(texts) > 3 else "")
    kind = UsageError if all(isinstance(failure, UsageError) for failure in failures) else MarketDataError
    return kind(f"{said}; kept: {kept or 'nothing new'}; the same command goes on from there")


def _concatenated(parts: Sequence[Bars | FundingRates]) -> Bars | FundingRates:
    """Pages of one series, in the order of time, as one."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    names = ("time_ns", "rate") if isinstance(first, FundingRates) else ("time_ns", *COLUMNS)
    columns: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return replace(first, **columns)


def _outcome(store: Store, venue: str, job: _Job) -> FetchedSeries:
    """What the store holds of a job's range now."""
    outcome = job.outcome
    if outcome.absent:
        return outcome
    key = SeriesKey(venue=venue, symbol=outcome.symbol, kind=outcome.kind, interval_ns=outcome.interval_ns)
    times = missing.stored_times(store, key, job.start_ns, job.end_ns)
    remarks = tuple(job.remarks)
    length = outcome.interval_ns
    if not times.size:
        return replace(outcome, absent=job.why if job.begins_ns >= job.end_ns else "", remarks=remarks)
    if job.why and job.start_ns < job.begins_ns and int(times[0]) > job.start_ns:
        remarks = (job.why, *remarks)
    spans = () if length is None else missing.holes(times, length, job.start_ns, job.end_ns)
    return replace(
        outcome,
        added=job.added,
        rows=int(times.size),
        first_ns=int(times[0]),
        end_ns=int(times[-1]) + (length or 0),
        holes=tuple((low, (high - low) // (length or 1)) for low, high in spans),
        intervals=() if length is not None else _intervals(times),
        remarks=remarks,
    )


def _intervals(times: NDArray[np.int64]) -> tuple[int, ...]:
    """The steps between settlements, the most common first."""
    values, counts = np.unique(np.diff(times), return_counts=True)
    return tuple(int(value) for value in values[np.argsort(-counts, kind="stable")])
