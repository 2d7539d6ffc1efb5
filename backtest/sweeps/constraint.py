"""`liquidations==0`: what a trial must fulfil to be chosen."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from backtest.comparison import Comparison
from backtest.errors import UsageError, near

_AND = re.compile(r"\s*(?:,|\band\b|&)\s*")


class Constraint(Comparison):
    """A metric or a numeric parameter compared with a number.

    >>> str(Constraint.from_text("max_drawdown > -20%"))
    'max_drawdown>-0.2'
    """

    noun: ClassVar[str] = "constraint"
    example: ClassVar[str] = "liquidations==0"

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
        true: NDArray[np.bool_] = self.compared(values) & np.isfinite(values)
        return true


def constraints(text: str | Iterable[str]) -> tuple[Constraint, ...]:
    """Constraints from texts, each of which may hold several with `and` or commas between.

    >>> [str(each) for each in constraints("liquidations == 0 and trades>=10")]
    ['liquidations==0', 'trades>=10']
    """
    texts = [text] if isinstance(text, str) else list(text)
    return tuple(Constraint.from_text(part) for each in texts for part in _AND.split(each) if part)
