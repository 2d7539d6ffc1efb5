"""What a loader plugin is: a class under the entry-point group `backtest.data` that brings market data in.

There are two kinds. A `FileLoader` reads one file that the user names. A `MarketLoader` makes or fetches series of a
venue by symbol; one that is `automatic` needs neither network nor choice, so a run may call it at first use.

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

from backtest.market.contract import TierTable
from backtest.market.series import Bars, FundingRates, SeriesKind


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
