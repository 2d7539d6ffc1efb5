"""A stand-in for the network under ccxt's own clients: requests are answered from a table, and written down.

Everything above the socket is real: ccxt signs, asks, parses and sorts out errors; only the session's transport is
replaced. An answer is a status, headers and a body, or what is raised in place of one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from requests.adapters import BaseAdapter

NOW_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC


@dataclass(frozen=True)
class Asked:
    """One request: its path, its parameters (those of the query, or of a JSON body)."""

    path: str
    query: Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What comes back: `body` is sent as JSON unless it is text."""

    body: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Reply = Callable[[Asked], object]


class Wire(BaseAdapter):
    """Answers by the end of the path; the longest one that fits is taken."""

    def __init__(self, table: Mapping[str, object]) -> None:
        super().__init__()
        self.table = dict(table)
        self.asked: list[Asked] = []

    def queries(self, ending: str) -> list[Mapping[str, Any]]:
        """The parameters of the requests for paths of an ending."""
        return [each.query for each in self.asked if each.path.endswith(ending)]

    def send(self, request: requests.PreparedRequest, **settings: object) -> requests.Response:
        parts = urlsplit(request.url or "")
        query: dict[str, Any] = dict(parse_qsl(parts.query))
        if request.body:
            query |= json.loads(request.body)
        asked = Asked(parts.path, query)
        self.asked.append(asked)
        fitting = [ending for ending in self.table if parts.path.endswith(ending)]
        if not fitting:
            raise AssertionError(f"nothing is laid out for {request.url}")
        found = self.table[max(fitting, key=len)]
        if callable(found):
            found = found(asked)
        if isinstance(found, Exception):
            raise found
        answer = found if isinstance(found, Answer) else Answer(found)
        response = requests.Response()
        response.status_code = answer.status
        response.reason = "OK" if answer.status == 200 else "Refused"
        response.headers.update({"Content-Type": "application/json", **answer.headers})
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        response._content = text.encode()
        response.url = request.url or ""
        response.request = request
        return response

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def wired(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, object]], Wire]:
    """Lays out answers for all requests that any client sends from now on."""

    def lay(table: Mapping[str, object]) -> Wire:
        wire = Wire(table)
        monkeypatch.setattr(requests.Session, "get_adapter", lambda self, url: wire)
        return wire

    return lay
