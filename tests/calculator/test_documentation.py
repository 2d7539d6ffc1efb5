"""What docs/calculator.md shows is what the commands and functions do."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import backtest as bt
from backtest.cli.main import status

PAGE = (Path(__file__).parents[2] / "docs" / "calculator.md").read_text(encoding="utf-8")
COMMANDS = [line for line in re.findall(r"^backtest calc .*$", PAGE, re.MULTILINE) if " batch " not in line]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_of_the_page_runs(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command, comments=True)[1:]
    assert status(words) == 0
    assert status([*words, "--json"]) == 0
    capsys.readouterr()


def test_the_python_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    block = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    names: dict[str, object] = {"bt": bt}
    exec(block.group(1), names)
    # 60,000 x 0.9 / 0.995, as Bybit counts since September 2025
    assert capsys.readouterr().out.strip().endswith("= 54271.357")
