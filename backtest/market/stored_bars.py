"""Bars of one stored series that are read month by month while they are placed, and never held as a whole.

So a history takes the memory of its own block of prices and one month of one series beside it. Each month is checked
as any bars are when it is read. Bars that are stored at a finer interval are made into whole bars of the longer one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from backtest.clock import DAY_NS, interval_text
from backtest.errors import MarketDataError
from backtest.market import parquet
from backtest.market.key import SeriesKey
from backtest.market.series import Bars, SeriesKind
from backtest.market.store import Store, made_bars


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredBars:
    """Bars of `interval_ns` that open in [start, end) and are stored under `key`, at that interval or a finer one."""

    store: Store
    key: SeriesKey
    interval_ns: int
    asked_ns: tuple[int | None, int | None]
    first_ns: int = 0
    end_ns: int = 0
    source: str = ""
    synthetic: bool = False

    @classmethod
    def find(
        cls, store: Store, key: SeriesKey, interval_ns: int, start_ns: int | None, end_ns: int | None
    ) -> StoredBars | None:
        """The bars in [start, end); None where there is not one."""
        made = cls(store=store, key=key, interval_ns=interval_ns, asked_ns=(start_ns, end_ns))
        files = made._files()
        first = next((part for path in files if len(part := made._month(path))), None)
        last = next((part for path in reversed(files) if len(part := made._month(path))), None)
        if not made._by_month:
            first = last = next((part for part in made.parts() if len(part)), None)
        if first is None or last is None:
            return None
        return replace(made, first_ns=first.first_ns, end_ns=last.end_ns, source=last.source, synthetic=last.synthetic)

    @property
    def symbol(self) -> str:
        """Canonical symbol."""
        return self.key.symbol

    @property
    def kind(self) -> SeriesKind:
        """Last, mark or index price."""
        return self.key.kind

    @property
    def name(self) -> str:
        """Symbol, kind and interval, as messages call the series."""
        return f"{self.symbol} {self.kind.value} {interval_text(self.interval_ns)}"

    def overlaps(self, start_ns: int | None, end_ns: int | None) -> bool:
        """Whether the bars reach into [start, end)."""
        return (start_ns is None or self.end_ns > start_ns) and (end_ns is None or self.first_ns < end_ns)

    def parts(self) -> Iterator[Bars]:
        """The bars month by month."""
        if not self._by_month:
            whole = self.store.bars(self.key, *self.asked_ns)
            if whole is not None:
                yield whole.resampled(self.interval_ns)
            return
        until_ns = 0
        for path in self._files():
            part = self._month(path)
            if len(part) and part.first_ns < until_ns:
                raise MarketDataError(f"{path} holds bars of another month; remove it and import that month again")
            until_ns = part.end_ns if len(part) else until_ns
            yield part

    @property
    def _by_month(self) -> bool:
        """Whether no bar of the interval lies in two months."""
        return self.interval_ns == self.key.interval_ns or DAY_NS % self.interval_ns == 0

    def _files(self) -> list[Path]:
        return self.store.files(self.key, *self.asked_ns)

    def _month(self, path: Path) -> Bars:
        bars = made_bars(self.key, *parquet.opened(path, self.key.columns))
        return bars.between(*self.asked_ns).resampled(self.interval_ns)
