"""Writes README's first screen anew: the output of its command and its figure. `make readme` runs it.

Look at the difference before you commit it: a changed table is a changed result.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
from pathlib import Path

from backtest.cli.main import status

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FIGURE = ROOT / "docs" / "images" / "first-run.svg"
FIGURE_SYMBOL = "ETH/USDT:USDT"

SCREEN = re.compile(r"```console\n\$ (?P<command>backtest [^\n]+)\n(?P<output>.*?)```", re.DOTALL)
RUN_ID = re.compile(r"\b[0-9a-f]{8}\b")


def screen() -> tuple[str, str]:
    """The command of the first console block, and the output that stands below it."""
    found = SCREEN.search(README.read_text(encoding="utf-8"))
    assert found, "README.md has no console block that begins with `$ backtest`"
    return found["command"], found["output"]


def output_of(command: str) -> str:
    """What the command prints on stdout."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = status(shlex.split(command)[1:])
    assert code == 0, f"{command} ended with exit code {code}"
    return printed.getvalue()


def masked(output: str) -> str:
    """Output without the id of the run, which depends on the versions of what is installed."""
    return RUN_ID.sub("<run>", output)


def draw(folder: Path) -> None:
    """The README's figure: the first run's price, liquidation price and events of one symbol."""
    from matplotlib import rc_context

    import backtest as bt
    from backtest.report.figures import STYLE, price_figure

    store = folder / "store"
    history = bt.load("sample", ["BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT"], "1h", store=store)
    figure = price_figure(bt.run(screen()[0].split()[2], history), FIGURE_SYMBOL)
    FIGURE.parent.mkdir(parents=True, exist_ok=True)
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context(STYLE):
        figure.savefig(FIGURE, format="svg", facecolor="white", metadata=metadata)


def main() -> None:
    command, before = screen()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        after = output_of(command)
        if masked(after) != masked(before):
            text = README.read_text(encoding="utf-8")
            README.write_text(text.replace(f"$ {command}\n{before}", f"$ {command}\n{after}"), encoding="utf-8")
        draw(Path(folder))
        os.chdir(ROOT)
    sys.stdout.write(f"{README}\n{FIGURE}\n")


if __name__ == "__main__":
    main()
