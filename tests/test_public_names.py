"""The list of public names is sorted, complete and importable; importing the package is light."""

from __future__ import annotations

import subprocess
import sys

import pytest

import backtest

HEAVY = ("pandas", "numba", "pyarrow", "matplotlib", "ccxt", "vectorbt", "rich", "click")


def test_the_list_of_public_names_is_sorted_and_has_no_name_twice() -> None:
    assert backtest.__all__ == sorted(set(backtest.__all__))


@pytest.mark.parametrize("name", backtest.__all__)
def test_every_public_name_is_importable(name: str) -> None:
    assert getattr(backtest, name) is not None


def test_the_places_of_the_public_names_are_those_of_the_list() -> None:
    assert sorted([*backtest._HOMES, *backtest._MODULES]) == backtest.__all__


def test_a_name_that_does_not_exist_says_which_do() -> None:
    with pytest.raises(AttributeError, match="its public names are"):
        backtest.no_such_name  # noqa: B018


def modules_after(statement: str) -> set[str]:
    """Names of the modules that a fresh interpreter has loaded after `statement`."""
    told = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport sys\nprint('\\n'.join(sys.modules))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(told.stdout.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert not modules_after("import backtest").intersection(HEAVY)


def test_a_strategy_needs_no_plotting_no_exchange_client_and_no_vectorbt() -> None:
    loaded = modules_after("import backtest as bt\nbt.Strategy, bt.run, bt.Result")
    assert not loaded.intersection({"matplotlib", "ccxt", "vectorbt", "rich", "click"})
