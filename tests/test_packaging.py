"""The tested set of versions covers what the project asks for, and every entry point leads to a class."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
ASKED = [*PROJECT["dependencies"], *(one for extra in EXTRAS.values() for one in extra)]


def known_versions() -> dict[str, str]:
    """Package and version of each line of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


@pytest.mark.parametrize("requirement", sorted(set(ASKED)))
def test_the_tested_version_of_a_dependency_fulfils_its_bound(requirement: str) -> None:
    name, _, least = requirement.partition(">=")
    assert least, f"{requirement} has no lower bound"
    assert numbers(known_versions()[name]) >= numbers(least)


@pytest.mark.parametrize("group", ["backtest.data", "backtest.strategies"])
def test_every_entry_point_leads_to_a_class(group: str) -> None:
    found = [entry for entry in metadata.entry_points(group=group) if entry.dist and entry.dist.name == "isomargin"]
    assert {entry.name for entry in found} == set(PROJECT["entry-points"][group])
    assert all(isinstance(entry.load(), type) for entry in found)


def test_the_console_command_is_the_one_of_the_project() -> None:
    assert PROJECT["scripts"] == {"backtest": "backtest.cli.main:main"}
