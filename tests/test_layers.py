"""What may import what, where a list of what is allowed says it better than a contract of what is not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).parents[1] / "backtest"
KERNELS = sorted((CORE / "broker").glob("*.py"))
NUMBERS_ONLY = ("numpy", "numba", "backtest.enums", "backtest.errors", "backtest.compiling", "backtest.broker")
STANDARD = ("__future__", "collections", "dataclasses", "enum", "math", "typing")


def imported(path: Path) -> Iterator[str]:
    """Modules that a file imports at any depth of its code."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: path.stem)
def test_the_broker_imports_numbers_only(path: Path) -> None:
    allowed = NUMBERS_ONLY + STANDARD
    assert [name for name in imported(path) if not name.startswith(allowed)] == []


@pytest.mark.parametrize("name", ["vectorbt", "ccxt", "matplotlib"])
def test_heavy_libraries_are_imported_in_the_files_that_need_them_and_no_others(name: str) -> None:
    allowed = {"vectorbt": {"vectorbt_portfolio.py"}, "ccxt": set(), "matplotlib": {"figures.py", "svg.py"}}[name]
    found = {path.name for path in CORE.rglob("*.py") for module in imported(path) if module.partition(".")[0] == name}
    assert found <= allowed
