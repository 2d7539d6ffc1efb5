"""Asking until there is an answer: which failures are tried again, how long is waited, what is said in the end.

Tried again, with delays that double and are drawn at random between half and whole: lost connections, time-outs, cut
or empty answers, 418, 429 and 5xx, and whatever else ccxt counts as a failed operation. A Retry-After is waited for, by
all clients of the venue. Not tried again: a refused place or key, an unknown symbol, maintenance, any other 4xx.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TypeVar

import ccxt

from backtest.clock import time_text
from backtest.errors import MarketDataError, UsageError
from data.exchange.client import Pace

FIRST_S, MOST_S = 0.5, 60.0
LOCAL_FIRST_S, LOCAL_MOST_S = 0.02, 0.5
LONGEST_REST_S = 600.0
AGAIN = (408, 418, 425, 429)
"""The statuses of 400 to 499 after which a request is tried again."""
UNREADABLE = (TypeError, KeyError, IndexError, ValueError, AttributeError)
"""What ccxt raises over an answer that is JSON but not the one that it expects."""
UNREADABLE_ATTEMPTS = 3
FIRST_ATTEMPTS = 4
"""After how many attempts a venue that was never reached is given up: this machine may have no connection."""
BLOCKED = ("restricted location", "unavailable from a restricted", "your country", "region", "not available in")

Answer = TypeVar("Answer")


class UnansweredError(MarketDataError):
    """All attempts failed, each in a way that may pass."""


class Patience:
    """Makes requests of one venue, again and again where that helps."""

    def __init__(self, name: str, pace: Pace, *, attempts: int, local: bool) -> None:
        self._name = name
        self._pace = pace
        self._attempts = attempts
        self._first_s, self._most_s = (LOCAL_FIRST_S, LOCAL_MOST_S) if local else (FIRST_S, MOST_S)
        self._drawn = random.Random()
        self._reached = False

    def ask(self, client: ccxt.Exchange, what: str, request: Callable[[], Answer]) -> Answer:
        """The answer to a request; raises an error that says what was asked for (`what`) and how to go on."""
        for attempt in range(self._attempts):
            try:
                self._pace.wait(0)
                answer = request()
                self._reached = True
                return answer
            except (ccxt.BaseError, *UNREADABLE) as error:
                refused = self._final(client, what, error) if isinstance(error, ccxt.BaseError) else None
                if refused is not None:
                    raise refused from error
                if isinstance(error, UNREADABLE) and attempt + 1 >= min(UNREADABLE_ATTEMPTS, self._attempts):
                    raise MarketDataError(
                        f"{self._name} answered to {what} with what its client cannot read ({_short(error)})"
                    ) from error
                if not self._reached and client.last_status is None and attempt + 1 >= FIRST_ATTEMPTS:
                    raise UnansweredError(
                        f"{self._name} cannot be reached ({_short(error)}); check this machine's connection, "
                        "or --base-url"
                    ) from error
                if attempt + 1 == self._attempts:
                    raise UnansweredError(
                        f"{self._name} did not answer to {what} in {self._attempts} attempts "
                        f"({_short(error)}); try again later"
                    ) from error
                self._rest(client, attempt, what, error)
        raise AssertionError("at least one attempt is made")

    def _rest(self, client: ccxt.Exchange, attempt: int, what: str, error: Exception) -> None:
        told = _retry_after_s(client)
        if told is not None and told > LONGEST_REST_S:
            raise MarketDataError(
                f"{self._name} asks to be left alone for {told:,.0f} s (at {what}); try again after that"
            ) from error
        if told is not None:
            self._pace.rest(told)
            self._pace.wait(told)
            return
        delay = min(self._most_s, self._first_s * 2**attempt) * self._drawn.uniform(0.5, 1.0)
        if isinstance(error, ccxt.RateLimitExceeded | ccxt.DDoSProtection):
            self._pace.rest(delay)
        self._pace.wait(delay)

    def _final(self, client: ccxt.Exchange, what: str, error: ccxt.BaseError) -> Exception | None:
        """The error that a failure means, None where it may pass."""
        status = getattr(client, "last_status", None)
        answer = getattr(client, "last_answer", "")
        if isinstance(error, ccxt.RestrictedLocation) or status == 451 or (status == 403 and _is_blocked(answer)):
            return MarketDataError(
                f"{self._name} does not serve this place ({_short(error)}); fetch from a place that it serves, point "
                "--base-url at a server that may be asked, or import files of its history"
            )
        if isinstance(error, ccxt.AuthenticationError):
            return MarketDataError(
                f"{self._name} refused the key at {what} ({_short(error)}); check the key, its rights and its "
                "allowed addresses, or remove it from the environment"
            )
        if isinstance(error, ccxt.OnMaintenance):
            return MarketDataError(f"{self._name} is under maintenance ({_short(error)}); try again later")
        if isinstance(error, ccxt.BadSymbol):
            return UsageError(f"{self._name} does not know the symbol at {what} ({_short(error)})")
        if status == 403:
            return MarketDataError(
                f"{self._name} refused {what} (403: {_short(error)}): this place is blocked, or too much was asked "
                "from this address; try again later or from another place"
            )
        if status is not None and 400 <= status < 500 and status not in AGAIN:
            if isinstance(error, ccxt.OperationFailed) and not isinstance(error, ccxt.ExchangeNotAvailable):
                return None
            return MarketDataError(f"{self._name} refused {what} ({_short(error)})")
        if isinstance(error, ccxt.OperationFailed) or (status is not None and (status >= 500 or status in AGAIN)):
            return None
        return MarketDataError(f"{self._name} refused {what} ({_short(error)})")


def _retry_after_s(client: ccxt.Exchange) -> float | None:
    """What the last answer's Retry-After says, in seconds, if there is one."""
    headers = getattr(client, "last_response_headers", None) or {}
    text = next((str(value) for name, value in headers.items() if name.lower() == "retry-after"), None)
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - float(client.milliseconds()) / 1000)
    except ValueError:
        return None


def _is_blocked(answer: str) -> bool:
    return any(words in answer.lower() for words in BLOCKED)


def _short(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text if len(text) <= 160 else text[:157] + '...'}"


def between(start_ms: int, end_ms: int) -> str:
    """A window as messages say it."""
    return f"{time_text(start_ms * 1_000_000)}..{time_text(end_ms * 1_000_000)}"
