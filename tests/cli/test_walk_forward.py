"""`backtest walk-forward`: folds on the screen, one JSON document, files where asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from backtest.cli.main import status

Told = Callable[..., tuple[int, str, str]]
JANUARY = ("-s", "BTC/USDT:USDT", "-r", "2024-01-01..2024-02-01", "-j", "1", "--train", "10d", "--test", "5d")


@pytest.fixture
def told(lab: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    """Runs a command line in the lab and returns its exit code, stdout and stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = status(words)
        found = capsys.readouterr()
        return code, found.out, found.err

    return run


def test_the_screen_has_a_line_a_fold(told: Told) -> None:
    code, out, err = told("walk-forward", "always", *JANUARY, "-p", "leverage=1,2")
    assert code == 0, err
    # 31 days: tests end on days 15, 20, 25, 30
    assert "4 rolling folds: train 10d, test 5d, step 5d; 2 settings, the highest sharpe chosen" in out
    assert "2024-01-01..2024-01-11  2024-01-11..2024-01-16" in out
    assert "the last 1.0 days make no whole fold" in out


def test_json_is_one_document_and_out_writes_tables_and_a_figure(told: Told, lab: Path) -> None:
    code, out, err = told(
        "walk-forward", "always", *JANUARY, "-p", "leverage=1,2", "--anchored", "--embargo", "1d", "--minimize",
        "max_drawdown", "--constraint", "liquidations==0", "--out", "wf", "--json",
    )  # fmt: skip
    assert code == 0, err
    found = json.loads(out)
    assert (found["schema_version"], found["choice"]) == (1, "lowest max_drawdown with liquidations==0")
    assert [fold["leverage"] for fold in found["folds"]] == [2] * 4
    assert found["folds"][1]["train_start"] == "2024-01-01T00:00:00+00:00"
    assert found["folds"][1]["test_start"] == "2024-01-17T00:00:00+00:00"
    assert (lab / "wf" / "walk-forward.svg").is_file()
    assert len(pd.read_parquet(lab / "wf" / "trials.parquet")) == 8


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-p", "leverge=1,2"), "did you mean 'leverage'"),
        (("-p", "leverage=1,2", "--maximize", "sharp"), "did you mean 'sharpe'"),
        (("-p", "leverage=1,2", "--maximize", "sharpe", "--minimize", "volatility"), "exclude each other"),
        (("-p", "leverage=1,2", "--step", "1d"), "would overlap"),
    ],
)
def test_what_cannot_be_done_is_exit_code_2(told: Told, words: tuple[str, ...], said: str) -> None:
    code, out, err = told("walk-forward", "always", *JANUARY, *words)
    assert (code, out) == (2, "")
    assert said in err
