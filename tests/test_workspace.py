"""A workspace is the nearest folder upwards with a backtest.toml."""

from __future__ import annotations

from pathlib import Path

import pytest

from backtest.errors import UsageError
from backtest.workspace import Workspace


def test_a_workspace_is_found_from_a_folder_inside_it(workspace: Path) -> None:
    inside = workspace / "notebooks" / "deep"
    inside.mkdir(parents=True)
    found = Workspace.find(inside)
    assert found == Workspace(root=workspace, configured=True)
    assert (found.store, found.runs) == (workspace / "store", workspace / "runs")


def test_without_a_settings_file_the_current_folder_is_the_workspace(tmp_path: Path) -> None:
    found = Workspace.find(tmp_path)
    assert found == Workspace(root=tmp_path, configured=False)
    assert found.run_defaults() == {}


def test_the_run_table_gives_the_defaults_of_a_run(workspace: Path) -> None:
    (workspace / "backtest.toml").write_text('[run]\ncash = 500\nslippage = "2bps"\n')
    assert Workspace.find().run_defaults() == {"cash": 500, "slippage": "2bps"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[run\n", "is no TOML"),
        ("[rum]\n", "holds 'rum', which nothing reads; did you mean 'run'"),
        ("run = 3\n", "'run' must be a table"),
    ],
)
def test_a_settings_file_that_cannot_be_read_is_an_error_of_use(workspace: Path, text: str, message: str) -> None:
    (workspace / "backtest.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        Workspace.find().run_defaults()
