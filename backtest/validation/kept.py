"""The outcomes of paths on disk, so that what is finished is not done again: a folder as a sweep's.

A path is the same whatever else is drawn, so the number of paths is no part of what makes a folder the same: more
paths of the same inputs go on from those that are there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from backtest import compiling, engine
from backtest.enums import label
from backtest.sweeps.storage import SweepFolder
from backtest.sweeps.trial import TRIAL, Row
from backtest.validation.outcomes import Outcome, Paths


class KeptPaths:
    """The folder of some settings on the paths of one seed, below `root`."""

    def __init__(self, root: Path, shared: Paths) -> None:
        self._settings = len(shared.settings)
        self.folder = SweepFolder.of(root, _identity(shared), {})

    def found(self, paths: int) -> dict[int, list[Outcome]]:
        """The outcomes that are there, one a setting, of each path below `paths` that is there as a whole."""
        there: dict[int, list[Outcome]] = {}
        for row in self.folder.rows():
            one = _outcome(row)
            there.setdefault(one.path, []).append(one)
        return {path: few for path, few in there.items() if path < paths and len(few) == self._settings}

    def keep(self, found: Iterable[Outcome]) -> None:
        """Write the outcomes of a chunk."""
        self.folder.keep([self._row(one) for one in found])

    def finish(self) -> None:
        """Put all that is there into one file."""
        self.folder.finish(pd.DataFrame(self.folder.rows()))

    def _row(self, one: Outcome) -> Row:
        return {
            TRIAL: one.path * self._settings + one.setting,
            "path": one.path,
            "setting": one.setting,
            "equity": one.equity,
            "lowest": one.lowest,
            "drawdown": one.drawdown,
            "liquidations": list(one.liquidations),
            "curve": one.curve.tolist(),
        }


def _outcome(row: Row) -> Outcome:
    return Outcome(
        path=row["path"],
        setting=row["setting"],
        equity=row["equity"],
        lowest=row["lowest"],
        drawdown=row["drawdown"],
        liquidations=tuple(row["liquidations"]),
        curve=np.array(row["curve"], np.float64),
    )


def _identity(shared: Paths) -> dict[str, Any]:
    """All that can change an outcome."""
    from backtest.runs import versions  # what it writes with is needed only where something is written

    bootstrap = shared.bootstrap
    return {
        "strategy": shared.strategy.__name__,
        "source": engine.facts(shared.strategy, {}).digest,
        "settings": [dict(each) for each in shared.settings],
        "block_ns": bootstrap.block_ns,
        "blocks": label(bootstrap.blocks),
        "seed": bootstrap.seed,
        "config": dict(shared.config.to_mapping()),
        "history": bootstrap.history.fingerprint,
        "kernels": compiling.DIGEST,
        "versions": versions(),
    }
