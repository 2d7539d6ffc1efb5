"""Faults that real venues show, drawn from a seed.

A draw is a hash of the seed, the request and how often it was asked before, so it does not hang on the order in which
threads happen to ask. The same request fails at most `run` times one after the other: a client that asks again with
patience gets through, except by a ban, which a client is right to end at.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from threading import Lock

from data.loopback.wire import Page

TEN_MINUTES_MS = 600_000


class Fault(Enum):
    """One way to go wrong, with a sentence on what the client sees."""

    RATE_LIMIT = "told to slow down (429 or the venue's own code, with the time to wait)"
    BAN = "banned for a while (418 or 403)"
    SERVER_ERROR = "500, 502, 503 or 504, with the venue's body"
    GATEWAY_PAGE = "502 or 503 with a page of HTML"
    TIMEOUT = "no answer; the connection is closed later"
    RESET = "connection reset"
    CUT_TRANSFER = "connection closed in the middle of the body"
    CUT_JSON = "a body that ends in the middle under status 200"
    REPEATED_PAGE = "the page before the one asked for, once more"
    OVERLAPPING_PAGE = "a page that begins before the first and ends after the last row asked for"
    DOUBLED_ROWS = "rows that stand twice in the page"
    DISORDER = "rows out of order"
    EMPTY_PAGE = "a page without rows"
    SHORT_PAGE = "a page whose last rows are missing"


PAGE_FAULTS = (
    Fault.REPEATED_PAGE,
    Fault.OVERLAPPING_PAGE,
    Fault.DOUBLED_ROWS,
    Fault.DISORDER,
    Fault.EMPTY_PAGE,
    Fault.SHORT_PAGE,
)
RARE = {Fault.BAN: 0.1}
"""Weight of a fault among the others, where it is not 1."""


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What goes wrong: `share` of the requests (0 to 1), each of `kinds`, at most `run` times running.

    `stall_s` is how long a request without an answer is held, `retry_after_s` what a rate limit asks to wait. With
    `skewed` the venue's clock is off by up to ten minutes, as the seed says.
    """

    seed: int
    share: float = 0.2
    kinds: tuple[Fault, ...] = tuple(Fault)
    run: int = 2
    stall_s: float = 5.0
    retry_after_s: int = 1
    skewed: bool = True
    _asked: Counter[str] = field(default_factory=Counter, repr=False, compare=False)
    _running: Counter[str] = field(default_factory=Counter, repr=False, compare=False)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @property
    def skew_ms(self) -> int:
        """How far the venue's clock is ahead."""
        return round((2 * self._uniform("clock") - 1) * TEN_MINUTES_MS) if self.skewed else 0

    def draw(self, key: str) -> tuple[Fault | None, float]:
        """What happens to a request now, and a number in [0, 1) that says how."""
        with self._lock:
            asked = self._asked[key]
            self._asked[key] += 1
            struck = self._uniform(f"{key} {asked} struck") < self.share and self._running[key] < self.run
            self._running[key] = self._running[key] + 1 if struck else 0
        if not struck or not self.kinds:
            return None, 0.0
        return self._choice(self._uniform(f"{key} {asked} kind")), self._uniform(f"{key} {asked} how")

    def _choice(self, place: float) -> Fault:
        weights = [RARE.get(kind, 1.0) for kind in self.kinds]
        left = place * sum(weights)
        for kind, weight in zip(self.kinds, weights, strict=True):
            left -= weight
            if left < 0:
                return kind
        return self.kinds[-1]

    def _uniform(self, text: str) -> float:
        digest = hashlib.blake2b(f"{self.seed} {text}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64


def spoiled(page: Page, fault: Fault, how: float) -> Page:
    """The page with one of the page faults; `how` in [0, 1) says by how much."""
    length = page.high - page.low
    some = 1 + int(how * max(length, 1))
    if fault is Fault.EMPTY_PAGE:
        return replace(page, high=page.low)
    if fault is Fault.SHORT_PAGE:
        return replace(page, high=max(page.low, page.high - some))
    if fault is Fault.REPEATED_PAGE:
        low = max(0, page.low - length)
        return replace(page, low=low, high=min(low + length, page.visible))
    if fault is Fault.OVERLAPPING_PAGE:
        return replace(page, low=max(0, page.low - some), high=min(page.visible, page.high + some))
    change = _doubled if fault is Fault.DOUBLED_ROWS else _disordered
    return replace(page, rows=_changed(page.rows, change, how))


def _changed(
    rows: Callable[[int, int], list[object]], change: Callable[[list[object], float], list[object]], how: float
) -> Callable[[int, int], list[object]]:
    return lambda low, high: change(rows(low, high), how)


def _doubled(rows: list[object], how: float) -> list[object]:
    place = int(how * len(rows))
    return [*rows[: place + 1], *rows[place:]] if rows else rows


def _disordered(rows: list[object], how: float) -> list[object]:
    stride = 2 + int(how * 5)
    return [row for first in range(stride) for row in rows[first::stride]]
