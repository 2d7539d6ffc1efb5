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
    """Modules that a file imports at any depth of its code, those for the type checker left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typed = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    unseen = {id(inner) for node in typed for inner in ast.walk(node)}
    for node in (each for each in ast.walk(tree) if id(each) not in unseen):
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
    pictures = {"figures.py", "heatmap.py", "svg.py"}
    allowed = {"vectorbt": {"vectorbt_portfolio.py"}, "ccxt": set(), "matplotlib": pictures}[name]
    found = {path.name for path in CORE.rglob("*.py") for module in imported(path) if module.partition(".")[0] == name}
    assert found <= allowed
