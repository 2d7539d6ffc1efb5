"""Finished runs: listed, shown, reported, audited."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from backtest.cli.main import status


@pytest.fixture
def run(lab: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[str]:
    """The id of a finished run in the lab, with a report."""
    assert status(["run", "reckless", "-s", "BTC/USDT:USDT", "-r", "2024-01-01..2024-01-15", "--json"]) == 0
    yield json.loads(capsys.readouterr().out)["run_id"]


def test_without_a_run_the_list_says_what_to_do(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["runs", "list"]) == 0
    assert "No run in runs yet" in capsys.readouterr().out


def test_a_run_is_listed_and_shown_by_its_first_digits(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["runs", "list", "--sort", "net_pnl"]) == 0
    assert f"{run}  Reckless  BTC/USDT  1h    2024-01-01..2024-01-15" in capsys.readouterr().out
    assert status(["runs", "show", run[:4]]) == 0
    assert "Reckless()" in capsys.readouterr().out
    assert status(["runs", "show", run, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run_id"] == run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["runs", "list", "--sort", "sharp"], "did you mean 'sharpe'?"),
        (["runs", "show", "nope"], "there is no run 'nope'"),
        (["audit", "nope"], "there is no run 'nope'"),
    ],
)
def test_an_unknown_run_or_metric_is_wrong_use(
    run: str, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(words) == 2
    assert message in capsys.readouterr().err


def test_the_report_is_found_and_copied(run: str, lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["report", run]) == 0
    assert capsys.readouterr().out.strip() == f"runs/{run}/report.html"
    assert status(["report", run, "--html", "elsewhere/page.html"]) == 0
    assert (lab / "elsewhere/page.html").read_bytes() == (lab / "runs" / run / "report.html").read_bytes()


def test_a_run_without_a_report_says_so(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["run", "hold", "-r", "2024-01-01..2024-01-03", "--no-report", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["run_id"]
    assert status(["report", found]) == 2
    assert "was made with --no-report" in capsys.readouterr().err


def test_an_audit_of_a_sound_run_balances(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["audit", run]) == 0
    assert "balanced" in capsys.readouterr().out
    assert status(["audit", run, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is True and found["relative_residual"] < 1e-9


def test_an_audit_finds_a_ledger_that_was_changed(run: str, lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = lab / "runs" / run / "ledger.parquet"
    ledger = pd.read_parquet(file)
    ledger.loc[3, "margin"] += 0.01
    ledger.to_parquet(file)
    assert status(["audit", run]) == 3
    told = capsys.readouterr()
    assert "its ledger does not balance" in told.err
    assert "row 3" in told.out and "changed: ledger.parquet" in told.out


def test_an_audit_of_a_ledger_that_is_gone_or_unreadable_is_no_internal_failure(
    run: str, lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = lab / "runs" / run / "ledger.parquet"
    for spoil in (lambda: file.write_bytes(b"garbage"), file.unlink):
        spoil()
        assert status(["audit", run, "--json"]) == 3
        told = capsys.readouterr()
        assert "its ledger cannot be replayed (changed since it was written: ledger.parquet" in told.err
        assert json.loads(told.out)["error"]["kind"] == "market-data"


@pytest.mark.parametrize(
    "text", ["garbage", "", "[]", "{}", '{"heading": 3}', '{"heading": {}, "strategy": {}, "config": {}, "files": {}}']
)
def test_a_damaged_manifest_is_named_with_a_way_out(
    run: str, lab: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (lab / "runs" / run / "manifest.json").write_text(text)
    for words in (["show", run], ["list"], ["list", "--json"]):
        assert status(["runs", *words]) == 3
        told = capsys.readouterr().err
        assert "manifest.json is damaged (" in told and "run it again to get a sound one, or remove" in told


def test_damaged_metrics_are_named_too(run: str, lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("\x00", '{"net_pnl": "much"}'):
        (lab / "runs" / run / "metrics.json").write_text(text)
        assert status(["runs", "show", run]) == 3
        assert "metrics.json is damaged (" in capsys.readouterr().err
