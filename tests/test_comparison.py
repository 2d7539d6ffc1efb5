"""Gates and constraints are one grammar."""

from __future__ import annotations

import numpy as np
import pytest

from backtest.cli.gates import Gate
from backtest.comparison import SIGNS, Comparison
from backtest.errors import UsageError
from backtest.sweeps.constraint import Constraint


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("spaces", ["", " "])
def test_gates_and_constraints_read_the_same_texts(sign: str, spaces: str) -> None:
    text = f"max_drawdown{spaces}{sign}{spaces}-20%"
    gate, constraint = Gate.from_text(text), Constraint.from_text(text)
    assert (gate.name, gate.sign, gate.limit) == (constraint.name, constraint.sign, constraint.limit)
    assert (gate.name, gate.sign, gate.limit) == ("max_drawdown", sign, -0.2)
    assert str(gate) == str(constraint) == f"max_drawdown{sign}-0.2"


def test_it_compares_one_figure_and_many() -> None:
    few = Comparison.from_text("trades<10")
    assert few.compared(9.0) and not few.compared(10.0)
    assert few.compared(np.array([9.0, 10.0])).tolist() == [True, False]


@pytest.mark.parametrize("kind", [Gate, Constraint])
@pytest.mark.parametrize("text", ["liquidations", "liquidations=1", "=>1", "liquidations>many", "liquidations>1 2"])
def test_other_texts_are_refused_with_what_was_asked_for(kind: type[Comparison], text: str) -> None:
    with pytest.raises(UsageError, match=f"no {kind.noun}; write a metric|the limit of 'liquidations>many'"):
        kind.from_text(text)
