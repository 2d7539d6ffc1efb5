"""The folder of a sweep: what was asked, the rows as they come, the table at the end.

    sweeps/<id>/  sweep.json  parts/00000017.parquet …  results.parquet

Every file is written under another name first and then put in place, so that it is there whole or not at all. The id
is the beginning of a digest over all that can change a row, so the same sweep finds its own folder again and does only
what is not there.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from backtest.errors import BacktestError, UsageError, near
from backtest.sweeps.trial import TRIAL, Row

MANIFEST, PARTS, RESULTS = "sweep.json", "parts", "results.parquet"
SCHEMA_VERSION = 1
_ID_LENGTH = 8


class SweepFolder:
    """One sweep on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of(cls, root: Path, identity: Mapping[str, Any], asked: Mapping[str, Any]) -> SweepFolder:
        """The folder of the sweep of this identity below `root`, made where it is not there; `asked` is the request in
        the user's words.
        """
        text = json.dumps(identity, sort_keys=True)
        folder = cls(root / hashlib.sha256(text.encode()).hexdigest()[:_ID_LENGTH])
        manifest = {"schema_version": SCHEMA_VERSION, "id": folder.id, "asked": asked, "identity": identity}
        try:
            (folder.path / PARTS).mkdir(parents=True, exist_ok=True)
            _whole(folder.path / MANIFEST, lambda path: path.write_text(json.dumps(manifest, indent=1) + "\n"))
        except OSError as error:
            raise UsageError(
                f"the folder {folder.path} cannot be written: {error}; choose another with --out"
            ) from error
        return folder

    @classmethod
    def find(cls, root: Path, name: str) -> SweepFolder:
        """The folder of an id, or of its beginning."""
        known = sorted(path.parent.name for path in root.glob(f"*/{MANIFEST}"))
        found = [each for each in known if each.startswith(name)] if name else []
        if len(found) != 1:
            several = f"; several begin so: {', '.join(found)}" if found else f"; {near(name, known)}"
            raise UsageError(
                f"there is no sweep '{name}' in {root}{several}".rstrip("; ")
                + f" (it has {', '.join(known) if known else 'none'})"
            )
        return cls(root / found[0])

    @property
    def id(self) -> str:
        """Its id."""
        return self.path.name

    @property
    def results(self) -> Path:
        """The table of a finished sweep."""
        return self.path / RESULTS

    @property
    def asked(self) -> dict[str, Any]:
        """The request in the user's words."""
        try:
            manifest = json.loads((self.path / MANIFEST).read_text())
        except (OSError, ValueError) as error:
            raise BacktestError(f"{self.path / MANIFEST} cannot be read: {error}; start the sweep anew") from error
        asked: dict[str, Any] = manifest["asked"]
        return asked

    def rows(self) -> list[Row]:
        """The rows that are there, in the order of the trials."""
        import pyarrow.parquet as pq

        found: dict[int, Row] = {}
        for path in [
            *sorted((self.path / PARTS).glob("*.parquet")),
            *([self.results] if self.results.is_file() else []),
        ]:
            for row in pq.read_table(path).to_pylist():
                found[row[TRIAL]] = row
        return [found[number] for number in sorted(found)]

    def keep(self, rows: Sequence[Row]) -> None:
        """Write the rows of a chunk."""
        _write(self.path / PARTS / f"{rows[0][TRIAL]:08d}.parquet", pd.DataFrame(list(rows)))

    def finish(self, frame: pd.DataFrame) -> None:
        """Write the table and drop the parts."""
        _write(self.results, frame)
        shutil.rmtree(self.path / PARTS, ignore_errors=True)


def _write(target: Path, frame: pd.DataFrame) -> None:
    _whole(target, lambda path: frame.to_parquet(path, engine="pyarrow", index=False))


def _whole(target: Path, write: Callable[[Path], object]) -> None:
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        write(beside)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
