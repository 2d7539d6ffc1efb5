"""The work behind `backtest data fetch`: what is asked for, a bar of progress, and what is stored afterwards."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

from backtest.cli import importing
from backtest.clock import interval_text, time_range, time_text
from backtest.errors import UsageError
from backtest.market.fetch import EXCHANGES, Fetched, FetchedRules, FetchedSeries, fetch
from backtest.market.loader import Access
from backtest.market.series import SeriesKind

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

ARCHIVE = "binance-archive"
"""Name of the loader that reads a venue's public archive."""

CONTRACTS = "contracts"
KINDS = ("ohlcv", "mark", "funding", CONTRACTS)
PATIENCE_S = 1.0
SHOWN_HOLES = 3


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command line asks for, as text."""

    venue: str
    symbols: tuple[str, ...]
    range: str
    timeframe: str
    kinds: tuple[str, ...]
    restart: bool
    address: str
    archive: str
    access: Access
    store: Path | None
    quiet: bool


def run(asked: Asked) -> Fetched:
    """Fetch what is asked for; on Ctrl-C says what is kept, and lets the interruption pass on."""
    if asked.archive and asked.address:
        raise UsageError("--archive and --base-url name two sources; give one of them")
    kinds = _kinds(asked.kinds)
    stretch = time_range(asked.range)
    store = importing.place(asked.store)
    with FetchProgress(asked.venue, quiet=asked.quiet) as progress:
        try:
            return fetch(
                asked.venue.strip().lower(),
                asked.symbols,
                asked.timeframe,
                start=stretch.start,
                end=stretch.end,
                kinds=[kind for kind in kinds if kind != CONTRACTS],
                contracts=CONTRACTS in kinds,
                store=store,
                resume=not asked.restart,
                loader=ARCHIVE if asked.archive else EXCHANGES,
                access=asked.access,
                watch=progress,
            )
        except KeyboardInterrupt:
            progress.stop()
            click.echo(f"what came is kept in {store.root}; the same command goes on from there", err=True)
            raise


def _kinds(texts: Sequence[str]) -> list[str]:
    found = [kind.strip().lower() for text in texts for kind in text.split(",") if kind.strip()] or list(KINDS)
    for kind in found:
        if kind == "tiers":
            raise UsageError("leverage tiers come with the contract rules; ask for --kind contracts")
        if kind != CONTRACTS:
            try:
                SeriesKind.from_text(kind)
            except UsageError as error:
                raise UsageError(f"{error}, or {CONTRACTS}") from error
    return list(dict.fromkeys(found))


class FetchProgress:
    """Told the share done and the rows that came: a bar with rate and time left on a terminal, else a line a tenth."""

    def __init__(self, title: str, *, quiet: bool) -> None:
        self._title = title
        self._quiet = quiet
        self._began = time.monotonic()
        self._told = 0
        self._bar: tuple[Progress, TaskID] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Wipe the bar."""
        if self._bar is not None:
            self._bar[0].stop()
            self._bar = None

    def __call__(self, done: float, rows: int) -> None:
        spent = time.monotonic() - self._began
        if self._quiet or spent < PATIENCE_S:
            return
        rate = rows / spent
        if sys.stderr.isatty():
            if self._bar is None:
                self._bar = _terminal_bar(self._title)
            bar, task = self._bar
            bar.update(task, completed=done, rows=f"{rows:,} rows", rate=f"{rate:,.0f}/s")
            return
        tenth = int(done * 10)
        if rows and self._told < tenth < 10:
            self._told = tenth
            left = spent / done - spent
            click.echo(
                f"{self._title}: {tenth * 10} %, {rows:,} rows ({rate:,.0f}/s), about {left:.0f} s left", err=True
            )


def _terminal_bar(title: str) -> tuple[Progress, TaskID]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    bar.start()
    return bar, bar.add_task(title, total=1.0, rows="", rate="")


def document(fetched: Fetched) -> dict[str, Any]:
    """What was fetched as a JSON document."""
    return {
        "venue": fetched.venue,
        "store": str(fetched.store),
        "fetched": [_series_document(each) for each in fetched.series],
        "contracts": [_rules_document(each) for each in fetched.rules],
        "remarks": list(fetched.remarks),
    }


def text(fetched: Fetched) -> str:
    """What was fetched, a line a series and a contract."""
    lines = [_series_text(each) for each in fetched.series] + [_rules_text(each) for each in fetched.rules]
    return "\n".join([*lines, *fetched.remarks])


def failed(fetched: Fetched) -> bool:
    """Whether a series has no row though the venue is not known to lack it, or nothing at all is there."""
    empty = [each for each in fetched.series if not each.rows]
    return any(not each.absent for each in empty) or (bool(empty) and len(empty) == len(fetched.series))


def _series_document(series: FetchedSeries) -> dict[str, Any]:
    return {
        "symbol": series.symbol,
        "kind": series.kind.value,
        "timeframe": None if series.interval_ns is None else interval_text(series.interval_ns),
        "added": series.added,
        "rows": series.rows,
        "from": None if series.first_ns is None else time_text(series.first_ns),
        "to": None if series.end_ns is None else time_text(series.end_ns),
        "holes": [{"from": time_text(at), "bars": bars} for at, bars in series.holes],
        "intervals": [interval_text(length) for length in series.intervals],
        "absent": series.absent or None,
        "remarks": list(series.remarks),
    }


def _series_text(series: FetchedSeries) -> str:
    length = "" if series.interval_ns is None else interval_text(series.interval_ns)
    name = f"{series.symbol}  {series.kind.value} {length}".rstrip()
    if series.first_ns is None or series.end_ns is None:
        why = series.absent or "the venue answered with no row of this range"
        return "  ".join([name, f"nothing: {why}", *series.remarks])
    said = [
        name,
        f"{series.added:,} new, {series.rows - series.added:,} known",
        f"{time_text(series.first_ns)} → {time_text(series.end_ns)} UTC",
    ]
    if series.interval_ns is not None:
        said.append(_holes_text(series))
    elif series.intervals:
        said.append(f"every {', '.join(interval_text(each) for each in series.intervals)}")
    return "  ".join([*said, *series.remarks])


def _holes_text(series: FetchedSeries) -> str:
    if not series.holes:
        return "0 holes"
    bars = sum(count for _, count in series.holes)
    shown = ", ".join(time_text(at) for at, _ in series.holes[:SHOWN_HOLES])
    more = " ..." if len(series.holes) > SHOWN_HOLES else ""
    plural = "" if len(series.holes) == 1 else "s"
    return f"{len(series.holes)} hole{plural} of {bars:,} bar{'' if bars == 1 else 's'} at {shown}{more}"


def _rules_document(found: FetchedRules) -> dict[str, Any]:
    snapshot = found.rules.snapshot
    return {
        "symbol": snapshot.symbol,
        "market": snapshot.market,
        "date": time_text(snapshot.taken_ns)[:10],
        "new": found.new,
        "tick": snapshot.tick,
        "lot": snapshot.lot,
        "contract_size": snapshot.contract_size,
        "inverse": snapshot.inverse,
        "minimum_notional": snapshot.minimum_notional,
        "maker": snapshot.maker,
        "taker": snapshot.taker,
        "leverage": snapshot.leverage,
        "tiers": len(snapshot.tiers),
        "remarks": list(found.rules.remarks),
    }


def _rules_text(found: FetchedRules) -> str:
    snapshot = found.rules.snapshot
    said = [f"tick {snapshot.tick:g}", f"lot {snapshot.lot:g}"]
    if snapshot.contract_size != 1:
        said.append(f"contracts of {snapshot.contract_size:g}")
    if snapshot.minimum_notional is not None:
        said.append(f"minimum notional {snapshot.minimum_notional:g}")
    if snapshot.leverage is not None:
        said.append(f"leverage to {snapshot.leverage:g}")
    if snapshot.tiers:
        said.append(f"{len(snapshot.tiers)} tiers")
    state = "new" if found.new else "as known"
    date = time_text(snapshot.taken_ns)[:10]
    return "  ".join([f"{snapshot.symbol}  contract of {date}, {state}", ", ".join(said), *found.rules.remarks])
