"""Which parameter sets are tried: all of a grid, a seeded draw, or what a guided search asks for.

Texts, as on the command line: `10:50:10` (from, to, step; both ends included), `2,5,10` (a list), `0.5..3` (anything
between, for draws), `bounds` (between the parameter's own bounds), `7` (one value).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backtest.errors import UsageError
from backtest.strategy.parameters import Param, Value, parameters_of, resolved
from backtest.strategy.protocol import Strategy

MOST = 10_000_000
"""Sets of one sweep; beyond that something was mistyped."""


@dataclass(frozen=True)
class Choice:
    """These values and no others."""

    values: tuple[Value, ...]

    def draw(self, random: np.random.Generator) -> Value:
        """One of them."""
        return self.values[int(random.integers(len(self.values)))]


@dataclass(frozen=True)
class Between:
    """Any number from `low` to `high`, both included; `whole` ones only where the parameter is a whole number."""

    low: float
    high: float
    whole: bool

    def draw(self, random: np.random.Generator) -> Value:
        """One of them."""
        if self.whole:
            return int(random.integers(int(self.low), int(self.high) + 1))
        return float(random.uniform(self.low, self.high))


Dimension = Choice | Between


@dataclass(frozen=True, kw_only=True)
class Space:
    """The values of the parameters that vary, and those of the others."""

    dimensions: Mapping[str, Dimension]
    fixed: Mapping[str, Value]

    @classmethod
    def of(cls, strategy: type[Strategy], given: Mapping[str, Any]) -> Space:
        """From a strategy and, by parameter, a text, one value, or several; where none varies, all that have bounds
        do.

        Raises `UsageError` for an unknown name or a value outside a parameter's bounds.
        """
        declared = parameters_of(strategy)
        resolved(strategy, {name: declared[name].default if name in declared else 0 for name in given})
        found = {name: _dimension(declared[name], wanted) for name, wanted in given.items()}
        varied = {name: each for name, each in found.items() if not _single(each)}
        if not varied:
            named = [name for name, each in declared.items() if each.low is not None and each.high is not None]
            varied = {name: _bounds(declared[name]) for name in named if name not in found}
        if not varied:
            raise UsageError(
                f"nothing varies in this sweep of {strategy.__name__}: give a parameter several values, "
                "as in fast=10:50:10 or leverage=2,5,10"
            )
        single = {name: each.values[0] for name, each in found.items() if isinstance(each, Choice) and _single(each)}
        others = resolved(strategy, single)
        return cls(dimensions=varied, fixed={name: value for name, value in others.items() if name not in varied})

    @property
    def size(self) -> float:
        """Number of different sets; infinite where a number may lie anywhere."""
        size = 1.0
        for each in self.dimensions.values():
            if isinstance(each, Choice):
                size *= len(each.values)
            else:
                size *= each.high - each.low + 1 if each.whole else math.inf
        return size

    def grid(self) -> list[dict[str, Value]]:
        """All sets, the last parameter varying fastest."""
        for name, each in self.dimensions.items():
            if isinstance(each, Between):
                raise UsageError(
                    f"a grid needs the values of '{name}'; give them as {name}={each.low:g}:{each.high:g}:STEP or as "
                    "a list, or draw sets with the method random"
                )
        if self.size > MOST:
            raise UsageError(f"the grid has {self.size:,.0f} sets; give fewer values, or draw some with method random")
        sets: list[dict[str, Value]] = [{}]
        for name, each in self.dimensions.items():
            assert isinstance(each, Choice)
            sets = [{**one, name: value} for one in sets for value in each.values]
        return sets

    def draws(self, number: int, seed: int) -> list[dict[str, Value]]:
        """`number` different sets drawn evenly; fewer where there are not so many."""
        random = np.random.default_rng(seed)
        found: dict[tuple[Value, ...], dict[str, Value]] = {}
        if self.size <= 2 * number and all(isinstance(each, Choice) for each in self.dimensions.values()):
            sets = self.grid()
            chosen = random.permutation(len(sets))[:number]
            return [sets[int(row)] for row in chosen]
        wanted = int(min(number, self.size))
        while len(found) < wanted:
            drawn = {name: each.draw(random) for name, each in self.dimensions.items()}
            found.setdefault(tuple(drawn.values()), drawn)
        return list(found.values())

    def described(self) -> dict[str, list[Any]]:
        """Plain values that say which sets there are, for the folder of the sweep."""
        return {
            name: list(each.values) if isinstance(each, Choice) else ["between", each.low, each.high, each.whole]
            for name, each in self.dimensions.items()
        }


def _single(dimension: Dimension) -> bool:
    return isinstance(dimension, Choice) and len(dimension.values) == 1


def _dimension(declared: Param, wanted: Any) -> Dimension:
    if isinstance(wanted, str):
        return _of_text(declared, wanted.strip())
    if isinstance(wanted, Iterable):
        return _choice(declared, wanted)
    return _choice(declared, [wanted])


def _of_text(declared: Param, text: str) -> Dimension:
    if text == "bounds":
        return _bounds(declared)
    if ".." in text and isinstance(declared.default, int | float):
        low, _, high = text.partition("..")
        return _between(declared, declared.checked(low), declared.checked(high))
    if ":" in text and isinstance(declared.default, int | float):
        return _choice(declared, _stepped(declared.name, text))
    return _choice(declared, (part.strip() for part in text.split(",")))


def _choice(declared: Param, values: Iterable[object]) -> Choice:
    checked = tuple(dict.fromkeys(declared.checked(_native(value)) for value in values))
    if not checked:
        raise UsageError(f"the parameter {declared.name} is given no value")
    return Choice(checked)


def _native(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else value


def _bounds(declared: Param) -> Dimension:
    if isinstance(declared.default, bool):
        return Choice((False, True))
    if declared.choices:
        return Choice(declared.choices)
    if declared.low is None or declared.high is None:
        raise UsageError(f"the parameter {declared.name} declares no bounds; write {declared.name}=LOW..HIGH")
    return _between(declared, declared.checked(declared.low), declared.checked(declared.high))


def _between(declared: Param, low: Value, high: Value) -> Between:
    assert not isinstance(low, str)
    assert not isinstance(high, str)
    if not low < high:
        raise UsageError(f"the range of {declared.name} goes from {low} to {high}; write the lower end first")
    return Between(float(low), float(high), isinstance(declared.default, int))


def _stepped(name: str, text: str) -> Iterator[float]:
    parts = text.split(":")
    try:
        low, high, step = (float(part) for part in parts)
        if not (step > 0.0 and high >= low and math.isfinite(high)):
            raise ValueError
    except ValueError:
        raise UsageError(f"'{name}={text}' is no range; write {name}=FROM:TO:STEP, as in {name}=10:50:10") from None
    number = math.floor((high - low) / step + 1e-9) + 1
    if number > MOST:
        raise UsageError(f"'{name}={text}' has {number:,} values; give a larger step")
    return (round(low + k * step, 12) for k in range(number))
