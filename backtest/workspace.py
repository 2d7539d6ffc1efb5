"""Where a user's work lives: the folder with `backtest.toml`, and what lies in it.

A workspace has the shape of this repository: `strategies/`, `data/`, `notebooks/`, and beside them what the tool
writes, `store/` (market history) and `runs/` (finished runs). It is found by walking up from the current folder to the
nearest `backtest.toml`; without one the current folder itself is the workspace.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backtest.errors import UsageError, near

CONFIG_NAME = "backtest.toml"
TABLES = ("run",)


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A folder of work. `configured` says whether it has a `backtest.toml`.

    >>> Workspace(root=Path("lab"), configured=False).store.as_posix()
    'lab/store'
    """

    root: Path
    configured: bool

    @classmethod
    def find(cls, start: Path | None = None) -> Workspace:
        """The workspace that `start` (the current folder unless given) lies in."""
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / CONFIG_NAME).is_file():
                return cls(root=folder, configured=True)
        return cls(root=here, configured=False)

    @property
    def config_file(self) -> Path:
        """`backtest.toml`, which exists only where the workspace is `configured`."""
        return self.root / CONFIG_NAME

    @property
    def store(self) -> Path:
        """The folder of market history."""
        return self.root / "store"

    @property
    def runs(self) -> Path:
        """The folder of finished runs."""
        return self.root / "runs"

    @property
    def strategies(self) -> Path:
        """The folder whose strategy files are found without packaging."""
        return self.root / "strategies"

    def run_defaults(self) -> Mapping[str, object]:
        """The `[run]` table of `backtest.toml`: empty where there is none.

        Raises `UsageError` for a file that is no TOML or holds a table of another name.
        """
        if not self.configured:
            return {}
        try:
            document = tomllib.loads(self.config_file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{self.config_file} is no TOML: {error}; mend that line or remove the file") from error
        for name in document:
            if name not in TABLES:
                raise UsageError(
                    f"{self.config_file} holds '{name}', which nothing reads; {near(name, TABLES)}"
                    f"settings of a run stand in its table [run]"
                )
        table = document.get("run", {})
        if not isinstance(table, dict):
            raise UsageError(f"{self.config_file}: 'run' must be a table, written [run] on a line of its own")
        return table
