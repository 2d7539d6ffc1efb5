"""`--fail-if 'liquidations>0'`: a condition on a metric that ends the command with exit code 6 when it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from backtest.comparison import Comparison
from backtest.errors import UsageError, near
from backtest.report.definitions import DEFINITIONS


class Gate(Comparison):
    """A metric compared with a number.

    >>> gate = Gate.from_text("max_drawdown<-20%")
    >>> gate.holds({"max_drawdown": -0.25})
    True
    """

    noun: ClassVar[str] = "gate"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """A gate from `METRIC SIGN NUMBER`; raises `UsageError` for any other form and for an unknown metric."""
        gate = super().from_text(text)
        if gate.name not in DEFINITIONS:
            raise UsageError(
                f"--fail-if asks for '{gate.name}', which is no metric; {near(gate.name, DEFINITIONS)}"
                f"known are {', '.join(DEFINITIONS)}"
            )
        return gate

    def holds(self, metrics: Mapping[str, float]) -> bool:
        """Whether the condition is true of a run; a figure that could not be worked out fulfils none but `!=`."""
        return bool(self.compared(metrics[self.name]))
