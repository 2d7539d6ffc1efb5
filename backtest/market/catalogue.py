"""The catalogue of a store: one line for each series, made from the files and kept in `catalogue.json`.

It is a convenience, never the truth: a line holds as long as the names, sizes and times of its files do, and is made
anew otherwise. So a killed writer, a removed month or a copied folder cannot make it wrong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backtest.clock import interval_ns
from backtest.errors import MarketDataError
from backtest.market import parquet
from backtest.market.key import SeriesKey
from backtest.market.series import SeriesKind
from backtest.market.store import Store

NAME = "catalogue.json"


@dataclass(frozen=True, kw_only=True)
class StoredSeries:
    """One stored series: what it is, what it spans, how many rows and how many gaps between bars it has.

    `interval_ns` of funding is the most common step between settlements; `end_ns` is the close of the last bar.
    """

    key: SeriesKey
    interval_ns: int | None
    first_ns: int
    end_ns: int
    rows: int
    gaps: int
    source: str
    synthetic: bool


def catalogue(store: Store) -> tuple[StoredSeries, ...]:
    """All series of a store, by venue, symbol and kind."""
    known = _load(store.root / NAME)
    lines: dict[str, object] = {}
    found = []
    for folder in sorted(path for path in store.root.glob("*/*/*") if path.is_dir()):
        files = sorted(folder.glob("[0-9a]*.parquet"))
        if not files:
            continue
        name = folder.relative_to(store.root).as_posix()
        stamp = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]
        line = known.get(name)
        if not isinstance(line, dict) or line.get("files") != stamp:
            line = {"files": stamp, **_describe(files)}
        lines[name] = line
        found.append(_stored(line))
    if lines != known:
        _save(store.root / NAME, lines)
    return tuple(found)


def _describe(files: list[Path]) -> dict[str, object]:
    facts = dict(parquet.head(files[-1]).facts)
    times = np.concatenate([parquet.read(path, ("time",))["time"] for path in files])
    steps = np.diff(times)
    length: int | None = None
    if facts["interval"] is not None:
        length = interval_ns(str(facts["interval"]))
    elif facts["kind"] == SeriesKind.FUNDING.value and steps.size:
        values, counts = np.unique(steps, return_counts=True)
        length = int(values[np.argmax(counts)])
    bars = facts["interval"] is not None
    return {
        "facts": facts,
        "interval_ns": length,
        "first_ns": int(times[0]),
        "end_ns": int(times[-1]) + (length or 0) * bars,
        "rows": int(times.size),
        "gaps": int((steps > (length or 0)).sum()) if bars else 0,
    }


def _stored(line: Mapping[str, object]) -> StoredSeries:
    facts = line["facts"]
    assert isinstance(facts, dict)
    kind = SeriesKind.from_text(facts["kind"])
    length = line["interval_ns"]
    return StoredSeries(
        key=SeriesKey(
            venue=facts["venue"],
            symbol=facts["symbol"],
            kind=kind,
            interval_ns=int(str(length)) if kind.is_bars else None,
        ),
        interval_ns=None if length is None else int(str(length)),
        first_ns=int(str(line["first_ns"])),
        end_ns=int(str(line["end_ns"])),
        rows=int(str(line["rows"])),
        gaps=int(str(line["gaps"])),
        source=facts["source"],
        synthetic=facts["synthetic"],
    )


def _load(path: Path) -> dict[str, object]:
    try:
        lines = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return lines if isinstance(lines, dict) else {}


def _save(path: Path, lines: Mapping[str, object]) -> None:
    try:
        content = json.dumps(lines, indent=1, sort_keys=True).encode()
        parquet.put_in_place([(parquet.write_bytes_beside(path, content), path)])
    except (MarketDataError, OSError):
        return  # a store that cannot be written is read all the same; its catalogue is then made each time
