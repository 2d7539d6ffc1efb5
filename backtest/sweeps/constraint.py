"""`liquidations==0`: what a trial must fulfil to be chosen."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtest.config import fraction
from backtest.errors import UsageError, near

SIGNS: dict[str, Callable[[NDArray[np.float64], float], NDArray[np.bool_]]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_FORM = re.compile(r"^\s*(\w+)\s*(>=|<=|==|!=|>|<)\s*(\S+)\s*$")
_AND = re.compile(r"\s*(?:,|\band\b|&)\s*")


@dataclass(frozen=True, kw_only=True)
class Constraint:
    """A metric or a numeric parameter, compared by `sign` with `limit`.

    >>> str(Constraint.from_text("max_drawdown > -20%"))
    'max_drawdown>-0.2'
    """

    name: str
    sign: str
    limit: float

    @classmethod
    def from_text(cls, text: str) -> Constraint:
        """A constraint from `NAME SIGN NUMBER`; raises `UsageError` for any other form."""
        found = _FORM.match(text)
        if found is None:
            raise UsageError(
                f"'{text}' is no constraint; write a metric, one of {' '.join(SIGNS)}, and a number, as in "
                "liquidations==0"
            )
        return cls(name=found[1], sign=found[2], limit=fraction(found[3], f"the limit of '{text}'"))

    def checked(self, known: Collection[str]) -> Constraint:
        """Itself; raises `UsageError` where no column has its name."""
        if self.name in known:
            return self
        raise UsageError(
            f"the constraint '{self}' asks for '{self.name}', which a sweep does not have; {near(self.name, known)}"
            f"it has {', '.join(known)}"
        )

    def holds(self, frame: pd.DataFrame) -> NDArray[np.bool_]:
        """In which trials it is true; a figure that could not be worked out fulfils none."""
        values = frame[self.name].to_numpy(np.float64)
        true: NDArray[np.bool_] = SIGNS[self.sign](values, self.limit) & np.isfinite(values)
        return true

    def __str__(self) -> str:
        return f"{self.name}{self.sign}{self.limit:g}"


def constraints(text: str | Iterable[str]) -> tuple[Constraint, ...]:
    """Constraints from texts, each of which may hold several with `and` or commas between.

    >>> [str(each) for each in constraints("liquidations == 0 and trades>=10")]
    ['liquidations==0', 'trades>=10']
    """
    texts = [text] if isinstance(text, str) else list(text)
    return tuple(Constraint.from_text(part) for each in texts for part in _AND.split(each) if part)
