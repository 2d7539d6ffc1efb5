"""Progress is told on long runs only, and never on stdout."""

from __future__ import annotations

import pytest

from backtest.cli import progress
from backtest.cli.progress import Progress


def run(shares: list[float], *, quiet: bool = False) -> None:
    with Progress("hold", quiet=quiet) as told:
        for share in shares:
            told(share)


def test_a_short_run_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    run([0.0, 0.5, 0.99])
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_a_long_run_tells_each_tenth_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    run([0.0, 0.05, 0.11, 0.12, 0.35, 0.99])
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [f"hold: {share} % after 0 s, about 0 s left" for share in (10, 30, 90)]
    run([0.0, 0.5], quiet=True)
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_a_long_run_shows_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", 0.0)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    shown: list[float] = []
    monkeypatch.setattr(progress.TerminalBar, "show", lambda self, done: shown.append(done))
    run([0.0, 0.25, 1.0])
    assert shown == [0.0, 0.25, 1.0]
    assert capsys.readouterr().out == ""
