"""What is wrong with a user's strategy, said once and with its place in the user's own file.

Before a run: methods that could not be called, and a class that would decide nothing. During one: what it raised, with
its own frames only.
"""

from __future__ import annotations

import inspect
import re
import sysconfig
import traceback
from difflib import get_close_matches
from pathlib import Path
from types import FunctionType

from backtest.errors import BacktestError, StrategyError, UsageError, near
from backtest.strategy.position import Position
from backtest.strategy.protocol import Strategy, overridden

FOREIGN = (
    Path(__file__).resolve().parents[1],
    *{Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")},
)
"""Where frames are not a strategy's own: this package, the standard library, installed packages."""

DECIDING = ("next", "plan")
SHOWN = 3
"""Frames shown of each end of a long way down, such as a function that calls itself."""


def check_methods(kind: type[Strategy]) -> None:
    """Raises where the class has a method that cannot be called, a misspelt hook, or nothing that decides."""
    hooks = tuple(Strategy.HOOKS.values())
    for name in overridden(kind, ["init", *DECIDING, *hooks]):
        method = getattr(kind, name)
        if isinstance(method, FunctionType):
            _check_signature(kind, name, method)
    for name, member in vars(kind).items():
        meant = get_close_matches(name, [*DECIDING, *hooks], n=1, cutoff=0.85)
        if isinstance(member, FunctionType) and meant and name != meant[0]:
            raise UsageError(
                f"{kind.__name__} has a method '{name}', which nothing calls; did you mean '{meant[0]}'?"
                f"{_place(member)}"
            )
    if not overridden(kind, [*DECIDING, *hooks]):
        raise UsageError(
            f"{kind.__name__} decides nothing: it has neither next() nor plan(), so a run of it would do nothing"
        )


def _meant(error: BaseException) -> str:
    """The near keyword, where Python says that a method of a strategy or of a position has none of that name."""
    found = re.search(r"\.(\w+)\(\) got an unexpected keyword argument '(\w+)'", str(error))
    method = None if found is None else getattr(Strategy, found[1], None) or getattr(Position, found[1], None)
    if found is None or not isinstance(method, FunctionType):
        return ""
    meant = near(found[2], inspect.signature(method).parameters)
    return f"; {meant.rstrip()}" if meant else ""


def _check_signature(kind: type[Strategy], name: str, method: FunctionType) -> None:
    wanted = list(inspect.signature(getattr(Strategy, name)).parameters)[1:]
    try:
        inspect.signature(method).bind(None, *wanted)
    except TypeError:
        given = f"{name}({', '.join(['self', *wanted])})"
        told = "; it reads self.close[symbol], self.bar, self.position(symbol)" if name == "next" else ""
        raise StrategyError(
            f"{kind.__name__}.{name}{inspect.signature(method)} cannot be called: it is called as {given}{told}"
            f"{_place(method)}"
        ) from None


def _place(method: FunctionType) -> str:
    return f"\n  {method.__code__.co_filename}:{method.__code__.co_firstlineno} in {method.__name__}"


def raised(kind: type[Strategy], error: Exception | SystemExit, when: str) -> BacktestError:
    """The strategy's error with its own frames and the time (`when`, in words) it happened at.

    An error of this project's family that the strategy itself raised (parameters that do not fit) is left as it is.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not any(Path(frame.filename).is_relative_to(root) for root in FOREIGN)]
    if isinstance(error, BacktestError) and own and frames[-1] == own[-1]:
        return error
    lines = [f"\n  {frame.filename}:{frame.lineno} in {frame.name}: {frame.line}" for frame in own]
    if len(lines) > 2 * SHOWN:
        lines[SHOWN:-SHOWN] = [f"\n  … {len(lines) - 2 * SHOWN} frames between …"]
    what = f" raised {type(error).__name__}: {error}{_meant(error)}"
    if isinstance(error, BacktestError):
        what = f": {error}"
    return StrategyError(f"{kind.__name__}{what} ({when}){''.join(lines)}")
