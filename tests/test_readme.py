"""README runs: its first screen prints what it shows, its Python blocks work, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.readme import README, ROOT, masked, output_of, screen

TEXT = README.read_text(encoding="utf-8")


def test_the_first_screens_command_prints_what_stands_below_it(workspace: Path) -> None:
    command, shown = screen()
    assert masked(output_of(command)) == masked(shown), "see tests/readme.py; `make readme` writes it anew"


def test_the_python_blocks_run_in_their_order(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert blocks
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)


def test_every_command_named_in_readme_exists() -> None:
    from backtest.cli.main import COMMANDS

    named = set(re.findall(r"^(?:\$ )?backtest ([a-z-]+)", TEXT, re.MULTILINE))
    assert named and named <= set(COMMANDS)


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_to_files_that_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    assert [target for target in targets if not (ROOT / target).exists()] == []
