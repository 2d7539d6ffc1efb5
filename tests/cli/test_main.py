"""The command line as a whole: what it imports, its exit codes, its near names."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from backtest.cli import main
from backtest.cli.main import COMMANDS, status
from backtest.errors import BacktestError, GateError, LookAheadError, MarketDataError, StrategyError, UsageError


def test_help_imports_no_command_and_nothing_heavy() -> None:
    program = (
        "import sys; from backtest.cli.main import status; status(['--help']); print(*sys.modules, file=sys.stderr)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(told.stderr.split())
    assert not loaded.intersection({"numpy", "pandas", "numba", "pyarrow", "matplotlib", "rich", "ccxt", "vectorbt"})
    assert not {module for module, _ in COMMANDS.values()} & loaded
    assert "Run a strategy over a market history." in told.stdout


def test_the_module_is_the_command() -> None:
    told = subprocess.run([sys.executable, "-m", "backtest", "--version"], capture_output=True, text=True, check=True)
    assert told.stdout.startswith("backtest, version ")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_exists_and_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status([name, "--help"]) == 0
    assert f"Usage: backtest {name}" in capsys.readouterr().out


def test_an_unknown_command_gives_the_near_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["rnu"]) == 2
    told = capsys.readouterr()
    assert "'rnu' is no command; did you mean 'run'?" in told.err
    assert told.out == ""


def test_an_unknown_option_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["--nope"]) == 2
    assert "--nope" in capsys.readouterr().err


def raising(error: BaseException) -> Callable[..., None]:
    def run(*_: object, **__: object) -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (BacktestError("the disk is full"), 1, "error: the disk is full"),
        (ZeroDivisionError("division by zero"), 1, "internal failure: ZeroDivisionError: division by zero; the same"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "error: a file could not be written: No space left"),
        (OSError(errno.EFBIG, "File too large", "x.parquet"), 1, "error: x.parquet could not be written: File too"),
        (UsageError("no such thing"), 2, "error: no such thing"),
        (MarketDataError("a hole"), 3, "error: a hole"),
        (StrategyError("it raised"), 4, "error: it raised"),
        (LookAheadError("it knew"), 5, "error: it knew"),
        (GateError("too many"), 6, "error: too many"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
    ],
)
def test_each_kind_of_end_has_its_exit_code_and_a_message_on_stderr(
    error: BaseException, code: int, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = click.Command("doctor", callback=raising(error))
    monkeypatch.setattr(main.Commands, "get_command", lambda *_: command)
    assert status(["doctor"]) == code
    told = capsys.readouterr()
    assert message in told.err
    assert "Traceback" not in told.err
    assert told.out == ""


def test_debug_shows_the_traceback_wherever_it_stands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = click.Command("doctor", callback=raising(MarketDataError("a hole")))
    monkeypatch.setattr(main.Commands, "get_command", lambda *_: command)
    for words in (["--debug", "doctor"], ["doctor", "--debug"]):
        assert status(words) == 3
        assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "kind", "code", "message"),
    [
        (["run", "nope", "--json"], "usage", 2, "there is no strategy 'nope'"),
        (["run", "--json"], "usage", 2, "Missing argument 'STRATEGY'"),
        (["run", "./broken.py", "--json"], "strategy", 4, "SyntaxError"),
        (["runs", "list", "--json", "--nope"], "usage", 2, "No such option"),
    ],
)
def test_with_json_an_error_is_one_document_and_the_message_goes_to_stderr_too(
    words: list[str], kind: str, code: int, message: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workspace / "broken.py").write_text("def : no Python\n", encoding="utf-8")
    assert status(words) == code
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert document["schema_version"] == 1
    assert (document["error"]["kind"], document["error"]["exit_code"]) == (kind, code)
    assert message in document["error"]["message"] and message in told.err


def test_an_interruption_and_an_internal_failure_are_documents_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for error, kind in ((KeyboardInterrupt(), "interrupted"), (ZeroDivisionError("by zero"), "failure")):
        monkeypatch.setattr(main.Commands, "invoke", raising(error))
        status(["run", "x", "--json"])
        assert json.loads(capsys.readouterr().out)["error"]["kind"] == kind


def test_a_command_that_has_printed_its_document_prints_no_second_one(
    lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["run", "hold", "-r", "2024-01-01..2024-01-03", "--json", "--fail-if", "trades>=0"]) == 6
    told = capsys.readouterr()
    assert json.loads(told.out)["gates"][0]["holds"] is True
    assert "gate failed" in told.err


def test_a_reader_that_goes_away_is_no_failure(tmp_path: Path) -> None:
    program = "import sys; from backtest.cli.main import main; main(sys.argv[1:])"
    told = subprocess.Popen(
        [sys.executable, "-c", program, "strategies", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    assert told.stdout is not None and told.stderr is not None
    told.stdout.close()
    said = told.stderr.read()
    told.stderr.close()
    assert (told.wait(), said) == (0, b"")


def test_called_as_a_module_the_installed_strategies_win_over_a_package_of_the_users(tmp_path: Path) -> None:
    own = tmp_path / "strategies"
    own.mkdir()
    (own / "__init__.py").write_text("")
    found = tmp_path / "found.py"
    found.write_text("import sys\nimport strategies\nprint(strategies.__file__)\n")
    (own / "mine.py").write_text("import found\nimport backtest as bt\nclass Mine(bt.Strategy):\n    pass\n")
    root = Path(main.__file__).parents[2]
    told = subprocess.run(
        [sys.executable, "-m", "backtest", "strategies", "list"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert told.stdout.splitlines()[0] == str(root / "strategies" / "__init__.py")
    assert "gradual-leverage" in told.stdout and "mine" in told.stdout and "cannot be used" not in told.stdout
