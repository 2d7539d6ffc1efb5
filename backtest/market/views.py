"""The store as SQL: one view a kind of series, over the Parquet files as they are, and tables of tiers and contracts.

    ohlcv      venue symbol timeframe time open high low close volume
    mark       venue symbol timeframe time open high low close              index: the same
    funding    venue symbol time rate
    tiers      venue symbol time floor cap rate amount leverage source      as a run would use them, by date
    contracts  venue symbol time tick lot minimum_notional maker taker source

`time` is UTC: a bar's open, a settlement, the date from which rules hold (none: they ship without one). A view names
its files; none is read before a query asks for its series, and then only the columns and months that it asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from backtest import venues
from backtest.clock import interval_text
from backtest.errors import BacktestError
from backtest.market import snapshots
from backtest.market.catalogue import catalogue
from backtest.market.contract import TierTable
from backtest.market.key import SeriesKey
from backtest.market.series import SeriesKind
from backtest.market.store import Store

VIEWS = {
    "ohlcv": "venue symbol timeframe time open high low close volume",
    "mark": "venue symbol timeframe time open high low close",
    "index": "venue symbol timeframe time open high low close",
    "funding": "venue symbol time rate",
    "tiers": "venue symbol time floor cap rate amount leverage source",
    "contracts": "venue symbol time tick lot minimum_notional maker taker source",
}
"""Names of the views, and their columns."""

_TEXT = ("venue", "symbol", "timeframe", "source")


@dataclass(frozen=True, kw_only=True)
class Views:
    """The views of a store: SQL text of those over files, and tables of the others."""

    queries: dict[str, str]
    tables: dict[str, pa.Table]


def views(store: Store) -> Views:
    """The views of what is stored now."""
    keys = [line.key for line in catalogue(store)]
    kinds = (SeriesKind.OHLCV, SeriesKind.MARK, SeriesKind.INDEX, SeriesKind.FUNDING)
    queries = {kind.value: _over_files(store, kind, [key for key in keys if key.kind is kind]) for kind in kinds}
    named = sorted({(key.venue, key.symbol) for key in keys})
    return Views(
        queries=queries,
        tables={"tiers": _table("tiers", _tiers(store, named)), "contracts": _table("contracts", _rules(store, named))},
    )


def _over_files(store: Store, kind: SeriesKind, keys: Sequence[SeriesKey]) -> str:
    columns = VIEWS[kind.value].split()
    if not keys:
        empty = ", ".join(f"NULL::{_sql_type(name)} AS {name}" for name in columns)
        return f"SELECT {empty} WHERE false"
    return " UNION ALL ".join(_over_series(store.files(key), key, columns) for key in keys)


def _over_series(files: Sequence[Path], key: SeriesKey, columns: Sequence[str]) -> str:
    said = {"venue": _quoted(key.venue), "symbol": _quoted(key.symbol)}
    if key.interval_ns is not None:
        said["timeframe"] = _quoted(interval_text(key.interval_ns))
    said["time"] = "time::TIMESTAMPTZ"  # nanoseconds know fewer functions
    chosen = ", ".join(f"{said[name]} AS {name}" if name in said else name for name in columns)
    return f"SELECT {chosen} FROM read_parquet([{', '.join(_quoted(str(path)) for path in files)}])"


def _tiers(store: Store, named: Iterable[tuple[str, str]]) -> Iterable[tuple[object, ...]]:
    for venue, symbol in named:
        for table in _tables(store, venue, symbol):
            for tier in table.tiers:
                sizes = (tier.floor, tier.cap, tier.rate, tier.amount, tier.leverage)
                yield (venue, symbol, table.valid_from_ns, *sizes, table.source)


def _tables(store: Store, venue: str, symbol: str) -> tuple[TierTable, ...]:
    try:
        return snapshots.contract(store, venue, symbol).tier_tables
    except BacktestError:
        return store.tiers(venue, symbol)


def _rules(store: Store, named: Iterable[tuple[str, str]]) -> Iterable[tuple[object, ...]]:
    for venue, symbol in named:
        said = snapshots.read(store.root, venue, symbol)
        for each in said:
            lot = round(each.lot * each.contract_size, 12)
            fees = (each.minimum_notional, each.maker, each.taker)
            yield (venue, symbol, each.taken_ns, each.tick, lot, *fees, each.source)
        try:
            shipped = venues.contract(venue, symbol, imported=store.tiers(venue, symbol)) if not said else None
        except BacktestError:
            continue
        if shipped is not None:
            rules = (shipped.tick, shipped.lot, shipped.minimum_notional, shipped.maker, shipped.taker)
            yield (venue, symbol, None, *rules, "; ".join(shipped.sources))


def _table(view: str, rows: Iterable[tuple[object, ...]]) -> pa.Table:
    names = VIEWS[view].split()
    columns: list[list[Any]] = [list(column) for column in zip(*rows, strict=True)] or [[] for _ in names]
    return pa.table([pa.array(values, _arrow_type(name)) for name, values in zip(names, columns, strict=True)], names)


def _sql_type(name: str) -> str:
    if name == "time":
        return "TIMESTAMPTZ"
    return "VARCHAR" if name in _TEXT else "DOUBLE"


def _arrow_type(name: str) -> pa.DataType:
    if name == "time":
        return pa.timestamp("ns", tz="UTC")
    return pa.string() if name in _TEXT else pa.float64()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
