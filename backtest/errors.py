"""The exception family, and the exit code each kind ends the command line with.

    BacktestError          1  something inside failed
    ├── UsageError         2  wrong use or configuration
    ├── MarketDataError    3  market data missing, or it failed its checks
    ├── StrategyError      4  the strategy raised
    ├── LookAheadError     5  a decision depended on the future
    └── GateError          6  a --fail-if gate failed

What the market does to an order (a rejection, a cancel, a liquidation) is a record with a reason, not an error.
Each message says what was wrong, where, why it matters and how to mend it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class BacktestError(Exception):
    """Base of all errors that this project raises on purpose."""

    exit_code = 1


class UsageError(BacktestError):
    """An argument, a parameter or a configuration that cannot be used."""

    exit_code = 2


class MarketDataError(BacktestError):
    """Market history that is missing, contradicts itself, or has a hole where a position was open."""

    exit_code = 3


class StrategyError(BacktestError):
    """The user's own strategy raised; carries the bar's time and the strategy's own frames."""

    exit_code = 4


class LookAheadError(BacktestError):
    """A decision or an indicator changed when only the future was changed."""

    exit_code = 5


class GateError(BacktestError):
    """A `--fail-if` condition held."""

    exit_code = 6


def near(word: str, known: Iterable[str]) -> str:
    """`"did you mean 'x'? "` when a known word is close to `word`, else an empty string.

    >>> near("gradual-leverge", ["gradual-leverage", "hedged-pairs"])
    "did you mean 'gradual-leverage'? "
    """
    found = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean '{found[0]}'? " if found else ""
