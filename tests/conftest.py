"""What all tests share: bounds checks in compiled code, a throw-away workspace, the folder of recorded history.

A compiled index error is silent unless numba is told to check bounds before it is imported, so it is told here.
"""

from __future__ import annotations

import os

if os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"):
    os.environ.setdefault("NUMBA_BOUNDSCHECK", "1")
os.environ["MPLBACKEND"] = "Agg"
os.environ["COLUMNS"] = "120"

from pathlib import Path

import hypothesis
import pytest

REAL_DATA = "ISOMARGIN_REAL_DATA"

hypothesis.settings.register_profile("house", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True)
hypothesis.settings.load_profile("house")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the tests marked `real_data` where no folder of recorded history is named."""
    if os.environ.get(REAL_DATA):
        return
    left_out = [item for item in items if item.get_closest_marker("real_data")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("real_data")]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of recorded market history; a test that asks for it carries the mark `real_data`."""
    folder = Path(os.environ[REAL_DATA])
    assert folder.is_dir(), f"{REAL_DATA} names {folder}, which is no folder"
    return folder


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty workspace, made the current folder."""
    (tmp_path / "backtest.toml").write_text("[run]\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path
