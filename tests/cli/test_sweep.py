"""`backtest sweep`: a table, the best set, a heatmap; one JSON document; resumed by its id."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from backtest.cli.main import status

CROSS = '''
import numpy as np
import backtest as bt


class Cross(bt.Strategy):
    """Two means."""
    fast = bt.Param(10, low=2, high=100)
    slow = bt.Param(50, low=5, high=300)

    def plan(self):
        symbol = self.symbols[0]
        close = self.frame(symbol)["close"]
        above = (close.rolling(self.fast).mean() > close.rolling(self.slow).mean()).to_numpy()
        turns = np.flatnonzero(above[1:] != above[:-1]) + 1
        return self.targets(symbol, turns, exposure=np.where(above[turns], 0.5, -0.5), leverage=5)
'''
ASKED = ["sweep", "cross", "-s", "BTC/USDT:USDT", "-r", "2024-01-01..2024-02-01", "--jobs", "1"]
GRID = ["-p", "fast=5:20:5", "-p", "slow=30,60"]


@pytest.fixture
def bench(lab: Path) -> Path:
    (lab / "strategies" / "cross.py").write_text(CROSS, encoding="utf-8")
    return lab


def test_a_sweep_says_the_best_and_where_its_table_lies(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status([*ASKED, *GRID, "--constraint", "liquidations==0"]) == 0
    told = capsys.readouterr()
    (folder,) = (bench / "sweeps").iterdir()
    table = pd.read_parquet(folder / "results.parquet")
    assert len(table) == 8
    best = table.loc[table["sharpe"].idxmax()]
    first, second, third = told.out.splitlines()
    assert first.startswith("8/8 runs   ")
    assert f"best fast={best['fast']} slow={best['slow']} sharpe {best['sharpe']:.2f}   median of its " in first
    assert second.startswith("deflated Sharpe 0.")
    assert second.endswith(
        f"(8 trials)   heatmap: sweeps/{folder.name}/heatmap.svg   table: sweeps/{folder.name}/results.parquet"
    )
    assert third.startswith("! synthetic market")
    assert told.err.startswith("8 trials; memory: about ")
    assert (folder / "heatmap.svg").read_text().startswith("<?xml")


def test_json_is_one_document_and_an_id_is_enough_to_go_on(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status([*ASKED, *GRID, "--json", "--minimize", "max_drawdown"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["schema_version"], first["trials"], first["resumed"]) == (1, 8, 0)
    assert first["best"]["metric"] == "max_drawdown"
    assert status(["sweep", "--resume", first["sweep_id"][:5], "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again == {**first, "resumed": 8}


def test_draws_vary_what_has_bounds(bench: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status([*ASKED, "--method", "random", "-n", "5", "--seed", "2", "-q", "--json"]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert json.loads(told.out)["parameters"] == ["fast", "slow"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sweep"], "name the strategy to sweep"),
        ([*ASKED, "-p", "fast"], "write -p NAME=VALUES"),
        ([*ASKED, "-p", "fast=1:9:2", "-p", "fast=3"], "given twice"),
        ([*ASKED, *GRID, "--heatmap", "fast"], "does not name two parameters"),
        (["sweep", "--resume", "nothing"], "there is no sweep 'nothing'"),
        ([*ASKED, *GRID, "--path", "both"], "a sweep walks one path"),
    ],
)
def test_wrong_use_is_said(bench: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert status(arguments) == 2
    assert said in capsys.readouterr().err
