"""What passes between an HTTP server and a wire format: a request, a reply, and a page of rows that faults can spoil.

A wire format is one exchange's way to say the same things: its paths, parameters, page sizes, order of rows, numbers as
text, and error bodies. Four stand beside this file. Each answers a request out of the shelf (shelf.py) and knows
nothing of sockets, faults or the store.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request: method, path, query parameters, body and headers (names in small letters)."""

    method: str
    path: str
    query: Mapping[str, str]
    query_text: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The request without what changes when it is asked again: signature and time stamp."""
        asked = sorted((name, value) for name, value in self.query.items() if name not in ("timestamp", "signature"))
        return f"{self.method} {self.path} {asked} {self.body.decode('utf-8', 'replace')}"


@dataclass(frozen=True, kw_only=True)
class Page:
    """Rows [low, high) of a series that has `visible` rows by now; `rows` makes them, `wrap` puts them into a body."""

    low: int
    high: int
    visible: int
    rows: Callable[[int, int], list[object]]
    wrap: Callable[[list[object]], object]
    series: str


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A status and either a body or a page. `body` is what is sent as JSON."""

    status: int = 200
    body: object = None
    page: Page | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """The body as it goes over the wire."""
        body = self.body if self.page is None else self.page.wrap(self.page.rows(self.page.low, self.page.high))
        return json.dumps(body, separators=(",", ":")).encode()


class RefusedError(Exception):
    """A request that the venue answers with an error."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class Wire(Protocol):
    """One exchange's wire format."""

    def answer(self, request: Request) -> Reply:
        """The reply; raises `RefusedError` with the venue's own error."""
        ...

    def rate_limited(self, retry_after_s: int) -> Reply:
        """What the venue says to too many requests."""
        ...

    def banned(self) -> Reply:
        """What it says to a client that went on in spite of that."""
        ...

    def failed(self, status: int) -> Reply:
        """What it says when it is itself at fault."""
        ...


def texts(values: Iterable[float]) -> list[str]:
    """Numbers as exchanges write them: no exponent, no needless zero, and read back as the very same number.

    >>> texts([42000.0, 0.00001, 1.5, float("nan")])
    ['42000', '0.00001', '1.5', '0']
    """
    return [_text(value) for value in values]


def window(times: NDArray[np.int64], visible: int, first_ms: int | None, last_ms: int | None) -> tuple[int, int]:
    """Rows whose time lies in [first, last], as [low, high) of the first `visible` ones; a missing side is open."""
    seen = times[:visible]
    low = 0 if first_ms is None else int(np.searchsorted(seen, first_ms, "left"))
    high = visible if last_ms is None else int(np.searchsorted(seen, last_ms, "right"))
    return low, max(low, high)


def first_rows(low: int, high: int, limit: int) -> tuple[int, int]:
    """The first `limit` of the rows [low, high)."""
    return low, min(high, low + limit)


def last_rows(low: int, high: int, limit: int) -> tuple[int, int]:
    """The last `limit` of the rows [low, high)."""
    return max(low, high - limit), high


def _text(value: float) -> str:
    said = repr(value)
    if said.endswith(".0"):
        return said[:-2]
    if "e" in said:
        return format(Decimal(said), "f")
    return "0" if said == "nan" else said
