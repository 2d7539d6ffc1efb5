"""What is wrong, or worth knowing, with stored market history: a verdict for each series, and no silent repair.

A FAIL would change results or stop a run (a gap, a row that contradicts itself); a WARN is something to know of (a
frozen stretch, last far from mark, tiers younger than the bars). Each finding says where it is and how large it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from backtest import venues
from backtest.clock import HOUR_NS, MINUTE_NS, grid_phase_ns, interval_text, time_text
from backtest.errors import BacktestError, MarketDataError
from backtest.market.catalogue import StoredSeries
from backtest.market.key import SeriesKey
from backtest.market.parquet import Columns
from backtest.market.series import SeriesKind
from backtest.market.store import Store

FROZEN_NS = 30 * MINUTE_NS
"""A price that does not move at all for so long, while there is trade, was not recorded."""

FAR = 0.05
"""Distance of last from mark, as a fraction, from which a bar is listed."""

LISTED = 5
"""How many places of one kind are named one by one; the rest is counted."""


class Level(IntEnum):
    """How much a finding matters."""

    OK = 0
    WARN = 1
    FAIL = 2


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was found: `time_ns` is where it begins (None: nowhere in particular), `bars` how long it is."""

    level: Level
    rule: str
    text: str
    time_ns: int | None = None
    bars: int = 0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the checks say of one series."""

    series: StoredSeries
    findings: tuple[Finding, ...]

    @property
    def level(self) -> Level:
        """The gravest finding's level."""
        return max((finding.level for finding in self.findings), default=Level.OK)


def check(store: Store, series: Sequence[StoredSeries]) -> tuple[Verdict, ...]:
    """Check stored series, each by itself and the series of one symbol against each other."""
    return tuple(Verdict(series=line, findings=tuple(_findings(store, line, series))) for line in series)


def _findings(store: Store, line: StoredSeries, series: Sequence[StoredSeries]) -> list[Finding]:
    key = line.key
    if key.kind is SeriesKind.TIERS:
        return []
    try:
        columns = store.columns(key)
    except MarketDataError as error:
        return [Finding(level=Level.FAIL, rule="damaged", text=str(error))]
    beside = [other for other in series if (other.key.venue, other.key.symbol) == (key.venue, key.symbol)]
    found = order(columns["time"])
    if key.kind is SeriesKind.FUNDING:
        return found + settlements(columns["time"], columns["rate"]) + _overlap(line, beside)
    assert key.interval_ns is not None
    found += grid(columns["time"], key.interval_ns) + impossible(columns) + gaps(columns, key.interval_ns)
    found += frozen(columns, key.interval_ns)
    if key.kind is SeriesKind.OHLCV:
        marks = [other.key for other in beside if other.key.kind is SeriesKind.MARK]
        same = [other for other in marks if other.interval_ns == key.interval_ns]
        if same:
            found += apart(columns, store.columns(same[0]))
        if not any(key.interval_ns % (other.interval_ns or 1) == 0 for other in marks):
            found.append(_warn("mark", "no mark series for these bars: the last price would stand in for it"))
        if not any(other.key.kind is SeriesKind.FUNDING for other in beside):
            found.append(_warn("funding", "no funding series: none would be charged"))
        found += _tiers(store, line)
    return found + _overlap(line, beside)


def order(times: NDArray[np.int64]) -> list[Finding]:
    """Rows that are out of order or stand twice."""
    steps = np.diff(times)
    found = []
    for rule, rows in (("twice", np.flatnonzero(steps == 0)), ("unsorted", np.flatnonzero(steps < 0))):
        if rows.size:
            when = int(times[rows[0] + 1])
            what = "rows stand twice" if rule == "twice" else "rows are out of order"
            found.append(_fail(rule, f"{rows.size} {what}, the first at {time_text(when)}", when, rows.size))
    return found


def grid(times: NDArray[np.int64], interval_ns: int) -> list[Finding]:
    """Bars that open off the grid of their interval."""
    off = np.flatnonzero((times - grid_phase_ns(interval_ns)) % interval_ns)
    if not off.size:
        return []
    when = int(times[off[0]])
    return [_fail("grid", f"{off.size} bars open off the grid, the first at {time_text(when)}", when, off.size)]


def impossible(columns: Columns) -> list[Finding]:
    """Bars whose prices contradict each other or are no positive numbers."""
    opened, high, low, close = (columns[name] for name in ("open", "high", "low", "close"))
    empty = ~(np.isfinite(opened + high + low + close) & (np.minimum.reduce([opened, high, low, close]) > 0))
    crossed = (high < np.maximum(opened, close)) | (low > np.minimum(opened, close))
    negative = columns["volume"] < 0 if "volume" in columns else np.zeros(opened.size, bool)
    found = []
    for wrong, what in (
        (empty, "bars have a price that is no positive number"),
        (crossed & ~empty, "bars have a high below, or a low above, their open or close"),
        (negative, "bars have a negative volume"),
    ):
        rows = np.flatnonzero(wrong)
        if rows.size:
            when = int(columns["time"][rows[0]])
            found.append(
                _fail("impossible", f"{rows.size} {what}, the first at {time_text(when)}", when, int(rows.size))
            )
    return found


def gaps(columns: Columns, interval_ns: int) -> list[Finding]:
    """Missing bars, with the move of the price that they span; the largest moves first."""
    times = columns["time"]
    missing = np.diff(times) // interval_ns - 1
    rows = np.flatnonzero(missing > 0)
    with np.errstate(all="ignore"):
        moves = np.abs(columns["open"][rows + 1] / columns["close"][rows] - 1)
    found = []
    for place in np.argsort(-moves, kind="stable")[:LISTED]:
        row = rows[place]
        first, after, bars = int(times[row]) + interval_ns, int(times[row + 1]), int(missing[row])
        text = (
            f"gap {time_text(first)} → {time_text(after)} ({_bars(bars)}) spans a {moves[place]:.1%} move: "
            "what happened in it is unknown"
        )
        found.append(_fail("gap", text, first, bars))
    if rows.size > LISTED:
        rest = int(missing[rows].sum()) - sum(finding.bars for finding in found)
        found.append(_fail("gap", f"{rows.size - LISTED} more gaps with smaller moves ({_bars(rest)})", None, rest))
    return found


def frozen(columns: Columns, interval_ns: int) -> list[Finding]:
    """Stretches in which the price does not move at all, though there is trade (or volume is not known)."""
    still = (columns["high"] == columns["low"]) & (columns["open"] == columns["close"])
    if "volume" in columns:
        still = still & (columns["volume"] > 0)
    if still.mean() > 0.5:
        return [_warn("levels", "most bars have one price for open, high, low and close: levels, not bars")]
    same = np.concatenate([[False], still[1:] & (columns["open"][1:] == columns["close"][:-1])])
    edges = np.flatnonzero(np.diff(still.astype(np.int8), prepend=0, append=0))
    found = []
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        bars = int(after - first)
        if bars * interval_ns < FROZEN_NS or not same[first + 1 : after].all():
            continue
        when = int(columns["time"][first])
        until = time_text(int(columns["time"][after - 1]) + interval_ns)
        text = f"frozen {time_text(when)} → {until} ({_bars(bars)}) at {columns['close'][first]:.10g}"
        found.append(_warn("frozen", text, when, bars))
    return _listed(found, "frozen")


def apart(last: Columns, mark: Columns) -> list[Finding]:
    """Bars whose last price goes further than `FAR` from the mark price, by their highs, lows or closes."""
    _, mine, other = np.intersect1d(last["time"], mark["time"], assume_unique=False, return_indices=True)
    with np.errstate(all="ignore"):
        parts = [last[name][mine] / mark[name][other] - 1 for name in ("high", "low", "close")]
    widest = np.max(np.abs(parts), axis=0) if mine.size else np.zeros(0)
    rows = np.flatnonzero(widest > FAR)
    found = []
    for row in rows[np.argsort(-widest[rows], kind="stable")]:
        name = ("high", "low", "close")[int(np.argmax([abs(part[row]) for part in parts]))]
        when = int(last["time"][mine[row]])
        traded, judged = last[name][mine[row]], mark[name][other[row]]
        text = f"last far from mark at {time_text(when)}: {name} {traded:.10g} last, {judged:.10g} mark"
        found.append(_warn("apart", text, when, 1))
    return _listed(found, "apart")


def settlements(times: NDArray[np.int64], rates: NDArray[np.float64]) -> list[Finding]:
    """Settlements that are missing, intervals that change, rates that are no fractions."""
    found = []
    wrong = np.flatnonzero(~(np.abs(rates) < 0.1))
    if wrong.size:
        when = int(times[wrong[0]])
        text = f"{wrong.size} rates are no plausible fraction of notional, the first {rates[wrong[0]]:g} at"
        found.append(_fail("rate", f"{text} {time_text(when)}", when, int(wrong.size)))
    steps = np.diff(times // MINUTE_NS * MINUTE_NS)
    row = 0
    while row < steps.size:
        run = row
        while run < steps.size and steps[run] == steps[row]:
            run += 1
        if row and steps[row] != steps[row - 1]:
            single = run - row == 1 and run < steps.size and steps[run] == steps[row - 1]
            found.append(_step(int(times[row]), int(steps[row - 1]), int(steps[row]), single))
        row = run + 1 if row and run - row == 1 and run < steps.size and steps[run] == steps[row - 1] else run
    return _listed([each for each in found if each.level is Level.FAIL], "settlement") + _listed(
        [each for each in found if each.level is Level.WARN], "interval"
    )


def _step(when: int, before: int, now: int, single: bool) -> Finding:
    if single and now > before and now % before == 0:
        count = now // before - 1
        text = f"{count} settlements are missing after {time_text(when)} (every {_length(before)})"
        return _fail("settlement", text, when, count)
    return _warn(
        "interval", f"the interval changes at {time_text(when)} from {_length(before)} to {_length(now)}", when
    )


def _length(length_ns: int) -> str:
    return interval_text(length_ns) if length_ns > 0 and length_ns % MINUTE_NS == 0 else f"{length_ns / HOUR_NS:g} h"


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
        return [_fail("overlap", f"{span} does not overlap the traded bars, {held}", line.first_ns)]
    slack = line.interval_ns or 0
    found = []
    if line.first_ns > low + slack * (not line.key.kind.is_bars):
        text = f"begins {time_text(line.first_ns)}, later than the traded bars ({time_text(low)})"
        found.append(_warn("coverage", text, line.first_ns))
    if line.end_ns < high - slack * (not line.key.kind.is_bars):
        text = f"ends {time_text(line.end_ns)}, earlier than the traded bars ({time_text(high)})"
        found.append(_warn("coverage", text, line.end_ns))
    return found


def _tiers(store: Store, line: StoredSeries) -> list[Finding]:
    key: SeriesKey = line.key
    try:
        contract = venues.contract(key.venue, key.symbol, imported=store.tiers(key.venue, key.symbol))
    except BacktestError:
        text = f"no leverage tiers or margin rules are known for {key.symbol} at {key.venue}: it cannot be run"
        return [_warn("tiers", text)]
    first = contract.tier_tables[0].valid_from_ns
    if first <= line.first_ns:
        return []
    text = f"no leverage tiers are dated before {time_text(first)[:10]}: earlier bars would use those"
    return [_warn("tiers", text, line.first_ns)]


def _listed(found: list[Finding], rule: str) -> list[Finding]:
    if len(found) <= LISTED:
        return found
    rest = found[LISTED:]
    bars = sum(finding.bars for finding in rest)
    more = Finding(level=rest[0].level, rule=rule, text=f"{len(rest)} more of these ({_bars(bars)})", bars=bars)
    return [*found[:LISTED], more]


def _bars(count: int) -> str:
    return "1 bar" if count == 1 else f"{count} bars"


def _fail(rule: str, text: str, time_ns: int | None = None, bars: int = 0) -> Finding:
    return Finding(level=Level.FAIL, rule=rule, text=text, time_ns=time_ns, bars=int(bars))


def _warn(rule: str, text: str, time_ns: int | None = None, bars: int = 0) -> Finding:
    return Finding(level=Level.WARN, rule=rule, text=text, time_ns=time_ns, bars=int(bars))
