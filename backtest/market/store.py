"""The store: market history in Parquet files, a folder a series and a file a month.

    <root>/<venue>/<symbol without / and :>/<kind>-<interval>/2024-01.parquet
    <root>/<venue>/<symbol without / and :>/funding/2024-01.parquet
    <root>/<venue>/<symbol without / and :>/tiers/all.parquet

The files are the truth and each says in its footer what it holds; the catalogue (catalogue.py) is made from them.
Writing is whole or not at all: all months of a series are first written beside their places and then renamed. Rows
that are already stored are not doubled, and a row that contradicts a stored one is an error, never an overwrite.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtest.clock import interval_ns, interval_text
from backtest.errors import MarketDataError
from backtest.market import parquet
from backtest.market.contract import Tier, TierTable
from backtest.market.key import PRICES, SeriesKey
from backtest.market.lock import locked
from backtest.market.merge import merge
from backtest.market.parquet import Columns, Head
from backtest.market.series import Bars, FundingRates, SeriesKind
from backtest.venues.symbols import folder_name
from backtest.workspace import Workspace

TIER_FIELDS = ("floor", "cap", "rate", "amount", "leverage")
WRITERS = 8
"""Months written to the disk at once: most of the time is waiting for it to have them."""
_MONTH = np.dtype("M8[M]")


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a write did: rows that were new, rows that were stored already, and files that changed."""

    added: int
    known: int
    files: int


@dataclass(frozen=True, kw_only=True)
class _Month:
    path: Path
    columns: Columns
    facts: dict[str, object]
    added: int


@dataclass(frozen=True, kw_only=True)
class Store:
    """Market history below one folder."""

    root: Path

    @classmethod
    def of_workspace(cls) -> Store:
        """The store of the workspace that the current folder lies in."""
        return cls(root=Workspace.find().store)

    def write(self, series: Bars | FundingRates) -> Written:
        """Add a series to what is stored of it."""
        key = _key(series)
        with locked(self.root / key.folder):
            self._sweep(key)
            plan = self._plan(key, series)
            try:
                with ThreadPoolExecutor(max_workers=WRITERS) as pool:
                    parts = list(pool.map(_beside, plan))
                parquet.put_in_place([(part, month.path) for part, month in zip(parts, plan, strict=True)])
            except BaseException:
                self._sweep(key)
                raise
        return _written(series, plan)

    def preview(self, series: Bars | FundingRates) -> Written:
        """What `write` would do; nothing is changed."""
        return _written(series, self._plan(_key(series), series))

    def bars(self, key: SeriesKey, start_ns: int | None = None, end_ns: int | None = None) -> Bars | None:
        """The stored bars that open in [start, end); None where the store has none of the series at all."""
        found = self._read(key, start_ns, end_ns)
        return None if found is None else made_bars(key, *found).between(start_ns, end_ns)

    def funding(
        self, venue: str, symbol: str, start_ns: int | None = None, end_ns: int | None = None
    ) -> FundingRates | None:
        """The stored settlements in [start, end); None where the store has none at all."""
        found = self._read(SeriesKey(venue=venue, symbol=symbol, kind=SeriesKind.FUNDING), start_ns, end_ns)
        if found is None:
            return None
        head, columns = found
        rates = FundingRates(
            venue=venue,
            symbol=symbol,
            time_ns=columns["time"],
            rate=columns["rate"],
            source=str(head.facts["source"]),
            synthetic=bool(head.facts["synthetic"]),
        )
        return rates.between(start_ns, end_ns)

    def write_tiers(self, venue: str, symbol: str, tables: Sequence[TierTable]) -> Written:
        """Add dated tables of leverage tiers; a table of a stored date must be the same one."""
        key = SeriesKey(venue=venue, symbol=symbol, kind=SeriesKind.TIERS)
        with locked(self.root / key.folder):
            self._sweep(key)
            held = {table.valid_from_ns: table for table in self.tiers(venue, symbol)}
            for table in tables:
                stored = held.get(table.valid_from_ns, table)
                if stored.tiers != table.tiers:
                    raise MarketDataError(
                        f"{symbol} tiers: another table of that date is stored; remove {self.root / key.folder} first"
                    )
            fresh = {table.valid_from_ns: table for table in tables if table.valid_from_ns not in held}
            if fresh:
                self._put_tiers(key, [*held.values(), *fresh.values()])
        return Written(added=len(fresh), known=len(tables) - len(fresh), files=int(bool(fresh)))

    def tiers(self, venue: str, symbol: str) -> tuple[TierTable, ...]:
        """The imported tables of leverage tiers, by date."""
        path = self.root / SeriesKey(venue=venue, symbol=symbol, kind=SeriesKind.TIERS).folder / "all.parquet"
        if not path.is_file():
            return ()
        head, columns = parquet.opened(path, ("time", *TIER_FIELDS))
        source = str(head.facts["source"])
        tables = []
        for when in np.unique(columns["time"]):
            rows = np.flatnonzero(columns["time"] == when)
            tiers = tuple(Tier(**{name: float(columns[name][row]) for name in TIER_FIELDS}) for row in rows)
            tables.append(TierTable(valid_from_ns=int(when), tiers=tiers, source=source))
        return tuple(tables)

    def intervals(self, venue: str, symbol: str, kind: SeriesKind) -> tuple[int, ...]:
        """The intervals at which bars of a kind are stored, shortest first."""
        folder = self.root / venue / folder_name(symbol)
        names = [path.name for path in folder.glob(f"{kind.value}-*") if any(path.glob("*.parquet"))]
        return tuple(sorted(interval_ns(name.removeprefix(f"{kind.value}-")) for name in names))

    def extent(self, key: SeriesKey) -> tuple[int, int] | None:
        """First time and end (the close of the last bar) of a stored series."""
        files = self.files(key)
        if not files:
            return None
        return parquet.head(files[0]).first_ns, parquet.head(files[-1]).last_ns + (key.interval_ns or 0)

    def files(self, key: SeriesKey, start_ns: int | None = None, end_ns: int | None = None) -> list[Path]:
        """The files of a series, by month; of [start, end) only those that may hold rows of it."""
        low = "" if start_ns is None else _month_text(start_ns)
        high = "9999-99" if end_ns is None else _month_text(end_ns)
        return sorted(path for path in (self.root / key.folder).glob("[0-9]*.parquet") if low <= path.stem <= high)

    def columns(self, key: SeriesKey) -> Columns:
        """All stored columns of a series as they stand in the files, unchecked: what the checks look at."""
        return _joined(self.files(key), key.columns)[1]

    def _read(self, key: SeriesKey, start_ns: int | None, end_ns: int | None) -> tuple[Head, Columns] | None:
        files = self.files(key, start_ns, end_ns) or self.files(key)[:1]
        return _joined(files, key.columns) if files else None

    def _plan(self, key: SeriesKey, series: Bars | FundingRates) -> list[_Month]:
        """The months that a write changes, with their rows after it."""
        columns = _columns(series)
        months = series.time_ns.view("M8[ns]").astype(_MONTH)
        begins = np.flatnonzero(np.diff(months.astype(np.int64), prepend=-1))
        plan = []
        for first, after in pairwise([*begins.tolist(), months.size]):
            path = self.root / key.folder / f"{months[first]}.parquet"
            new = {name: values[first:after] for name, values in columns.items()}
            added = int(new["time"].size)
            sources = {series.source}
            if path.is_file():
                head, held = parquet.opened(path, key.columns)
                if head.facts["synthetic"] != series.synthetic:
                    raise MarketDataError(f"{path}: synthetic and recorded rows are not mixed; use another store")
                merged = merge(series.name, held, new)
                new, added = merged.columns, merged.added
                sources |= set(str(head.facts["source"]).split("; "))
            if added:
                facts = _facts(key, "; ".join(sorted(sources)), series.synthetic)
                plan.append(_Month(path=path, columns=new, facts=facts, added=added))
        return plan

    def _put_tiers(self, key: SeriesKey, tables: Sequence[TierTable]) -> None:
        rows = [
            (table.valid_from_ns, tier)
            for table in sorted(tables, key=lambda each: each.valid_from_ns)
            for tier in table.tiers
        ]
        columns: Columns = {"time": np.array([when for when, _ in rows], np.int64)}
        for name in TIER_FIELDS:
            columns[name] = np.array([getattr(tier, name) for _, tier in rows], np.float64)
        path = self.root / key.folder / "all.parquet"
        sources = "; ".join(sorted({table.source for table in tables}))
        parquet.put_in_place([(parquet.write_beside(path, columns, _facts(key, sources, synthetic=False)), path)])

    def _sweep(self, key: SeriesKey) -> None:
        """Remove what a killed writer left; the lock is held, so no living writer owns it."""
        for path in (self.root / key.folder).glob(f".*{parquet.TEMPORARY}"):
            path.unlink(missing_ok=True)


def made_bars(key: SeriesKey, head: Head, columns: Columns) -> Bars:
    """The columns of a file as bars, checked."""
    assert key.interval_ns is not None
    return Bars(
        venue=key.venue,
        symbol=key.symbol,
        kind=key.kind,
        interval_ns=key.interval_ns,
        time_ns=columns["time"],
        open=columns["open"],
        high=columns["high"],
        low=columns["low"],
        close=columns["close"],
        volume=columns.get("volume", _no_volume(columns["time"].size)),
        source=str(head.facts["source"]),
        synthetic=bool(head.facts["synthetic"]),
    )


def _joined(files: Sequence[Path], names: Sequence[str]) -> tuple[Head, Columns]:
    """The columns of several files as one, read into their place, and what the last of the files says of itself."""
    heads = [parquet.head(path) for path in files]
    rows = sum(head.rows for head in heads)
    whole: Columns = {name: np.empty(rows, np.int64 if name == "time" else np.float64) for name in names}
    first = 0
    for path in files:
        part = parquet.read(path, names)
        after = first + part["time"].size
        for name in names:
            whole[name][first:after] = part[name]
        first = after
    return heads[-1], whole


def _beside(month: _Month) -> Path:
    return parquet.write_beside(month.path, month.columns, month.facts)


def _key(series: Bars | FundingRates) -> SeriesKey:
    return SeriesKey(
        venue=series.venue,
        symbol=series.symbol,
        kind=series.kind if isinstance(series, Bars) else SeriesKind.FUNDING,
        interval_ns=series.interval_ns if isinstance(series, Bars) else None,
    )


def _columns(series: Bars | FundingRates) -> Columns:
    if isinstance(series, FundingRates):
        return {"time": series.time_ns, "rate": series.rate}
    names = PRICES if series.kind is not SeriesKind.OHLCV else (*PRICES, "volume")
    return {"time": series.time_ns, **{name: getattr(series, name) for name in names}}


def _written(series: Bars | FundingRates, plan: Sequence[_Month]) -> Written:
    added = sum(month.added for month in plan)
    return Written(added=added, known=len(series) - added, files=len(plan))


def _facts(key: SeriesKey, source: str, synthetic: bool) -> dict[str, object]:
    length = None if key.interval_ns is None else interval_text(key.interval_ns)
    return {
        "venue": key.venue,
        "symbol": key.symbol,
        "kind": key.kind.value,
        "interval": length,
        "source": source,
        "synthetic": synthetic,
    }


def _month_text(time_ns: int) -> str:
    return str(np.datetime64(time_ns, "ns").astype(_MONTH))


def _no_volume(rows: int) -> NDArray[Any]:
    return np.full(rows, np.nan)
