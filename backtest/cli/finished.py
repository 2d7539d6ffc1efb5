"""What the `run` command prints: a summary and where the run lies, scenarios side by side, or one JSON document."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backtest.cli.gates import Gate
from backtest.clock import interval_text, time_text
from backtest.enums import label
from backtest.report.definitions import DEFINITIONS
from backtest.result import Result
from backtest.side_by_side import Comparison

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run and the folder that it was saved in."""

    result: Result
    folder: Path

    @property
    def run_id(self) -> str:
        """The name of the run's folder."""
        return self.folder.name

    @property
    def report(self) -> Path | None:
        """The page of the run, where it was asked for."""
        page = self.folder / "report.html"
        return page if page.is_file() else None


def as_text(finished: Sequence[Finished]) -> str:
    """The summary of a run, or of two scenarios side by side, and where they lie."""
    screen = repr(finished[0].result) if len(finished) == 1 else side_by_side(finished)
    lines = [screen, ""]
    for one in finished:
        lines.append(f"Run {one.run_id}: {shown(one.folder)}")
        if one.report is not None:
            lines.append(f"Report: {shown(one.report)}")
    return "\n".join(lines)


def shown(path: Path) -> str:
    """A path as seen from the current folder, where it lies below it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def side_by_side(finished: Sequence[Finished]) -> str:
    """Two scenarios of one run, metric by metric, under the first one's heading."""
    compared = Comparison(results={label(one.result.config.path): one.result for one in finished})
    heading = finished[0].result.heading
    lines = [heading.title, heading.market, heading.range, "", *compared.figures()]
    lines += ["", "Two scenarios of the path inside a bar; they are not bounds."]
    lines += [f"! {note}" for note in heading.notes]
    return "\n".join(lines)


def as_document(finished: Sequence[Finished], gates: Sequence[Gate]) -> str:
    """One JSON document: of a run, or of `runs` for scenarios."""
    documents = [described(one, gates) for one in finished]
    whole = documents[0] if len(documents) == 1 else {"runs": documents}
    return json.dumps({"schema_version": SCHEMA_VERSION, **whole}, indent=2, allow_nan=False)


def described(one: Finished, gates: Sequence[Gate]) -> dict[str, object]:
    """A run as plain values; what is not a number is null."""
    result, history = one.result, one.result.history
    return {
        "run_id": one.run_id,
        "folder": str(one.folder),
        "report": None if one.report is None else str(one.report),
        "strategy": {"name": result.strategy.name, "parameters": dict(result.strategy.parameters)},
        "market": {
            "venue": history.venue,
            "symbols": list(history.symbols),
            "timeframe": interval_text(history.timeframe_ns),
            "interval": interval_text(history.interval_ns),
            "start": time_text(history.start_ns),
            "end": time_text(history.time_ns(result.length)),
            "synthetic": history.synthetic,
            "fingerprint": history.fingerprint,
        },
        "config": result.config.to_mapping(),
        "metrics": plain(result.metrics),
        "notes": list(result.notes),
        "interrupted": result.interrupted,
        "stopped": result.stopped,
        "gates": [{"gate": str(gate), "holds": gate.holds(result.metrics)} for gate in gates],
    }


def plain(metrics: Mapping[str, float]) -> dict[str, float | int | None]:
    """Metrics as JSON has them: counts as whole numbers, null for what could not be worked out."""
    found: dict[str, float | int | None] = {}
    for name, value in metrics.items():
        if not math.isfinite(value):
            found[name] = None
        else:
            found[name] = int(value) if DEFINITIONS[name].unit == "count" and value == int(value) else float(value)
    return found
