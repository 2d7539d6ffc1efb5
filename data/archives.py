"""Binance's public archive as a loader: years of bars and funding out of monthly and daily zip files.

    backtest data fetch -s BTC/USDT:USDT --venue binance -r 2020-01-01..2025-01-01 --archive https://data.binance.vision

A stretch is read month by month, in the order of time, while the next files are already being downloaded. A month that
has no file (the running one, mostly) is read from the files of its days. What the archive does not have is said.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event, Lock

from backtest.clock import DAY_NS, interval_text, moment_ns
from backtest.errors import UsageError, near
from backtest.market.loader import Access, Page, Rules, Stopped, Stretch
from backtest.market.series import SeriesKind
from backtest.venues.symbols import QUOTES, canonical
from data.archive_files import INTERVALS, MARKETS, ArchiveFile, Month, months, venue_symbol
from data.archive_source import opened, verified
from data.archive_tables import table

BEGINS = {"binance": moment_ns("2019-09-01"), "binance-coin": moment_ns("2020-08-01")}
"""Months in which the venues opened; the archive has nothing older."""

LATE_NS = 45 * DAY_NS
"""A month's file appears some days after its end; until so long after it the files of its days are tried."""

_COIN = re.compile(r"^([A-Z0-9]+?)(?:[/_-]?USD)?(?:[_-]?PERP)?$")


class BinanceArchive:
    """Loader of Binance's public archive."""

    summary = "Binance's public archive of zip files, from its address, a mirror or a folder"

    def serves(self, venue: str) -> bool:
        """Whether the archive has the venue's files."""
        return venue in MARKETS

    def connect(self, venue: str, access: Access) -> Archive:
        """The archive that an access names."""
        if venue not in MARKETS:
            known = ", ".join(MARKETS)
            raise UsageError(f"the archive has nothing of '{venue}'; {near(venue, MARKETS)}it has {known}")
        return Archive(venue, access)


class Archive:
    """An open archive; its methods may be called from several threads at once."""

    def __init__(self, venue: str, access: Access) -> None:
        self.venue = venue
        self._stop = Event()
        self._source = opened(access, self._stop)
        self._attempts, self._ahead = access.attempts, access.workers
        self._pool = ThreadPoolExecutor(max_workers=access.workers, thread_name_prefix="archive")
        self._lock = Lock()
        self._unvouched = 0

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is worth saying of the archive as a whole."""
        if not self._unvouched:
            return ()
        return (f"no checksum lay beside {self._unvouched} of the archive's files: they were taken as they are",)

    def now_ns(self) -> int:
        """The time of this machine; an archive has none."""
        return time.time_ns()

    def symbol(self, text: str) -> str:
        """The canonical form of a symbol: BTC/USDT:USDT, BTCUSDT or BTC; for COIN-M BTC/USD:BTC, BTCUSD_PERP or BTC."""
        plain = text.strip().upper()
        coin = _COIN.match(plain)
        if MARKETS[self.venue] == "cm":
            symbol = plain if coin is None else f"{coin[1]}/USD:{coin[1]}"
        elif plain.isalnum() and not plain.endswith(QUOTES):
            symbol = f"{plain}/USDT:USDT"
        else:
            symbol = canonical(plain, self.venue)
        venue_symbol(self.venue, symbol)
        return symbol

    def lacks(self, symbol: str, kind: SeriesKind, interval_ns: int | None) -> str:
        """Why the archive has no such series; empty where it does."""
        if kind is SeriesKind.TIERS:
            return "the archive has no leverage tiers"
        if interval_ns is not None and interval_text(interval_ns) not in INTERVALS:
            return f"the archive has no bars of {interval_text(interval_ns)}; it has {', '.join(INTERVALS)}"
        return ""

    def begins_ns(self, symbol: str, kind: SeriesKind, interval_ns: int | None) -> tuple[int, str]:
        """The month in which the venue opened."""
        return BEGINS[self.venue], ""

    def rules(self, symbol: str) -> Rules | None:
        """None: the archive states no contract rules."""
        return None

    def stop(self) -> None:
        """End all waiting."""
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def pages(self, stretch: Stretch) -> Iterator[Page]:
        """The rows of a stretch, a file a page."""
        waiting = months(self.venue, stretch)
        running: deque[Future[_Read]] = deque()
        absent: list[str] = []
        while True:
            while len(running) <= self._ahead and (month := next(waiting, None)) is not None:
                running.append(self._submit(month, stretch))
            if not running:
                break
            read = self._done(running.popleft())
            absent += read.absent
            yield from read.pages
        if absent:
            yield Page(series=None, settled_ns=stretch.end_ns, remarks=(_said(stretch, absent),))

    def _submit(self, month: Month, stretch: Stretch) -> Future[_Read]:
        try:
            return self._pool.submit(self._month, month, stretch)
        except RuntimeError as error:  # the pool was shut down
            raise Stopped from error

    def _done(self, future: Future[_Read]) -> _Read:
        while not self._stop.is_set():
            if wait((future,), timeout=0.2).done:
                return future.result()
        raise Stopped

    def _month(self, month: Month, stretch: Stretch) -> _Read:
        """A month from its file or from those of its days, whichever is asked for first and there."""
        late = self._source.local or month.whole.end_ns > self.now_ns() - LATE_NS
        tries = [(month.whole,), month.days] if not month.by_days else [month.days, (month.whole,)]
        if not (month.by_days or late):
            tries = tries[:1]
        best = _Read(pages=[Page(series=None, settled_ns=min(month.whole.end_ns, stretch.end_ns))], absent=[])
        best.absent.append(month.whole.name)
        for files in tries:
            found = [self._page(file, stretch) for file in files]
            pages = [page for page in found if page is not None]
            if pages:
                best = _Read(
                    pages=pages, absent=[file.name for file, page in zip(files, found, strict=True) if page is None]
                )
            if pages and not best.absent:
                break
        return best

    def _page(self, file: ArchiveFile, stretch: Stretch) -> Page | None:
        held = verified(self._source, file.path, self._attempts)
        if held is None:
            return None
        content, vouched = held
        if not vouched:
            with self._lock:
                self._unvouched += 1
        rows = table(content, file, self.venue, stretch)
        return Page(series=rows.series, settled_ns=min(file.end_ns, stretch.end_ns), remarks=rows.remarks)


@dataclass(frozen=True)
class _Read:
    """What a month gave: pages, and the names of the files that are not there."""

    pages: list[Page]
    absent: list[str]


def _said(stretch: Stretch, absent: list[str]) -> str:
    names = absent[0] if len(absent) == 1 else f"{absent[0]} to {absent[-1]} ({len(absent)} files)"
    text = f"the archive does not have {names}"
    if stretch.kind is SeriesKind.FUNDING:
        text += "; funding comes in months, when each is over: fetch what is newer from the exchange"
    return text
