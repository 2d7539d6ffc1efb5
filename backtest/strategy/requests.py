"""What may stand in a strategy's request: numbers that can mean something, each checked where it is given.

A request that could have no meaning anywhere (a text for a number, a price of nothing, a stop on the wrong side of its
own order) is an error at the line that gave it. What the market makes of a sound request is a record with a reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real

from backtest.enums import PositionSide, Side, SizeKind, TimeInForce, from_label, label
from backtest.errors import UsageError, near

NONE = float("nan")
"""What the broker's records hold where nothing was given."""


def number_of(name: str, value: object) -> float:
    """`value` as a float; raises `UsageError` for a text, a truth value or NaN.

    >>> number_of("margin", 100)
    100.0
    """
    if type(value) is float and value == value:
        return value
    if isinstance(value, bool) or not isinstance(value, Real):
        raise UsageError(f"{name} is {value!r}, which is no number; give one such as {name}=100.0")
    found = float(value)
    if found != found:
        raise UsageError(
            f"{name} is NaN: what it is worked out from has no value yet (an indicator that is warming up?); ask for "
            "nothing in that bar, or leave the keyword out"
        )
    return found


def price_of(name: str, value: object) -> float:
    """A price: a finite number above 0."""
    price = number_of(name, value)
    if not 0.0 < price < float("inf"):
        raise UsageError(f"{name} is {price:g}; it is a price above 0")
    return price


def share_of(name: str, value: object) -> float:
    """A callback rate: a fraction between 0 and 1."""
    share = number_of(name, value)
    if not 0.0 < share < 1.0:
        raise UsageError(f"{name} is {share:g}; it is a fraction between 0 and 1, as in {name}=0.02 for 2 %")
    return share


def leverage_of(value: object) -> float:
    """A leverage: 1 or more."""
    leverage = number_of("leverage", value)
    if not 1.0 <= leverage < float("inf"):
        raise UsageError(f"leverage is {leverage:g}; it is 1 or more, and the venue's tiers say how much more")
    return leverage


def amount_of(value: object) -> float:
    """An amount of margin to move: 0 or more."""
    amount = number_of("amount", value)
    if amount < 0.0:
        raise UsageError(f"an amount of {amount:g} cannot be moved; give a number of 0 or more (settlement currency)")
    return amount


def side_of(leg: PositionSide | str) -> PositionSide:
    """The leg that is named: long or short."""
    side = leg if isinstance(leg, PositionSide) else from_label(PositionSide, leg)
    if side == PositionSide.BOTH:
        raise UsageError("in hedge mode a symbol has a long and a short leg; name one of them, as in leg='short'")
    return side


def one_size(what: str, symbol: str, sizes: Iterable[tuple[str, SizeKind, object]]) -> tuple[SizeKind, float]:
    """The one size that is given (not None), and its number."""
    given = [(name, kind, value) for name, kind, value in sizes if value is not None]
    if len(given) != 1:
        names = ", ".join(name for name, _, _ in sizes)
        raise UsageError(f"{what} says what it sizes: exactly one of {names}; {len(given)} were given for {symbol}")
    name, kind, value = given[0]
    return kind, number_of(name, value)


def check_bracket(symbol: str, side: Side, price: float, stop: float | None, take_profit: float | None) -> None:
    """Raises `UsageError` where a bracket's stop or take-profit lies on the wrong side of the order's own price."""
    for name, level, behind in (("stop", stop, True), ("take_profit", take_profit, False)):
        if level is None:
            continue
        away = (price - price_of(name, level)) * side
        if (away <= 0.0) if behind else (away >= 0.0):
            where = "below" if (side > 0) == behind else "above"
            raise UsageError(
                f"{name}={level:g} is on the wrong side: that of a {label(side)} of {symbol} at {price:g} lies {where} "
                "it, or it would close the position at once"
            )


def check_keywords(call: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raises `UsageError` for a keyword that the call does not have, with the near one."""
    for name in given:
        if name not in known:
            raise UsageError(f"{call} has no keyword '{name}'; {near(name, known)}it has {', '.join(known)}")


def force_of(time_in_force: TimeInForce, until: object, post_only: bool) -> TimeInForce:
    """How long the order works, given whether there is an instant until which it is good."""
    if (time_in_force == TimeInForce.GTD) != (until is not None) and time_in_force in (
        TimeInForce.GTC,
        TimeInForce.GTD,
    ):
        if until is None:
            raise UsageError("an order good till a time needs it: good_till=, an instant")
        return TimeInForce.GTD
    if until is not None and time_in_force != TimeInForce.GTD:
        raise UsageError(f"an order is good till a time or {label(time_in_force)}, not both")
    if post_only and time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        raise UsageError(f"a post-only order waits to be met, one that is {label(time_in_force)} may not wait")
    return time_in_force
