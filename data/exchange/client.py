"""ccxt clients of one venue: pointed at an address, paced together, sharing one list of markets.

A client is not made for several threads at once, so each thread has its own; what they share is the pace (the venue's
limits hold for an address, not for a client), the list of markets and the venue's clock. Beyond what ccxt does itself,
an answer that is no JSON is an error (it would pass as an empty page), and the status and Retry-After of the last
answer are kept for `patience.py`.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

import ccxt

from backtest.errors import UsageError
from backtest.market.loader import Access, Stopped
from data.exchange.venues import Exchange

KEY, SECRET = "ISOMARGIN_{}_KEY", "ISOMARGIN_{}_SECRET"
LOCAL_NAMES = ("localhost",)


class Pace:
    """When the next request may go out, for all clients of a venue; also ends all waiting."""

    def __init__(self, *, limited: bool) -> None:
        self._limited = limited
        self._lock = threading.Lock()
        self._free_s = 0.0
        self._stopped = threading.Event()

    def take(self, cost_s: float) -> None:
        """Wait for one's turn; a request keeps the next one waiting for `cost_s` seconds."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._free_s)
            self._free_s = turn + (cost_s if self._limited else 0.0)
        self.wait(turn - now)

    def rest(self, seconds: float) -> None:
        """Let no request out for some seconds: the venue asked for it."""
        with self._lock:
            self._free_s = max(self._free_s, time.monotonic() + seconds)

    def wait(self, seconds: float) -> None:
        """Sleep; raises `Stopped` once all waiting was ended."""
        if self._stopped.is_set() or (seconds > 0 and self._stopped.wait(seconds)):
            raise Stopped

    def stop(self) -> None:
        """End all waiting."""
        self._stopped.set()


class Clients:
    """The clients of a venue, one a thread."""

    def __init__(self, exchange: Exchange, access: Access) -> None:
        self._exchange = exchange
        self._access = access
        self._own = threading.local()
        self._first: ccxt.Exchange | None = None
        self.local = is_local(access.address)
        self.pace = Pace(limited=not self.local)
        self.clock: Callable[[], int] | None = None

    def mine(self) -> ccxt.Exchange:
        """This thread's client."""
        client: ccxt.Exchange | None = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = self.make()
            if self._first is None:
                self._first = client
                for name in client.options.get("marketHelperProps", ()):
                    client.options.setdefault(name, None)  # ccxt reads them by name when markets are shared
            elif self._first.markets:
                client.set_markets_from_exchange(self._first)
        return client

    def make(self, **settings: str) -> ccxt.Exchange:
        """A new client."""
        known = getattr(ccxt, self._exchange.client)
        client = _careful(known, self.pace, self)(
            {
                "enableRateLimit": True,
                "timeout": round(self._access.timeout_s * 1000),
                "options": dict(self._exchange.options),
                **settings,
            }
        )
        client.has["fetchCurrencies"] = False  # asks for keys, or for lists that are of no use here
        if self._access.address:
            point(client, self._access.address)
        return client

    def with_key(self) -> ccxt.Exchange | None:
        """A client that bears the user's key, for what a venue tells to nobody else; None where there is no key."""
        name = self._exchange.id.partition("-")[0].upper()
        key, secret = (os.environ.get(text.format(name), "") for text in (KEY, SECRET))
        if not key or not secret:
            return None
        client = self.make(apiKey=key, secret=secret)
        client.set_markets_from_exchange(self.mine())
        return client


def point(client: ccxt.Exchange, address: str) -> None:
    """Send all requests of a client to another server, with the paths of the venue's own."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UsageError(f"'{address}' is no address of a server; write it as http://127.0.0.1:8000")
    base = address.rstrip("/")
    client.urls["api"] = _moved(client.urls["api"], base)


def is_local(address: str) -> bool:
    """Whether an address is one of this machine.

    >>> is_local("http://127.0.0.1:8000"), is_local("http://example.org"), is_local("")
    (True, False, False)
    """
    host = urlsplit(address).hostname or ""
    if host in LOCAL_NAMES:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _moved(urls: object, base: str) -> object:
    if isinstance(urls, dict):
        return {name: _moved(each, base) for name, each in urls.items()}
    if not isinstance(urls, str):
        return urls
    rest = urls.partition("://")[2]
    _, slash, path = rest.partition("/")
    return f"{base}{slash}{path}"


def _careful(known: type[ccxt.Exchange], pace: Pace, clients: Clients) -> type[ccxt.Exchange]:
    """ccxt's class with our pace and clock, one that keeps status and headers and refuses what is no JSON."""

    class Careful(known):  # type: ignore[misc]
        last_status: int | None = None
        last_answer = ""

        def throttle(self, cost=None):
            pace.take(self.rateLimit * (1 if cost is None else cost) / 1000)

        def milliseconds(self):
            return clients.clock() if clients.clock is not None else time.time_ns() // 1_000_000

        def seconds(self):
            return self.milliseconds() // 1000

        def on_rest_response(self, code, reason, url, method, headers, body, request_headers, request_body):
            self.last_status, self.last_answer = code, body[:400]
            return super().on_rest_response(code, reason, url, method, headers, body, request_headers, request_body)

        def fetch(self, url, method="GET", headers=None, body=None):
            self.last_status, self.last_answer, self.last_response_headers = None, "", {}
            answer = super().fetch(url, method, headers, body)
            if isinstance(answer, str):
                raise ccxt.BadResponse(f"{self.id} {method} {url} answered with what is no JSON: {answer[:80]!r}")
            return answer

    Careful.__name__ = known.__name__
    return Careful
