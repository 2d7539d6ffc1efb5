"""Stretches of time to choose on and stretches to try the choice on, one after the other.

    rolling                          anchored
    |--train--|e|test|               |--train--|e|test|
         |--train--|e|test|          |----train-----|e|test|
              |--train--|e|test|     |-------train-------|e|test|

A fold's test range begins an embargo after its training range ends, so that what a position or an indicator still
carries from the one cannot show in the other. Test ranges never overlap: their equity is chained. Only whole folds are
made; what is left at the end is not used.
"""

from __future__ import annotations

from dataclasses import dataclass

from backtest.clock import interval_ns, interval_text, time_text
from backtest.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One pair of ranges, UTC nanoseconds, ends exclusive; `number` counts from 1."""

    number: int
    train_start_ns: int
    train_end_ns: int
    test_start_ns: int
    test_end_ns: int


@dataclass(frozen=True, kw_only=True)
class FoldPlan:
    """How folds are laid over a history; lengths in nanoseconds.

    train_ns: the (first) training range. test_ns: each test range. step_ns: from one fold to the next, at least
    `test_ns`. embargo_ns: left out between the two. anchored: every training range begins where the first does.

    >>> FoldPlan.of("180d", "30d", embargo="1d").step_ns == FoldPlan.of("180d", "30d").test_ns
    True
    """

    train_ns: int
    test_ns: int
    step_ns: int
    embargo_ns: int = 0
    anchored: bool = False

    def __post_init__(self) -> None:
        if self.train_ns <= 0 or self.test_ns <= 0 or self.embargo_ns < 0:
            raise UsageError("train and test are longer than nothing, and the embargo is not negative")
        if self.step_ns < self.test_ns:
            raise UsageError(
                f"a step of {_text(self.step_ns)} is shorter than the test range of {_text(self.test_ns)}, so test "
                "ranges would overlap and count the same days twice; take a step of at least the test range"
            )

    @classmethod
    def of(
        cls, train: str, test: str, *, step: str | None = None, embargo: str = "0d", anchored: bool = False
    ) -> FoldPlan:
        """A plan from texts such as `180d`; without `step` each test range begins where the last one ended."""
        test_ns = interval_ns(test)
        return cls(
            train_ns=interval_ns(train),
            test_ns=test_ns,
            step_ns=test_ns if step is None else interval_ns(step),
            embargo_ns=0 if embargo.strip().rstrip("mhdw") == "0" else interval_ns(embargo),
            anchored=anchored,
        )

    def folds(self, start_ns: int, end_ns: int, timeframe_ns: int) -> tuple[Fold, ...]:
        """The folds of a history in [start_ns, end_ns) with decision bars of `timeframe_ns`; at least one."""
        for name in ("train", "test", "step", "embargo"):
            length_ns = getattr(self, f"{name}_ns")
            if length_ns % timeframe_ns:
                raise UsageError(
                    f"{name} {_text(length_ns)} is no whole number of decision bars of {_text(timeframe_ns)}"
                )
        whole_ns = self.train_ns + self.embargo_ns + self.test_ns
        count = (end_ns - start_ns - whole_ns) // self.step_ns + 1
        if count < 1:
            raise UsageError(
                f"not one fold of {_text(whole_ns)} (train, embargo and test) fits into "
                f"{time_text(start_ns)}..{time_text(end_ns)}; choose a longer range or shorter folds"
            )
        return tuple(self._fold(number, start_ns) for number in range(1, count + 1))

    def _fold(self, number: int, start_ns: int) -> Fold:
        moved_ns = (number - 1) * self.step_ns
        train_end_ns = start_ns + moved_ns + self.train_ns
        test_start_ns = train_end_ns + self.embargo_ns
        return Fold(
            number=number,
            train_start_ns=start_ns if self.anchored else start_ns + moved_ns,
            train_end_ns=train_end_ns,
            test_start_ns=test_start_ns,
            test_end_ns=test_start_ns + self.test_ns,
        )


def _text(length_ns: int) -> str:
    return interval_text(length_ns) if length_ns else "0d"
