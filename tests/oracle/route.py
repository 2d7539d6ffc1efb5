"""The way a price takes through a bar: three straight legs, and the point at which it meets a threshold [3.1, 3.2]."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tests.oracle.money import ONE, ZERO

RISING, FALLING = 1, -1


@dataclass(frozen=True, order=True)
class Point:
    """An instant of a bar: segment 0 is its open, 1 to 3 the legs of the path, 4 its close."""

    segment: int
    fraction: Decimal = ZERO


OPEN = Point(0)
START = Point(1)
CLOSE = Point(4)


@dataclass(frozen=True)
class Route:
    """The four prices that the path visits one after the other."""

    stations: tuple[Decimal, Decimal, Decimal, Decimal]

    @classmethod
    def of_bar(cls, open_: Decimal, high: Decimal, low: Decimal, close: Decimal, *, low_first: bool) -> Route:
        """[3.1] Open, first extreme, second extreme, close."""
        first, second = (low, high) if low_first else (high, low)
        return cls((open_, first, second, close))

    @property
    def low(self) -> Decimal:
        return min(self.stations)

    @property
    def high(self) -> Decimal:
        return max(self.stations)

    def at(self, point: Point) -> Decimal:
        """The price at a point of the path."""
        if point.segment == 0:
            return self.stations[0]
        if point.segment == 4:
            return self.stations[3]
        start, end = self.stations[point.segment - 1 : point.segment + 1]
        if point.fraction == ONE:
            return end
        return start + point.fraction * (end - start)

    def meets(self, threshold: Decimal, direction: int, since: Point, *, strict: bool = False) -> Point | None:
        """The first point from `since` on at which the price is at or beyond the threshold (strictly: beyond it).

        [3.2] A price that is already there meets it at once.
        """
        if _beyond(self.at(since), threshold, direction, strict):
            return since
        for segment in range(max(since.segment, 1), 4):
            start, end = self.stations[segment - 1 : segment + 1]
            if _beyond(end, threshold, direction, strict):
                return Point(segment, (threshold - start) / (end - start))
        return None


def _beyond(price: Decimal, threshold: Decimal, direction: int, strict: bool) -> bool:
    gap = (price - threshold) * direction
    return gap > ZERO if strict else gap >= ZERO
