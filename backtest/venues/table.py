"""One table of a venue's TOML file. Whatever is wrong in it is answered with the file, the table and the key.

>>> Table(file="mine.toml", name="rules", values={"strict": "yes"}).flag("strict")
Traceback (most recent call last):
backtest.errors.UsageError: mine.toml, [rules]: strict is 'yes'; it must be true or false
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import TypeVar

from backtest.clock import moment_ns
from backtest.enums import from_label
from backtest.errors import UsageError, near

Choice = TypeVar("Choice", bound=IntEnum)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of a file: `name` as it stands between the brackets, "" for the whole file."""

    file: str
    name: str
    values: Mapping[str, object]

    def wrong(self, said: str) -> UsageError:
        """The error that says where `said` is so."""
        return UsageError(f"{self.file}{f', [{self.name}]' if self.name else ''}: {said}")

    def only(self, known: Collection[str], *, dated: bool = False) -> None:
        """Raises where there is a key that is not known (nor a date, where the table has tables of dates)."""
        for key in self.values:
            if key in known or (dated and key[:1].isdigit()):
                continue
            meant = near(key, known) or f"known are {', '.join(known)}"
            raise self.wrong(f"'{key}' is no key here; {meant.rstrip()}")

    def table(self, key: str) -> Table:
        """The table under a key; an empty one where there is none."""
        name = f"{self.name}.{key}" if self.name else key
        found = self.values.get(key, {})
        if not isinstance(found, dict):
            raise self.wrong(f"{key} is {found!r}; it must be a table, [{name}]")
        return Table(file=self.file, name=name, values=found)

    def dates(self) -> Iterator[tuple[int, str]]:
        """The keys that are dates, as UTC nanoseconds and as they stand, in the order of time."""
        found = []
        for key in self.values:
            if key[:1].isdigit():
                try:
                    found.append((moment_ns(key), key))
                except UsageError as error:
                    raise self.wrong(str(error)) from None
        yield from sorted(found)

    def text(self, key: str) -> str:
        """The text under a key."""
        value = self.values[key]
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(f"{key} is {value!r}; it must be a text")
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        """The list of texts under a key; none where there is none."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.wrong(f'{key} is {value!r}; it must be a list of texts, ["…", "…"]')
        return tuple(value)

    def flag(self, key: str) -> bool:
        """The truth value under a key."""
        value = self.values[key]
        if not isinstance(value, bool):
            raise self.wrong(f"{key} is {value!r}; it must be true or false")
        return value

    def number(self, key: str) -> float:
        """The number under a key."""
        value = self.values[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise self.wrong(f"{key} is {value!r}; it must be a number")
        return float(value)

    def whole(self, key: str) -> int:
        """The whole number under a key."""
        value = self.values[key]
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(f"{key} is {value!r}; it must be a whole number")
        return value

    def choice(self, key: str, kind: type[Choice]) -> Choice:
        """The member of an enum whose label stands under a key."""
        try:
            return from_label(kind, self.text(key))
        except UsageError as error:
            raise self.wrong(f"{key}: {error}") from None

    def days(self, key: str) -> tuple[int, ...]:
        """The list of dates under a key, as UTC nanoseconds; none where there is none."""
        value = self.values.get(key, [])
        if not isinstance(value, list) or not all(type(each) is date for each in value):
            raise self.wrong(f"{key} is {value!r}; it must be a list of dates, [2024-02-29]")
        return tuple(moment_ns(each) for each in value)

    def rungs(self, key: str) -> tuple[tuple[float, ...], ...]:
        """The leverage tiers under a key: lists of cap, maintenance rate, highest leverage, and a slope if need be."""
        value = self.values[key]
        if not isinstance(value, list) or not value:
            raise self.wrong(f"{key} is {value!r}; it must be a list of tiers, [[cap, rate, leverage], …]")
        for number, rung in enumerate(value, start=1):
            if not (isinstance(rung, list) and len(rung) in (3, 4) and all(_is_number(each) for each in rung)):
                raise self.wrong(f"{key}: tier {number} is {rung!r}; it must be [cap, rate, leverage]")
        return tuple(tuple(float(each) for each in rung) for rung in value)


def _is_number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, int | float) and not math.isnan(value)
