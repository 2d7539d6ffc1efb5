"""What a loader plugin is: a class under the entry-point group `backtest.data` that brings market data in.

There are three kinds. A `FileLoader` reads one file that the user names. A `MarketLoader` makes the series of a
venue by symbol; one that is `automatic` needs neither network nor choice, so a run may call it at first use. A
`VenueLoader` connects to a venue (an exchange, an archive of its files) and hands over stretches of series as they
arrive, so that `backtest data fetch` can store them, be interrupted and go on.

    class MyFiles:                                   # any package: [project.entry-points."backtest.data"]
        summary = "files of my own recorder"         #              mine = "my_package.files:MyFiles"

        def recognises(self, path): ...
        def read(self, path, request): ...
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from backtest.errors import UsageError
from backtest.market.contract import TierTable
from backtest.market.series import Bars, FundingRates, SeriesKind
from backtest.market.snapshots import ContractSnapshot


@dataclass(frozen=True, kw_only=True)
class FileRequest:
    """What the user said of a file; None where the file itself is to tell.

    `columns` maps our names to the file's own, e.g. {"time": "ts", "open": "o"}. `valid_from_ns` dates leverage tiers
    whose file states no date.
    """

    venue: str
    symbol: str | None = None
    kind: SeriesKind | None = None
    interval_ns: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    valid_from_ns: int | None = None


@dataclass(frozen=True, kw_only=True)
class MarketRequest:
    """Series of a venue: bars at one interval, and funding, of some symbols."""

    venue: str
    symbols: tuple[str, ...]
    interval_ns: int


@dataclass(frozen=True, kw_only=True)
class Tiers:
    """Dated leverage tiers of one symbol, as a loader hands them over."""

    venue: str
    symbol: str
    tables: tuple[TierTable, ...]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One series, and what the loader had to guess or found worth saying of it."""

    series: Bars | FundingRates | Tiers
    remarks: tuple[str, ...] = ()


@runtime_checkable
class FileLoader(Protocol):
    """Reads one file."""

    summary: str

    def recognises(self, path: Path) -> bool:
        """Whether the name of a file is one that this loader reads."""
        ...

    def read(self, path: Path, request: FileRequest) -> Delivery:
        """The series in a file; raises `MarketDataError` naming the row and its time where it is unsound."""
        ...


@runtime_checkable
class MarketLoader(Protocol):
    """Makes or fetches series of a venue."""

    summary: str
    automatic: bool

    def serves(self, venue: str) -> bool:
        """Whether the venue is one that this loader knows."""
        ...

    def symbols(self, venue: str) -> tuple[str, ...]:
        """The symbols that it has for the venue."""
        ...

    def series(self, request: MarketRequest) -> Iterator[Delivery]:
        """The series asked for."""
        ...


@dataclass(frozen=True, kw_only=True)
class Access:
    """How a venue is reached.

    `address`: another server in place of the venue's own, e.g. http://127.0.0.1:8000, or the folder or address of an
    archive; empty for the loader's own. A server on this machine is not paced. `timeout_s`: seconds that one answer may
    take. `attempts`: how often one request is tried. `workers`: how many requests are under way at once.
    """

    address: str = ""
    timeout_s: float = 20.0
    attempts: int = 8
    workers: int = 4

    def __post_init__(self) -> None:
        if not self.timeout_s > 0:
            raise UsageError(f"a timeout of {self.timeout_s:g} s lets no answer arrive; write a number above 0")
        if self.attempts < 1 or self.workers < 1:
            raise UsageError("attempts and workers are whole numbers from 1 on")


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """A part of one series: what lies in [start, end). `interval_ns` is None for funding."""

    symbol: str
    kind: SeriesKind
    interval_ns: int | None
    start_ns: int
    end_ns: int


@dataclass(frozen=True, kw_only=True)
class Page:
    """Rows of a stretch as they arrived (None: the venue has none here), and the time up to which all of it is settled.

    Pages of a stretch arrive in the order of time. `remarks` is what is worth saying of them.
    """

    series: Bars | FundingRates | None
    settled_ns: int
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The rules of a contract as a venue states them now."""

    snapshot: ContractSnapshot
    remarks: tuple[str, ...] = ()


class Connection(Protocol):
    """An open connection to a venue; its methods may be called from several threads at once.

    `remarks`: what is worth saying of the connection as a whole, e.g. that the venue told no time of its own.
    """

    venue: str
    remarks: tuple[str, ...]

    def now_ns(self) -> int:
        """The venue's time."""
        ...

    def symbol(self, text: str) -> str:
        """The canonical form of a symbol as a user wrote it; raises `UsageError` with the nearest names."""
        ...

    def lacks(self, symbol: str, kind: SeriesKind, interval_ns: int | None) -> str:
        """Why the venue offers no such series; empty where it does."""
        ...

    def begins_ns(self, symbol: str, kind: SeriesKind, interval_ns: int | None) -> tuple[int, str]:
        """The time before which the venue has nothing of a series, and why; (0, "") where it does not say."""
        ...

    def pages(self, stretch: Stretch) -> Iterator[Page]:
        """The rows of a stretch."""
        ...

    def rules(self, symbol: str) -> Rules | None:
        """The rules of a contract, or None where the loader does not know any."""
        ...

    def stop(self) -> None:
        """End all waiting: a call under way raises `Stopped` at its next request."""
        ...


class Stopped(Exception):  # noqa: N818  (the end of waiting, not an error)
    """Raised by a connection that was told to stop."""


@runtime_checkable
class VenueLoader(Protocol):
    """Connects to venues."""

    summary: str

    def serves(self, venue: str) -> bool:
        """Whether the venue is one that this loader knows."""
        ...

    def connect(self, venue: str, access: Access) -> Connection:
        """A connection to the venue."""
        ...
