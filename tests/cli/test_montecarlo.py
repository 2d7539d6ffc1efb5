"""`backtest montecarlo`: a strategy or a finished run, one screen or one JSON document, files where asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import pytest

from backtest.cli.main import status
from backtest.validation.kept import KeptPaths
from backtest.validation.outcomes import Outcome

Told = Callable[..., tuple[int, str, str]]
JANUARY = ("-s", "BTC/USDT:USDT", "-r", "2024-01-01..2024-02-01")
FEW = ("-n", "4", "-j", "1")


@pytest.fixture
def told(lab: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    """Runs a command line in the lab and returns its exit code, stdout and stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = status(words)
        found = capsys.readouterr()
        return code, found.out, found.err

    return run


def test_the_screen_has_a_line_a_setting_and_what_it_does_not_say(told: Told) -> None:
    code, out, err = told("montecarlo", "hold", *JANUARY, *FEW, "--vary", "leverage=1,20")
    assert code == 0, err
    assert out.startswith("Hold()\nBTC/USDT:USDT  sample, synthetic market\n4 paths of 2024-01-01 00:00 .. 2024-02-01")
    assert [line.split()[0] for line in out.splitlines()[5:8]] == ["leverage", "1", "20"]
    assert "Does not say: that it earns" in out


def test_json_is_one_document_and_out_writes_tables_and_figures(told: Told, lab: Path) -> None:
    code, out, err = told("montecarlo", "hold", *JANUARY, *FEW, "--seed", "3", "--ruin", "80%", "--out", "mc", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["schema_version"], found["paths"], found["seed"], found["ruin_share"]) == (1, 4, 3, 0.8)
    assert found["block_bars"] == 72
    assert found["settings"][0]["paths"] == 4
    assert (lab / "mc" / "montecarlo.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert len(pd.read_parquet(lab / "mc" / "paths.parquet")) == 4


def test_a_finished_run_brings_its_strategy_parameters_market_and_settings(told: Told, lab: Path) -> None:
    code, out, err = told("run", "hold", *JANUARY, "-p", "leverage=7", "--cash", "5000", "--no-report", "--json")
    assert code == 0, err
    run = json.loads(out)
    code, out, err = told("montecarlo", run["run_id"], *FEW, "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["strategy"] == {"name": "Hold", "settings": [{"leverage": 7}]}
    assert found["config"] == run["config"] | {"timeframe": "1h"}
    assert found["market"] == run["market"]
    # the history itself does what the run did
    assert found["settings"][0]["history_equity"] == pytest.approx(run["metrics"]["equity"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hold", "--vary", "leverage"), "write --vary NAME=VALUES"),
        (("hold", "--vary", "leverge=1,2"), "did you mean 'leverage'"),
        (("hold", "--path", "both"), "choose --path"),
        (("abc123",), "there is no run 'abc123'"),
        (("hold", "--block", "90d"), "longer than the history"),
    ],
)
def test_what_cannot_be_done_is_exit_code_2(told: Told, words: tuple[str, ...], said: str) -> None:
    code, out, err = told("montecarlo", *words, *JANUARY, *FEW)
    assert (code, out) == (2, "")
    assert said in err


def test_a_strategy_that_raises_is_exit_code_4(told: Told) -> None:
    code, _, err = told("montecarlo", "raising", *JANUARY, *FEW)
    assert code == 4
    assert "Raising raised KeyError" in err


def test_broken_off_it_says_so_and_the_same_command_goes_on(
    told: Told, lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("montecarlo", "hold", *JANUARY, "-n", "30", "-j", "1", "--json")
    keep = KeptPaths.keep

    def keep_and_break_off(self: KeptPaths, found: Iterable[Outcome]) -> None:
        keep(self, found)
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(KeptPaths, "keep", keep_and_break_off)
        code, out, err = told(*words)
    assert (code, json.loads(out)["error"]["kind"]) == (130, "interrupted")
    assert "30 runs; memory: about" in err
    assert "the paths that are finished are kept: run the same command again to go on" in err
    code, out, err = told(*words)
    assert code == 0, err
    found = json.loads(out)
    assert (found["paths"], found["resumed"]) == (30, 10)
    assert len(list((lab / "montecarlo").iterdir())) == 1
