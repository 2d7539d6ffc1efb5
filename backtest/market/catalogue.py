"""The catalogue of a store: one line for each series, made from the files and kept in `catalogue.json`.

It is a convenience, never the truth: what it says of a file holds as long as the file's size and time do, and is read
anew otherwise, mostly from the file's footer. So a killed writer, a removed month or a copied folder cannot make it
wrong, and a store of many years is listed without reading it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

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

    `interval_ns` of funding is the most common step between settlements; `end_ns` is the close of the last bar;
    `damaged` says which files cannot be read, and the rest is of the others.
    """

    key: SeriesKey
    interval_ns: int | None
    first_ns: int
    end_ns: int
    rows: int
    gaps: int
    source: str
    synthetic: bool
    damaged: tuple[str, ...] = ()


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
        line = known.get(name)
        held = line.get("files") if isinstance(line, dict) else None
        held = held if isinstance(held, dict) else {}  # an earlier version kept a list
        months, damaged = {}, []
        for path in files:
            try:
                months[path.name] = _month(path, held.get(path.name))
            except MarketDataError as error:
                damaged.append(str(error))
        if not months:
            raise MarketDataError(damaged[0])
        lines[name] = {"files": months}
        found.append(_series(list(months.values()), tuple(damaged)))
    if lines != known:
        _save(store.root / NAME, lines)
    return tuple(found)


def _month(path: Path, held: object) -> dict[str, Any]:
    """What is to be known of one file: as it was kept, where the file is still the same."""
    status = path.stat()
    stamp = [status.st_size, status.st_mtime_ns]
    if isinstance(held, dict) and held.get("stamp") == stamp:
        return held
    head = parquet.head(path)
    month: dict[str, Any] = {"stamp": stamp, "facts": dict(head.facts), "rows": head.rows}
    month |= {"first_ns": head.first_ns, "last_ns": head.last_ns, "gaps": 0, "steps": {}}
    length = _length(head.facts)
    if length is not None and head.last_ns - head.first_ns == (head.rows - 1) * length:
        return month
    if head.facts["kind"] == SeriesKind.TIERS.value:
        return month
    steps = np.diff(parquet.read(path, ("time",))["time"])
    if length is not None:
        month["gaps"] = int((steps > length).sum())
    else:
        values, counts = np.unique(steps, return_counts=True)
        month["steps"] = {str(value): int(count) for value, count in zip(values, counts, strict=True)}
    return month


def _series(months: list[dict[str, Any]], damaged: tuple[str, ...]) -> StoredSeries:
    """A series of its months."""
    facts = months[-1]["facts"]
    kind, length = SeriesKind.from_text(facts["kind"]), _length(facts)
    between = [late["first_ns"] - early["last_ns"] for early, late in pairwise(months)]
    usual = length
    if kind is SeriesKind.FUNDING:
        steps = Counter(between)
        for month in months:
            steps.update({int(step): count for step, count in month["steps"].items()})
        usual = min(steps, key=lambda step: (-steps[step], step), default=None)
    return StoredSeries(
        key=SeriesKey(venue=facts["venue"], symbol=facts["symbol"], kind=kind, interval_ns=length),
        interval_ns=usual,
        first_ns=months[0]["first_ns"],
        end_ns=months[-1]["last_ns"] + (length or 0),
        rows=sum(month["rows"] for month in months),
        gaps=sum(month["gaps"] for month in months) + sum(step > (length or step) for step in between),
        source=facts["source"],
        synthetic=facts["synthetic"],
        damaged=damaged,
    )


def _length(facts: Mapping[str, object]) -> int | None:
    return None if facts["interval"] is None else interval_ns(str(facts["interval"]))


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
