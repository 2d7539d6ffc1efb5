"""The `backtest` command: finds the command asked for, imports only that one, and turns errors into exit codes.

    0 done · 1 internal failure · 2 wrong use or configuration · 3 market data missing or failed its checks
    4 the strategy raised · 5 look-ahead found · 6 a --fail-if gate failed · 130 interrupted

stdout carries the result, stderr everything else; with `--json` stdout carries one document, of the result or of the
error. Commands stand in one table with their summaries, so that
`backtest --help` imports none of them.
"""

from __future__ import annotations

import errno
import gc
import json
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from importlib import import_module
from typing import TextIO, cast

import click

from backtest.cli.output import Output
from backtest.errors import BacktestError, UsageError, near

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("backtest.cli.init", "Make a workspace: settings, a strategy of your own, a notebook."),
    "data": ("backtest.cli.data", "Fetch, import, make, list, check and serve market history."),
    "strategies": ("backtest.cli.strategies", "List strategies, show one, start a new one."),
    "run": ("backtest.cli.run", "Run a strategy over a market history."),
    "walk-forward": ("backtest.cli.walk_forward", "Choose parameters on one stretch of time, try them on the next."),
    "montecarlo": ("backtest.cli.montecarlo", "How often a strategy is liquidated or ruined on resampled paths."),
    "sweep": ("backtest.cli.sweep", "Run a strategy with many parameter sets."),
    "compare": ("backtest.cli.compare", "Repeat a run in another margin mode and set the outcomes side by side."),
    "runs": ("backtest.cli.runs", "List finished runs, show one."),
    "report": ("backtest.cli.report", "Write the report of a finished run."),
    "audit": ("backtest.cli.audit", "Replay a run's ledger and prove that it balances."),
    "calc": ("backtest.cli.calc", "Isolated-margin calculator."),
    "doctor": ("backtest.cli.doctor", "Check the installation and the workspace."),
}
"""Command: the module that holds it under the same name, and its one line of help."""

SCHEMA_VERSION = 1
INTERRUPTED = 130
KINDS = {
    1: "failure", 2: "usage", 3: "market-data", 4: "strategy", 5: "look-ahead", 6: "gate", INTERRUPTED: "interrupted",
}  # fmt: skip
"""What an error document calls each exit code."""
UNWRITABLE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS)
"""What the system says where the disk, and not the program, is at fault."""


class Commands(click.Group):
    """A group whose commands are imported when they are called, not when they are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        if ctx.obj is not None:
            ctx.obj()
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise UsageError(
                f"'{args[0]}' is no command; {near(args[0], COMMANDS)}known are {', '.join(COMMANDS)} "
                "(backtest --help says what each does)"
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 done, 1 internal failure, 2 wrong use, 3 market data, 4 the strategy raised, "
    "5 look-ahead, 6 a --fail-if gate, 130 interrupted.",
)
@click.version_option(package_name="isomargin", prog_name="backtest")
@click.option("--debug", is_flag=True, help="Show the traceback of an error (works after any command too).")
def backtest(debug: bool) -> None:
    """What would have happened to each isolated position, to the cent, on the venue's own rules."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The console command: runs `status` on the process's arguments and exits with what it returns.

    A command makes many objects that live to its end and few cycles, so the collector looks for those less often: it
    took a fifth of a run. It leaves out what the command's imports have made, at the end of the process too.
    """
    gc.set_threshold(100_000, 20, 100)
    sys.exit(status(sys.argv[1:] if arguments is None else arguments, imported=gc.freeze))


def status(arguments: Sequence[str], imported: Callable[[], None] | None = None) -> int:
    """Runs one command line and returns its exit code; errors become messages on stderr. `imported` is called when the
    command has been imported.

    With `--json` stdout then carries one document that says the same, unless the command has printed its own.
    """
    debug = "--debug" in arguments
    words = [word for word in arguments if word != "--debug"]
    output = Output(sys.stdout) if sys.stdout is not None else None
    with redirect_stdout(cast(TextIO, output)):
        code, message = _outcome(words, debug, imported)
        if code and "--json" in words and output is not None and not output.written:
            error = {"kind": KINDS.get(code, "failure"), "message": message, "exit_code": code}
            click.echo(json.dumps({"schema_version": SCHEMA_VERSION, "error": error}, indent=2))
        if output is not None:
            output.flush()
    return code


def _outcome(words: list[str], debug: bool, imported: Callable[[], None] | None) -> tuple[int, str]:
    """The exit code of a command, and what was wrong where it is not 0; that is on stderr already."""
    try:
        outcome = backtest.main(args=words, prog_name="backtest", standalone_mode=False, obj=imported)
    except click.ClickException as error:
        error.show()
        return error.exit_code, error.format_message()
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED, _said("interrupted")
    except BacktestError as error:
        if debug:
            traceback.print_exc()
        return error.exit_code, _said(f"error: {error}")
    except Exception as error:
        if debug:
            traceback.print_exc()
        if isinstance(error, OSError) and error.errno in UNWRITABLE:
            where = f"{error.filename} " if error.filename else "a file "
            return 1, _said(
                f"error: {where}could not be written: {error.strerror}; make room (or mend the rights) and repeat the "
                "command"
            )
        hint = "" if debug else "; the same command with --debug shows where"
        return 1, _said(f"internal failure: {type(error).__name__}: {error}{hint}")
    code = outcome if isinstance(outcome, int) else 0
    return code, "interrupted" if code == INTERRUPTED else ""


def _said(message: str) -> str:
    click.echo(message, err=True)
    return message.removeprefix("error: ")
