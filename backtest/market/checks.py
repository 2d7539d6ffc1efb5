"""What is wrong, or worth knowing, with stored market history: a verdict for each series, and no silent repair.

A FAIL would change results or stop a run (a gap, a row that contradicts itself, a price ten times its neighbours'); a
WARN is something to know of (a frozen stretch, last far from mark, tiers younger than the bars). Each finding says
where it is and how large it is. Files are read one by one, so that memory does not grow with the series.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from backtest.clock import time_text
from backtest.errors import BacktestError, MarketDataError
from backtest.market import parquet, snapshots
from backtest.market.bar_checks import LEAD, Apart, Order, rules
from backtest.market.catalogue import StoredSeries
from backtest.market.findings import Finding, Level, Verdict, fail, warn
from backtest.market.funding_checks import settlements
from backtest.market.key import SeriesKey
from backtest.market.parquet import Columns
from backtest.market.resampling import whole_bars
from backtest.market.series import SeriesKind
from backtest.market.store import Store

__all__ = ["Finding", "Level", "Verdict", "check"]

THREADS = 4
"""Series checked at once; each holds a month."""


def check(store: Store, series: Sequence[StoredSeries]) -> tuple[Verdict, ...]:
    """Check stored series, each by itself and the series of one symbol against each other."""

    def verdict(line: StoredSeries) -> Verdict:
        return Verdict(series=line, findings=tuple(_findings(store, line, series)))

    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        return tuple(pool.map(verdict, series))


def _findings(store: Store, line: StoredSeries, series: Sequence[StoredSeries]) -> list[Finding]:
    key = line.key
    if key.kind is SeriesKind.TIERS:
        return []
    beside = [other for other in series if (other.key.venue, other.key.symbol) == (key.venue, key.symbol)]
    if key.kind is SeriesKind.FUNDING:
        return _funding(store, key) + _overlap(line, beside)
    found = _bars(store, key) + _overlap(line, beside)
    if key.kind is SeriesKind.OHLCV:
        found += _companions(store, line, beside)
    return found


def _bars(store: Store, key: SeriesKey) -> list[Finding]:
    assert key.interval_ns is not None
    every, damaged = rules(key.interval_ns), []
    tail: Columns | None = None
    for path in store.files(key):
        try:
            columns = parquet.read(path, key.columns)
        except MarketDataError as error:
            damaged.append(fail("damaged", str(error)))
            continue
        if not columns["time"].size:
            continue
        lead = 0
        if tail is not None:
            lead = tail["time"].size
            columns = {name: np.concatenate([tail[name], values]) for name, values in columns.items()}
        for rule in every:
            rule.feed(columns, lead)
        tail = {name: values[-LEAD:] for name, values in columns.items()}
    return damaged + [finding for rule in every for finding in rule.findings()]


def _funding(store: Store, key: SeriesKey) -> list[Finding]:
    try:
        columns = store.columns(key)
    except MarketDataError as error:
        return [fail("damaged", str(error))]
    order = Order()
    order.feed(columns, 0)
    return order.findings() + settlements(columns["time"], columns["rate"])


def _companions(store: Store, line: StoredSeries, beside: Sequence[StoredSeries]) -> list[Finding]:
    """What the other series of a symbol say of its traded bars, and those that are missing."""
    own = line.key.interval_ns or 1
    marks = [other.key for other in beside if other.key.kind is SeriesKind.MARK]
    found = []
    fits = [mark for mark in marks if (mark.interval_ns or 1) % own == 0 or own % (mark.interval_ns or 1) == 0]
    if fits:
        nearest = min(fits, key=lambda mark: (abs((mark.interval_ns or 1) - own), mark.interval_ns))
        found += _apart(store, line.key, nearest)
    if not any(own % (mark.interval_ns or 1) == 0 for mark in marks):
        found.append(warn("mark", "no mark series for these bars: the last price would stand in for it"))
    if not any(other.key.kind is SeriesKind.FUNDING for other in beside):
        found.append(warn("funding", "no funding series: none would be charged"))
    return found + _tiers(store, line)


def _apart(store: Store, last: SeriesKey, mark: SeriesKey) -> list[Finding]:
    """Last against mark, month by month; the finer of the two is made into bars of the coarser."""
    assert last.interval_ns is not None and mark.interval_ns is not None
    longer = max(last.interval_ns, mark.interval_ns)
    rule = Apart()
    for months in _both(store, last, mark):
        try:
            parts = [
                whole_bars(parquet.read(path, key.columns), key.interval_ns or 1, longer)
                for path, key in zip(months, (last, mark), strict=True)
            ]
        except MarketDataError:
            continue  # the check of the damaged series says so
        rule.compare(*parts)
    return rule.findings()


def _both(store: Store, one: SeriesKey, other: SeriesKey) -> Iterator[tuple[Path, Path]]:
    beside = {path.name: path for path in store.files(other)}
    return ((path, beside[path.name]) for path in store.files(one) if path.name in beside)


def _overlap(line: StoredSeries, beside: Sequence[StoredSeries]) -> list[Finding]:
    """Whether a mark, index or funding series covers the traded bars of its symbol."""
    traded = [other for other in beside if other.key.kind is SeriesKind.OHLCV]
    if line.key.kind is SeriesKind.OHLCV or not traded:
        return []
    if line.key.kind.is_bars:
        traded = [other for other in traded if other.key.interval_ns == line.key.interval_ns] or traded
    low, high = min(other.first_ns for other in traded), max(other.end_ns for other in traded)
    span = f"{time_text(line.first_ns)}..{time_text(line.end_ns)}"
    if line.end_ns <= low or line.first_ns >= high:
        held = f"{time_text(low)}..{time_text(high)}"
        return [fail("overlap", f"{span} does not overlap the traded bars, {held}", line.first_ns)]
    slack = line.interval_ns or 0
    found = []
    if line.first_ns > low + slack * (not line.key.kind.is_bars):
        text = f"begins {time_text(line.first_ns)}, later than the traded bars ({time_text(low)})"
        found.append(warn("coverage", text, line.first_ns))
    if line.end_ns < high - slack * (not line.key.kind.is_bars):
        text = f"ends {time_text(line.end_ns)}, earlier than the traded bars ({time_text(high)})"
        found.append(warn("coverage", text, line.end_ns))
    return found


def _tiers(store: Store, line: StoredSeries) -> list[Finding]:
    key: SeriesKey = line.key
    try:
        contract = snapshots.contract(store, key.venue, key.symbol)
    except BacktestError:
        text = f"no leverage tiers or margin rules are known for {key.symbol} at {key.venue}: it cannot be run"
        return [warn("tiers", text)]
    table = contract.tiers_at(line.first_ns)
    if table.assumed:
        return [warn("tiers", f"no leverage tiers are known: a run would assume {table.assumed}", line.first_ns)]
    first = table.first_seen_ns
    if first <= line.first_ns:
        return []
    text = f"no leverage tiers are dated before {time_text(first)[:10]}: earlier bars would use those"
    return [warn("tiers", text, line.first_ns)]
