"""The work behind `backtest data import` and `synth`: files through a loader into the store, and a line on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backtest import extensions, venues
from backtest.clock import HOUR_NS, MINUTE_NS, interval_ns, interval_text, moment_ns, time_text
from backtest.errors import BacktestError, UsageError, near
from backtest.market.loader import Delivery, FileLoader, FileRequest, MarketRequest, Tiers, VenueLoader
from backtest.market.series import Bars, SeriesKind
from backtest.market.store import Store, Written
from backtest.venues.symbols import canonical


@dataclass(frozen=True, kw_only=True)
class Imported:
    """One series that was read, and what writing it did (or would do)."""

    source: str
    delivery: Delivery
    written: Written
    store: Path
    dry_run: bool

    def document(self) -> dict[str, object]:
        """As a part of a JSON document."""
        series = self.delivery.series
        facts: dict[str, object] = {"source": self.source, "venue": series.venue, "symbol": series.symbol}
        facts["kind"], facts["timeframe"] = _kind(self.delivery), _interval(self.delivery)
        if not isinstance(series, Tiers):
            facts["rows"], facts["from"], facts["to"] = len(series), time_text(int(series.time_ns[0])), _end(series)
        if isinstance(series, Bars):
            facts["gaps"] = len(series.gaps)
        written = {"added": self.written.added, "known": self.written.known, "files": self.written.files}
        return {**facts, **written, "remarks": list(self.delivery.remarks)}

    def text(self) -> str:
        """As a line for people."""
        series = self.delivery.series
        name = f"{series.symbol}  {_kind(self.delivery)} {_interval(self.delivery) or ''}".rstrip()
        if isinstance(series, Tiers):
            dates = ", ".join(time_text(table.valid_from_ns)[:10] for table in series.tables)
            said = [f"{name}  of {dates}"]
        else:
            said = [f"{name}  {len(series):,} rows  {time_text(int(series.time_ns[0]))} → {_end(series)} UTC"]
            said += [_gaps(series)] if isinstance(series, Bars) else []
        verb = "would write" if self.dry_run else "wrote"
        counts = f"{self.written.added:,} new, {self.written.known:,} known"
        said += [*self.delivery.remarks, f"{counts}: {verb} {self.written.files} file{_s(self.written.files)}"]
        return "  ".join(said)


def place(folder: Path | None) -> Store:
    """The store in a folder, or that of the workspace."""
    return Store.of_workspace() if folder is None else Store(root=folder)


def request(
    *,
    venue: str,
    symbol: str | None,
    kind: str | None,
    timeframe: str | None,
    columns: Mapping[str, str],
    valid_from: str | None,
    any_venue: bool = False,
) -> FileRequest:
    """What the command line said of a file, out of text; a venue that is not known raises, unless any will do."""
    called = venue.strip() if venues.is_path(venue) else venue.strip().lower()
    name = venues.history_of(called)
    if not name.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"'{venue}' is no name of a venue; write letters, digits and hyphens, such as binance")
    if name.startswith(venues.SAMPLE):
        raise UsageError(f"'{name}' is the synthetic market; import under the venue that the file is from")
    if not (any_venue or venues.is_path(called) or _is_known(name)):
        known = [each for each in venues.venue_ids() if each != venues.SAMPLE]
        raise UsageError(
            f"'{venue}' is no venue that is known here; {near(name, known)}known are {', '.join(known)}; with "
            "--any-venue it is stored all the same, to be looked at and not run"
        )
    return FileRequest(
        venue=name,
        symbol=None if symbol is None else canonical(symbol, called),
        kind=None if kind is None else SeriesKind.from_text(kind),
        interval_ns=None if timeframe is None else interval_ns(timeframe),
        columns=columns,
        valid_from_ns=None if valid_from is None else moment_ns(valid_from),
    )


def _is_known(venue: str) -> bool:
    """Whether a venue's rules are known, or history may be fetched from it."""
    if venue in venues.venue_ids():
        return True
    loaders = [plugin.found() for plugin in extensions.sources() if plugin.found is not None]
    return any(isinstance(loader, VenueLoader) and loader.serves(venue) for loader in loaders)


def import_files(
    store: Store, files: Sequence[Path], wanted: FileRequest, *, loader: str | None, dry_run: bool
) -> list[Imported]:
    """Read all files first, so that a bad one stops the command before anything is written; then write them."""
    read = [(path, _file_loader(path, loader).read(path, wanted)) for path in files]
    done = []
    for path, delivery in read:
        written = _write(store, delivery, dry_run)
        done.append(Imported(source=path.name, delivery=delivery, written=written, store=store.root, dry_run=dry_run))
    return done


def rules_remarks(store: Store, done: Sequence[Imported]) -> list[str]:
    """One line for each imported symbol that a run would have no rules for."""
    remarks = {}
    for each in done:
        series = each.delivery.series
        if isinstance(series, Tiers) or (series.venue, series.symbol) in remarks:
            continue
        try:
            venues.contract(series.venue, series.symbol, imported=store.tiers(series.venue, series.symbol))
        except BacktestError as error:
            why = str(error).partition("; ")[0]
            remarks[series.venue, series.symbol] = f"{series.symbol} of {series.venue} cannot be run as it is: {why}"
    return list(remarks.values())


def synthesise(store: Store, seed: int | None) -> tuple[str, list[Imported]]:
    """Make the whole synthetic market of a seed; returns its venue and what was written."""
    venue = venues.SAMPLE
    loader = extensions.market_loader(venue)
    if loader is None:
        problems = "; ".join(plugin.problem for plugin in extensions.sources() if plugin.problem)
        raise UsageError(f"no loader makes the synthetic market{f': {problems}' if problems else '; reinstall'}")
    if seed is not None and not loader.serves(f"{venue}-{seed}"):
        raise UsageError(f"no loader makes the synthetic market of seed {seed}")
    name = venue if seed in (None, 7) else f"{venue}-{seed}"
    done = []
    for symbol in loader.symbols(name):
        seen = False
        for length in (MINUTE_NS, HOUR_NS):
            for delivery in loader.series(MarketRequest(venue=name, symbols=(symbol,), interval_ns=length)):
                if not isinstance(delivery.series, Bars) and seen:
                    continue
                seen = seen or not isinstance(delivery.series, Bars)
                written = _write(store, delivery, dry_run=False)
                done.append(Imported(source=name, delivery=delivery, written=written, store=store.root, dry_run=False))
    return name, done


def _file_loader(path: Path, name: str | None) -> FileLoader:
    if not path.is_file():
        raise UsageError(f"there is no file {path} (read from {Path.cwd()})")
    if name is None:
        return extensions.file_loader(path)
    loader = extensions.source(name)
    if not isinstance(loader, FileLoader):
        raise UsageError(f"the loader '{name}' reads no files")
    return loader


def _write(store: Store, delivery: Delivery, dry_run: bool) -> Written:
    series = delivery.series
    if isinstance(series, Tiers):
        if dry_run:
            return Written(added=len(series.tables), known=0, files=1)
        return store.write_tiers(series.venue, series.symbol, series.tables)
    return store.preview(series) if dry_run else store.write(series)


def _kind(delivery: Delivery) -> str:
    series = delivery.series
    if isinstance(series, Bars):
        return series.kind.value
    return SeriesKind.TIERS.value if isinstance(series, Tiers) else SeriesKind.FUNDING.value


def _interval(delivery: Delivery) -> str | None:
    return interval_text(delivery.series.interval_ns) if isinstance(delivery.series, Bars) else None


def _end(series: object) -> str:
    assert hasattr(series, "end_ns") and hasattr(series, "time_ns")
    return time_text(series.end_ns if isinstance(series, Bars) else int(series.time_ns[-1]))


def _gaps(series: Bars) -> str:
    missing = sum(bars for _, bars in series.gaps)
    return f"{len(series.gaps)} gap{_s(len(series.gaps))}" + (f" ({missing:,} bar{_s(missing)})" if missing else "")


def _s(count: int) -> str:
    return "" if count == 1 else "s"
