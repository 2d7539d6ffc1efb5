"""`backtest compare`, `bt.compare` and `bt.rerun`: only the margin mode differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import backtest as bt
from backtest.cli.main import status
from backtest.errors import UsageError

Told = Callable[..., tuple[int, str, str]]


@pytest.fixture
def told(lab: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = status(words)
        found = capsys.readouterr()
        return code, found.out, found.err

    return run


@pytest.fixture
def finished(told: Told) -> str:
    """A run of a strategy that is liquidated in isolated margin."""
    code, out, err = told(
        "run", "reckless", "-s", "BTC/USDT:USDT", "-r", "2024-01-01..2024-03-01", "--no-report", "--json"
    )
    assert code == 0, err
    return str(json.loads(out)["run_id"])


def test_a_run_is_repeated_in_both_modes_and_set_side_by_side(told: Told, lab: Path, finished: str) -> None:
    code, out, err = told("compare", finished, "--margin", "isolated,cross", "--figure", "both.svg")
    assert code == 0, err
    assert "isolated" in out.splitlines()[4]
    assert "cross" in out.splitlines()[4]
    assert "Liquidated positions" in out
    assert "<svg" in (lab / "both.svg").read_text(encoding="utf-8")
    assert len(list((lab / "runs").iterdir())) == 2


def test_the_isolated_half_is_the_run_itself(told: Told, finished: str) -> None:
    code, out, err = told("compare", finished[:5], "--json")
    assert code == 0, err
    document = json.loads(out)
    assert document["schema_version"] == 1
    assert document["run_ids"]["isolated"] == finished
    assert set(document["runs"]) == {"isolated", "cross"}
    margins = {each["run"]: each["margin_posted"] for each in document["positions"]}
    assert margins["isolated"] > 0.0
    assert margins["cross"] == 0.0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--margin", "isolated"), "names one mode"),
        (("--margin", "isolated,crossed"), "did you mean 'cross'"),
        (("--figure", "both.gif"), "must end in .svg, .png or .pdf"),
    ],
)
def test_wrong_use_is_answered_with_what_would_be_right(
    told: Told, finished: str, words: tuple[str, ...], message: str
) -> None:
    code, out, err = told("compare", finished, *words)
    assert (code, out) == (2, "")
    assert message in err


def test_a_store_that_changed_is_said_so(told: Told, lab: Path, finished: str) -> None:
    manifest = lab / "runs" / finished / "manifest.json"
    told_before = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(told_before | {"market": "0" * 64}), encoding="utf-8")
    code, _, err = told("compare", finished)
    assert code == 3
    assert "no longer holds" in err


def test_results_of_other_markets_do_not_compare(lab: Path) -> None:
    history = bt.load("sample", ["BTC/USDT:USDT"], "1h", start="2024-01-01", end="2024-01-10")
    other = bt.load("sample", ["BTC/USDT:USDT"], "1h", start="2024-01-02", end="2024-01-10")
    one, two = bt.run("hold", history), bt.run("hold", other)
    with pytest.raises(UsageError, match="not of one market"):
        bt.compare(one=one, two=two)
    with pytest.raises(UsageError, match="two runs"):
        bt.compare(one=one)


def test_a_rerun_takes_settings_and_parameters(lab: Path) -> None:
    history = bt.load("sample", ["BTC/USDT:USDT"], "1h", start="2024-01-01", end="2024-01-10")
    result = bt.run("hold", history)
    again = bt.rerun(result)
    assert again.records.ledger.tobytes() == result.records.ledger.tobytes()
    assert bt.rerun(result, leverage=5).strategy.parameters["leverage"] == 5
    assert bt.rerun(result, cash=500).config.cash == 500.0
    with pytest.raises(UsageError, match="did you mean 'leverage'"):
        bt.rerun(result, leverge=5)
