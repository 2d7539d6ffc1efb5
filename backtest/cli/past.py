"""A finished run as something to start from: its strategy, parameters, market and settings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backtest import plugins
from backtest.engine import facts
from backtest.errors import UsageError
from backtest.runs import MANIFEST, SavedRun, open_run
from backtest.strategy.protocol import Strategy
from backtest.workspace import Workspace

_ID = re.compile(r"^[0-9a-f]{3,8}$")


@dataclass(frozen=True, kw_only=True)
class Past:
    """What a run was of. settings: as the `[run]` table has them. remarks: what is no longer as it was."""

    strategy: type[Strategy]
    parameters: dict[str, Any]
    settings: dict[str, object]
    remarks: tuple[str, ...]


def of_run(text: str, workspace: Workspace) -> Past | None:
    """The run of an id or folder; None where the text is neither (a strategy's name or path)."""
    is_folder = (Path(text) / MANIFEST).is_file()
    if not is_folder and (not _ID.match(text) or text in {each.name for each in plugins.strategies()}):
        return None
    run = open_run(text, workspace.runs)
    manifest, heading = run.manifest, run.heading
    strategy = _strategy(run)
    changed = facts(strategy, {}).digest != manifest["strategy"]["digest"]
    settings = {name: value for name, value in manifest["config"].items() if value is not None}
    if heading.interval != heading.timeframe:
        settings["detail_timeframe"] = heading.interval
    settings |= {"timeframe": heading.timeframe, "venue": heading.venue, "symbols": list(heading.symbols)}
    settings["range"] = f"{heading.start}..{heading.end}"
    return Past(
        strategy=strategy,
        parameters=dict(manifest["strategy"]["parameters"]),
        settings=settings,
        remarks=(f"{heading.strategy} has changed since run {run.id}; it ran as it is now",) if changed else (),
    )


def _strategy(run: SavedRun) -> type[Strategy]:
    name = run.manifest["strategy"]["name"]
    found = [each.found for each in plugins.strategies() if each.found is not None and each.found.__name__ == name]
    if found:
        return found[0]
    raise UsageError(
        f"run {run.id} is of the strategy {name}, neither installed nor in the workspace's strategies/ folder; "
        "give its path in place of the run, ./my_strategy.py:MyStrategy, with -s, -r and -p as the run had them"
    )
