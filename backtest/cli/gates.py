"""`--fail-if 'liquidations>0'`: a condition on a metric that ends the command with exit code 6 when it holds."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from backtest.config import fraction
from backtest.errors import UsageError, near
from backtest.report.definitions import DEFINITIONS

SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_FORM = re.compile(r"^\s*(\w+)\s*(>=|<=|==|!=|>|<)\s*(\S+)\s*$")


@dataclass(frozen=True, kw_only=True)
class Gate:
    """`metric` compared by `sign` with `limit`.

    >>> gate = Gate.from_text("max_drawdown<-20%")
    >>> gate.holds({"max_drawdown": -0.25})
    True
    """

    metric: str
    sign: str
    limit: float

    @classmethod
    def from_text(cls, text: str) -> Gate:
        """A gate from `METRIC SIGN NUMBER`; raises `UsageError` for any other form and for an unknown metric."""
        found = _FORM.match(text)
        if found is None:
            raise UsageError(
                f"'{text}' is no gate; write a metric, one of {' '.join(SIGNS)}, and a number, as in liquidations>0"
            )
        if found[1] not in DEFINITIONS:
            raise UsageError(
                f"--fail-if asks for '{found[1]}', which is no metric; {near(found[1], DEFINITIONS)}"
                f"known are {', '.join(DEFINITIONS)}"
            )
        return cls(metric=found[1], sign=found[2], limit=fraction(found[3], f"the limit of --fail-if '{text}'"))

    def holds(self, metrics: Mapping[str, float]) -> bool:
        """Whether the condition is true of a run; a figure that could not be worked out fulfils none but `!=`."""
        return SIGNS[self.sign](metrics[self.metric], self.limit)

    def __str__(self) -> str:
        return f"{self.metric}{self.sign}{self.limit:g}"
