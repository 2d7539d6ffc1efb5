"""The folder of a finished run: written whole or not at all, the same bytes for the same inputs, opened by its id.

    runs/<id>/  manifest.json  metrics.json  risk_log.jsonl  report.html
                ledger.parquet  equity.parquet  positions.parquet  trades.parquet  orders.parquet

The id is the beginning of a digest over all that can change a number: the strategy's source and parameters, the
market's fingerprint, the settings, the kernels and the versions. No time of day and no path enters a file, so that two
runs of the same inputs can be compared byte by byte; the manifest lists the SHA-256 of every other file.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from backtest import compiling
from backtest.errors import BacktestError, MarketDataError, UsageError, near
from backtest.report.metrics import Metrics
from backtest.report.summary import Heading, summary
from backtest.result import Result
from backtest.tables.columns import documented
from backtest.workspace import Workspace

SCHEMA_VERSION = 1
MANIFEST, METRICS, RISK_LOG, REPORT = "manifest.json", "metrics.json", "risk_log.jsonl", "report.html"
TABLES = ("ledger", "equity", "positions", "trades", "orders")
_NEEDED = ("heading", "strategy", "config", "files")
"""What a manifest is read for."""
_PACKAGES = ("isomargin", "numba", "numpy", "pandas")
_ID_LENGTH = 8


def versions() -> dict[str, str]:
    """Versions of what computes a run."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def identity(result: Result) -> dict[str, Any]:
    """All that can change a number of the run."""
    return {
        "strategy": {
            "name": result.strategy.name,
            "parameters": dict(result.strategy.parameters),
            "digest": result.strategy.digest,
        },
        "market": result.history.fingerprint,
        "config": result.config.to_mapping(),
        "kernels": compiling.DIGEST,
        "versions": versions(),
        "bars": result.length,
        "interrupted": result.interrupted,
    }


def run_id(result: Result) -> str:
    """The run's id: eight hexadecimal digits of the digest of its `identity`."""
    return _digest(_json(identity(result)).encode())[:_ID_LENGTH]


def save(result: Result, root: Path | str, *, report: bool = True) -> Path:
    """Write the run's folder below `root` and return it; `report` False leaves out report.html.

    A run of the same id that is there already is replaced as a whole, or left alone if its bytes are the same.
    """
    place = Path(root)
    name = run_id(result)
    target = place / name
    try:
        place.mkdir(parents=True, exist_ok=True)
        with _temporary(place) as folder:
            _write(folder, result, name, report)
            _put_in_place(folder, target)
    except OSError as error:
        raise BacktestError(
            f"the run could not be written to {target}: {error.strerror or error}; nothing was left behind. "
            "Free some space or choose another folder with --out"
        ) from error
    return target


@dataclass(frozen=True)
class SavedRun:
    """A run read back from its folder; tables are read when asked for."""

    folder: Path

    @property
    def id(self) -> str:
        """The name of the folder."""
        return self.folder.name

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What was run on what, with which versions, and the digests of the files."""
        found = self._read(MANIFEST)
        missing = [name for name in _NEEDED if not isinstance(found.get(name), dict)]
        if missing:
            raise self._unreadable(MANIFEST, f"it lacks {', '.join(missing)}")
        return found

    @cached_property
    def metrics(self) -> Metrics:
        """The figures of merit."""
        values = self._read(METRICS)
        try:
            found = {name: math.nan if value is None else float(value) for name, value in values.items()}
            return Metrics(found, self.heading.currency)
        except (TypeError, ValueError) as error:
            raise self._unreadable(METRICS, str(error)) from error

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """The double-entry ledger, as `Result.ledger`."""
        return self._table("ledger")

    @cached_property
    def equity(self) -> pd.DataFrame:
        """The account at the close of each decision bar, as `Result.equity`."""
        return self._table("equity")

    @cached_property
    def positions(self) -> pd.DataFrame:
        """Open positions through time, as `Result.positions`."""
        return self._table("positions")

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Trades, as `Result.trades`."""
        return self._table("trades")

    @cached_property
    def orders(self) -> pd.DataFrame:
        """Orders, as `Result.orders`."""
        return self._table("orders")

    @cached_property
    def risk_log(self) -> pd.DataFrame:
        """The risk log, as `Result.risk_log`."""
        lines = (self.folder / RISK_LOG).read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        frame = pd.DataFrame(rows, columns=["time", "symbol", "severity", "event", "mark_price", "detail"])
        frame["time"] = pd.to_datetime(frame["time"], utc=True).dt.as_unit("ns")
        return documented(frame.set_index("time"))

    @property
    def report(self) -> Path | None:
        """The page of the run, where it was asked for."""
        page = self.folder / REPORT
        return page if page.is_file() else None

    @property
    def heading(self) -> Heading:
        """What was run on what, as texts."""
        try:
            told = dict(self.manifest["heading"])
            lists = ("symbols", "notes", "wallets")
            return Heading(**(told | {name: tuple(told[name]) for name in lists if name in told}))
        except (TypeError, ValueError, KeyError) as error:
            raise self._unreadable(MANIFEST, f"its heading: {error}") from error

    def damaged(self) -> tuple[str, ...]:
        """Names of the files that are missing or no longer what the manifest says."""
        return tuple(
            name
            for name, digest in self.manifest["files"].items()
            if not (self.folder / name).is_file() or _digest((self.folder / name).read_bytes()) != digest
        )

    def __repr__(self) -> str:
        return summary(self.heading, self.metrics)

    def _read(self, name: str) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise self._unreadable(name, str(error)) from error
        if not isinstance(found, dict):
            raise self._unreadable(name, "it holds no JSON object")
        return found

    def _unreadable(self, name: str, why: str) -> MarketDataError:
        return MarketDataError(
            f"{self.folder / name} is damaged ({why}), so nothing of this run can be relied on; run it again to get a "
            f"sound one, or remove {self.folder}"
        )

    def _table(self, name: str) -> pd.DataFrame:
        frame = pq.read_table(self.folder / f"{name}.parquet").to_pandas()
        return documented(frame.set_index("time"))


def open_run(name: str, root: Path | str | None = None) -> SavedRun:
    """The run of an id (or of its first digits, if they fit one run only) below `root`, or of a folder's path.

    `root` is the workspace's folder of runs unless given.
    """
    place = Workspace.find().runs if root is None else Path(root)
    as_path = Path(name)
    if (as_path / MANIFEST).is_file():
        return SavedRun(as_path)
    known = {run.id: run for run in list_runs(place)}
    fitting = [run_id for run_id in known if run_id.startswith(name)] if name else []
    if len(fitting) == 1:
        return known[fitting[0]]
    if fitting:
        raise UsageError(f"'{name}' fits {len(fitting)} runs: {', '.join(fitting)}; give more digits")
    raise UsageError(f"there is no run '{name}' in {place}; {near(name, known)}`backtest runs list` shows them")


def list_runs(root: Path | str) -> tuple[SavedRun, ...]:
    """The runs below `root`, in the order of their ids."""
    place = Path(root)
    if not place.is_dir():
        return ()
    folders = sorted(each for each in place.iterdir() if not each.name.startswith(".") and (each / MANIFEST).is_file())
    return tuple(SavedRun(folder) for folder in folders)


def _write(folder: Path, result: Result, name: str, report: bool) -> None:
    for table in TABLES:
        _write_table(folder / f"{table}.parquet", getattr(result, table))
    _write_text(folder / METRICS, _json(_plain(result.metrics)))
    _write_text(folder / RISK_LOG, "".join(_lines(result.risk_log)))
    if report:
        from backtest.report.html import report_html

        _write_text(folder / REPORT, report_html(result, run_id=name, details=versions()))
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "run_id": name,
        **identity(result),
        "heading": asdict(result.heading),
        "notes": list(result.notes),
        "stopped": result.stopped,
        "strategy_source": result.strategy.source,
        "contracts": {one.symbol: list(one.sources) for one in result.history.contracts},
        "files": {each.name: _digest(each.read_bytes()) for each in sorted(folder.iterdir())},
    }
    _write_text(folder / MANIFEST, _json(manifest))


def _write_table(path: Path, frame: pd.DataFrame) -> None:
    table = pa.Table.from_pandas(frame.reset_index(), preserve_index=False)
    meanings = json.dumps(frame.attrs.get("columns", {}), ensure_ascii=False, sort_keys=True)
    table = table.replace_schema_metadata({"columns": meanings})
    with path.open("wb") as file:
        pq.write_table(table, file, compression="zstd")
        _flushed(file)


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        _flushed(file)


def _flushed(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _lines(log: pd.DataFrame) -> Iterator[str]:
    times = pd.DatetimeIndex(log.index).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    for time, values in zip(times, log.to_dict("records"), strict=True):
        yield json.dumps(
            _plain({"time": time, **{str(name): value for name, value in values.items()}}), ensure_ascii=False
        )
        yield "\n"


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON has them: null for what is no finite number."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def _temporary(place: Path) -> Iterator[Path]:
    """A hidden folder beside the target that is gone afterwards, whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=place))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _put_in_place(folder: Path, target: Path, replace: Callable[[Path, Path], None] = os.replace) -> None:
    folder.chmod(0o755)
    if not target.exists():
        replace(folder, target)
        return
    old = target / MANIFEST
    if old.is_file() and old.read_bytes() == (folder / MANIFEST).read_bytes() and not SavedRun(target).damaged():
        return
    aside = Path(tempfile.mkdtemp(prefix=".replaced-", dir=target.parent))
    replace(target, aside / target.name)
    try:
        replace(folder, target)
    except OSError:
        replace(aside / target.name, target)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
