"""What docs/orders.md shows is what a strategy can do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import backtest as bt
from backtest.strategy.trading import KEYWORDS

PAGE = (Path(__file__).parents[2] / "docs" / "orders.md").read_text(encoding="utf-8")


def test_the_python_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    block = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    names: dict[str, object] = {"bt": bt}
    exec(block.group(1), names)
    result = names["result"]
    assert isinstance(result, bt.Result)
    assert "trailing-stop" in set(result.trades["exit_reason"])
    assert "sibling-filled" in set(result.orders["reason"])
    assert "exit_reason" in capsys.readouterr().out


def test_the_page_names_every_keyword_of_an_order() -> None:
    told = set(re.findall(r"`([a-z_]+)=", PAGE))
    assert KEYWORDS - {"tag"} <= told
