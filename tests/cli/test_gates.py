"""A gate is a metric, a sign and a number."""

from __future__ import annotations

import math

import pytest

from backtest.cli.gates import Gate
from backtest.errors import UsageError

METRICS = {"liquidations": 1, "max_drawdown": -0.25, "sharpe": math.nan}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("liquidations>0", True),
        ("liquidations > 1", False),
        ("liquidations>=1", True),
        ("liquidations==1", True),
        ("liquidations!=1", False),
        ("max_drawdown<-20%", True),
        ("max_drawdown<=-30%", False),
        ("sharpe<1", False),
    ],
)
def test_a_gate_compares_a_metric_with_a_number(text: str, holds: bool) -> None:
    assert Gate.from_text(text).holds(METRICS) is holds


@pytest.mark.parametrize("text", ["liquidations", "liquidations=1", ">0", "liquidations>", "a>b"])
def test_a_text_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Gate.from_text(text)


def test_an_unknown_metric_gives_the_near_name() -> None:
    with pytest.raises(UsageError, match="'liquidation', which is no metric; did you mean 'liquidations'"):
        Gate.from_text("liquidation>0")
