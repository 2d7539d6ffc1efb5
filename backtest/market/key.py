"""The name of one stored series, and the folder and columns that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from backtest.clock import interval_text
from backtest.errors import MarketDataError
from backtest.market.series import SeriesKind
from backtest.venues.symbols import folder_name

PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, kw_only=True)
class SeriesKey:
    """Names one stored series; `interval_ns` is None for funding and tiers."""

    venue: str
    symbol: str
    kind: SeriesKind
    interval_ns: int | None = None

    def __post_init__(self) -> None:
        if self.kind.is_bars != (self.interval_ns is not None):
            raise MarketDataError(
                f"a series of {self.kind.value} {'needs an' if self.kind.is_bars else 'has no'} interval"
            )

    @property
    def folder(self) -> Path:
        """The series' folder, relative to the store."""
        last = self.kind.value if self.interval_ns is None else f"{self.kind.value}-{interval_text(self.interval_ns)}"
        return Path(self.venue, folder_name(self.symbol), last)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns its files have."""
        if self.kind is SeriesKind.FUNDING:
            return ("time", "rate")
        return ("time", *PRICES, "volume") if self.kind is SeriesKind.OHLCV else ("time", *PRICES)
