"""A whole plan given in advance, run by the kernel without entering Python.

A schedule is an array of the same commands that a Python strategy gives, each with the base bar at whose close it is
given. So the two ways of driving the broker cannot differ: the kernel takes both from the same queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from backtest.broker.records import COMMAND, commands
from backtest.enums import CommandKind, OrderKind, SizeKind
from backtest.errors import UsageError

TARGETS = {
    "exposure": SizeKind.TARGET_EXPOSURE,
    "notional": SizeKind.TARGET_NOTIONAL,
    "margin": SizeKind.TARGET_MARGIN,
    "quantity": SizeKind.TARGET_QUANTITY,
}
"""What a target may size: signed notional as a fraction of equity, signed notional, signed margin × leverage, signed
quantity.
"""


@dataclass(frozen=True, eq=False)
class Schedule:
    """COMMAND records sorted by `bar`. Made by `Schedule.of_targets`, or by `+` of several schedules."""

    commands: NDArray[np.void]

    def __post_init__(self) -> None:
        if self.commands.dtype != COMMAND:
            raise UsageError("a schedule is an array of COMMAND records; make it with Schedule.of_targets")
        if len(self.commands) and (np.diff(self.commands["bar"]) < 0).any():
            object.__setattr__(self, "commands", self.commands[np.argsort(self.commands["bar"], kind="stable")])

    def __add__(self, other: Schedule) -> Schedule:
        return Schedule(np.concatenate([self.commands, other.commands]))

    def __len__(self) -> int:
        return len(self.commands)

    @classmethod
    def of_targets(
        cls,
        bars: ArrayLike,
        legs: ArrayLike,
        *,
        leverage: ArrayLike = np.nan,
        stop: ArrayLike = np.nan,
        take_profit: ArrayLike = np.nan,
        trailing_stop: ArrayLike = np.nan,
        **size: ArrayLike,
    ) -> Schedule:
        """Rows of targets: at the close of base bar `bars[i]`, symbol `legs[i]` is to be brought to its target.

        Exactly one of `exposure=` (signed notional as a fraction of equity), `notional=`, `margin=` (signed, times
        the leverage) or `quantity=` (signed). `leverage`, `stop`, `take_profit` (prices; NaN: none) and
        `trailing_stop` (a callback rate) apply with it; 0 closes the position.

        >>> plan = Schedule.of_targets([0, 5], [0, 0], exposure=[0.5, 0.0], leverage=5)
        >>> len(plan), plan.commands["size"].tolist()
        (2, [0.5, 0.0])
        """
        if len(size) != 1 or next(iter(size)) not in TARGETS:
            raise UsageError(
                f"a target says what it sizes: exactly one of {', '.join(TARGETS)}, not {', '.join(size) or 'none'}"
            )
        name, values = next(iter(size.items()))
        bar = np.atleast_1d(np.asarray(bars, np.int64))
        rows = commands(len(bar))
        rows["bar"] = bar
        rows["kind"] = CommandKind.ORDER
        rows["leg"] = legs
        rows["side"] = 1
        rows["order_kind"] = OrderKind.MARKET
        rows["size_kind"] = TARGETS[name]
        rows["size"] = values
        rows["leverage"], rows["stop"], rows["take_profit"] = leverage, stop, take_profit
        rows["trailing_stop"] = trailing_stop
        if np.isnan(rows["size"]).any():
            raise UsageError(f"a target's {name} is NaN; leave the row out to leave the position as it is")
        return cls(rows[np.argsort(rows["bar"], kind="stable")])

    @classmethod
    def of_nets(cls, bars: ArrayLike, long_leg: int, short_leg: int, **plan: ArrayLike) -> Schedule:
        """Rows of targets of a symbol in hedge mode: its leg of the target's sign is brought to it, the other one is
        closed before. `plan` as in `of_targets`.
        """
        net = cls.of_targets(bars, long_leg, **plan)
        wanted = net.commands["size"]
        net.commands["leg"] = np.where(wanted < 0.0, short_leg, long_leg)
        closing = net.commands.copy()
        closing["leg"] = np.where(wanted < 0.0, long_leg, short_leg)
        closing["size"], closing["size_kind"] = 0.0, SizeKind.TARGET_QUANTITY
        for name in ("leverage", "stop", "take_profit", "trailing_stop"):
            closing[name] = np.nan
        return Schedule(np.concatenate([closing, net.commands]))

    @classmethod
    def of_margin(cls, bars: ArrayLike, legs: ArrayLike, *, add: ArrayLike) -> Schedule:
        """Rows of margin commands: `add[i]` (money) moves into the position, a negative amount out of it."""
        amounts = np.atleast_1d(np.asarray(add, np.float64))
        bar = np.atleast_1d(np.asarray(bars, np.int64))
        rows = commands(len(bar))
        rows["bar"], rows["leg"], rows["amount"] = bar, legs, np.abs(amounts)
        rows["kind"] = np.where(amounts >= 0, CommandKind.ADD_MARGIN, CommandKind.REMOVE_MARGIN)
        return cls(rows[np.argsort(rows["bar"], kind="stable")])


Planned = str | tuple[str, str]
"""What a plan names: a symbol, or in hedge mode a leg of it, as in ("BTC/USDT:USDT", "short")."""


def per_decision(
    symbols: Sequence[Planned], closes: NDArray[np.int64], wanted: dict[Planned, Any], name: str
) -> dict[Planned, NDArray[np.float64]]:
    """An array per symbol (or leg), one value per decision bar, from arrays, series or constants; raises where a length
    differs.
    """
    found = {}
    for symbol, values in wanted.items():
        if symbol not in symbols:
            known = ", ".join(map(str, symbols))
            raise UsageError(f"the plan's {name} names '{symbol}', which is not in this run ({known})")
        column = np.asarray(values, np.float64)
        if column.ndim == 0:
            column = np.full(len(closes), float(column))
        if len(column) != len(closes):
            raise UsageError(f"the plan's {name} of {symbol} has {len(column)} values for {len(closes)} decision bars")
        found[symbol] = column
    return found
