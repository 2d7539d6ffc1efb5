"""`backtest init`, `strategies` and `doctor`: a workspace made, filled and checked."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from backtest.cli.main import status


@pytest.fixture
def fresh(tmp_path: Path, sample_store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace just made by `backtest init`, with the sample market at hand."""
    monkeypatch.chdir(tmp_path)
    assert status(["init", "lab"]) == 0
    monkeypatch.chdir(tmp_path / "lab")
    (tmp_path / "lab" / "store").symlink_to(sample_store)
    return tmp_path / "lab"


def test_a_new_workspace_has_the_shape_of_the_repository(fresh: Path) -> None:
    assert {path.name for path in fresh.iterdir()} >= {"backtest.toml", "strategies", "data", "notebooks"}
    nbformat.validate(nbformat.read(fresh / "notebooks" / "01_first_run.ipynb", as_version=4))


def test_the_strategy_of_a_new_workspace_runs_as_it_is(fresh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["run", "breakout", "-r", "2024-01-01..2024-03-01", "--no-report", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"]["orders"] > 0
    assert found["config"]["slippage"] == 0.0002  # from the workspace's backtest.toml


def test_the_notebook_of_a_new_workspace_runs_as_it_is(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(fresh / "notebooks")
    names: dict[str, object] = {}
    for cell in nbformat.read("01_first_run.ipynb", as_version=4).cells:
        if cell.cell_type == "code":
            exec(cell.source.replace("%matplotlib inline\n", ""), names)
    assert "equity_figure" in names


def test_init_overwrites_nothing(fresh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["init"]) == 2
    assert "is a workspace" in capsys.readouterr().err
    (fresh / "backtest.toml").unlink()
    (fresh / "strategies" / "breakout.py").write_text("mine\n")
    assert status(["init"]) == 0
    assert (fresh / "strategies" / "breakout.py").read_text() == "mine\n"


def test_strategies_of_packages_and_of_the_workspace_are_listed(
    fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert status(["strategies", "list", "--json"]) == 0
    found = {each["name"]: each for each in json.loads(capsys.readouterr().out)["strategies"]}
    assert {"buy-and-hold", "gradual-leverage", "volatility-scaled", "hedged-pairs", "breakout"} <= set(found)
    assert all(each["problem"] is None and each["summary"] for each in found.values())
    assert found["breakout"]["parameters"]["lookback"] == {"default": 48, "low": 12, "high": 240, "choices": []}
    assert status(["strategies", "list"]) == 0
    assert "lookback=48" in capsys.readouterr().out


def test_a_strategy_file_that_cannot_be_read_does_not_hide_the_others(
    fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (fresh / "strategies" / "broken.py").write_text("def :\n")
    assert status(["strategies", "list"]) == 0
    told = capsys.readouterr().out
    assert "broken" in told and "cannot be used" in told and "SyntaxError" in told
    assert "gradual-leverage" in told


def test_a_strategy_is_shown_with_bounds_events_and_source(fresh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["strategies", "show", "hedged-pairs"]) == 0
    told = capsys.readouterr().out
    assert "Parameters" in told and "≤" in told
    assert status(["strategies", "show", "breakout", "--source"]) == 0
    assert "class Breakout(bt.Strategy):" in capsys.readouterr().out


def test_a_new_strategy_is_written_and_runs(fresh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["strategies", "new", "trend-top-up"]) == 0
    assert "class TrendTopUp(bt.Strategy):" in (fresh / "strategies" / "trend_top_up.py").read_text()
    assert status(["run", "trend-top-up", "-r", "2024-01-01..2024-01-15", "--no-report"]) == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("breakout", "is there already"),
        ("hedged-pairs", "would hide yours"),
        ("1st", "cannot name"),
        ("class", "cannot"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(
    fresh: Path, name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["strategies", "new", name]) == 2
    assert message in capsys.readouterr().err


def test_doctor_finds_nothing_wrong_here(fresh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert status(["doctor", "--json"]) == 0
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert {check["subject"] for check in checks} >= {
        "python",
        "numba",
        "kernels",
        "source",
        "strategy",
        "settings",
        "store",
    }
    assert not [check for check in checks if check["level"] == "fail"]


def test_doctor_names_what_is_wrong(fresh: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (fresh / "backtest.toml").write_text("[run]\ncsah = 3\n")
    assert status(["doctor"]) == 2
    told = capsys.readouterr()
    assert "did you mean 'cash'?" in told.out
    assert "1 of" in told.err
