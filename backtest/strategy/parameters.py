"""Declared parameters of a strategy: a default, bounds, and one meaning.

class Breakout(bt.Strategy):
    lookback = bt.Param(48, low=12, high=240, help="bars of the channel")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from backtest.errors import UsageError, near

if TYPE_CHECKING:
    from backtest.strategy.protocol import Strategy

Value = float | int | str | bool


class Param:
    """One parameter: `default` gives its type, `low` and `high` its bounds (both included), `choices` the values of a
    text.

    On the class it is this description, on an instance its value.
    """

    def __init__(
        self,
        default: Value,
        *,
        low: float | None = None,
        high: float | None = None,
        choices: tuple[str, ...] = (),
        help: str = "",
    ) -> None:
        self.name = ""
        self.default = default
        self.low = low
        self.high = high
        self.choices = choices
        self.help = help

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        self.checked(self.default)

    if TYPE_CHECKING:

        def __get__(self, instance: object, owner: type | None = None) -> Any: ...

    def checked(self, value: object) -> Value:
        """`value`, or the number that its text says, in the type of the default; raises `UsageError` outside the
        bounds.
        """
        found = self._typed(value)
        if isinstance(found, str):
            if self.choices and found not in self.choices:
                known = ", ".join(self.choices)
                raise UsageError(f"parameter {self.name} is '{found}'; {near(found, self.choices)}it is one of {known}")
            return found
        if (self.low is not None and found < self.low) or (self.high is not None and found > self.high):
            low = "" if self.low is None else f"{self.low:g} ≤ "
            high = "" if self.high is None else f" ≤ {self.high:g}"
            raise UsageError(f"parameter {self.name} is {found:g}, outside its bounds: {low}{self.name}{high}")
        return found

    def _typed(self, value: object) -> Value:
        kind = type(self.default)
        try:
            if kind is bool:
                return _truth(value)
            if kind is int:
                if float(value) != int(float(value)):  # type: ignore[arg-type]
                    raise ValueError
                return int(float(value))  # type: ignore[arg-type]
            if kind is float:
                found = float(value)  # type: ignore[arg-type]
                if found != found:
                    raise ValueError
                return found
        except (TypeError, ValueError):
            wanted = {bool: "yes or no", int: "a whole number", float: "a number"}[kind]
            raise UsageError(f"parameter {self.name} is {value!r}; it must be {wanted}") from None
        return str(value)


def _truth(value: object) -> bool:
    text = str(value).strip().lower()
    if text in ("true", "yes", "on", "1"):
        return True
    if text in ("false", "no", "off", "0"):
        return False
    raise ValueError


def parameters_of(strategy: type[Strategy]) -> dict[str, Param]:
    """The declared parameters of a strategy class, inherited ones first, by name."""
    found: dict[str, Param] = {}
    for owner in reversed(strategy.__mro__):
        found.update({name: each for name, each in vars(owner).items() if isinstance(each, Param)})
    return found


def resolved(strategy: type[Strategy], given: Mapping[str, object]) -> dict[str, Value]:
    """Every parameter's value, `given` over the defaults; raises `UsageError` for an unknown name or a bad value."""
    declared = parameters_of(strategy)
    for name in given:
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise UsageError(
                f"{strategy.__name__} has no parameter '{name}'; {near(name, declared)}its parameters are: {known}"
            )
    return {name: each.checked(given.get(name, each.default)) for name, each in declared.items()}
