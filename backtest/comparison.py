"""`liquidations>0`: a name, a sign and a number, as gates (`--fail-if`) and the constraints of sweeps are written."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from backtest.config import fraction
from backtest.errors import UsageError

SIGNS: dict[str, Callable[[Any, float], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_FORM = re.compile(r"^\s*(\w+)\s*(>=|<=|==|!=|>|<)\s*(\S+)\s*$")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What has this name, compared by `sign` with `limit`; of one figure or of an array of them.

    >>> drawn = Comparison.from_text("max_drawdown < -20%")
    >>> str(drawn), drawn.compared(-0.25)
    ('max_drawdown<-0.2', True)
    """

    name: str
    sign: str
    limit: float

    noun: ClassVar[str] = "comparison"
    example: ClassVar[str] = "liquidations>0"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """From `NAME SIGN NUMBER`; raises `UsageError` for any other form."""
        found = _FORM.match(text)
        if found is None:
            raise UsageError(
                f"'{text}' is no {cls.noun}; write a metric, one of {' '.join(SIGNS)}, and a number, as in "
                f"{cls.example}"
            )
        return cls(name=found[1], sign=found[2], limit=fraction(found[3], f"the limit of '{text}'"))

    def compared(self, values: Any) -> Any:
        """True where it is true of `values`, a number or an array."""
        return SIGNS[self.sign](values, self.limit)

    def __str__(self) -> str:
        return f"{self.name}{self.sign}{self.limit:g}"
