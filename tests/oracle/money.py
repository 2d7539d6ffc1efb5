"""Exact numbers: decimals of fifty digits, and the roundings of rule 4.1.

A float enters as the shortest decimal that names it (0.1 is one tenth), because that is what its author wrote.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, getcontext

getcontext().prec = 50

ZERO = Decimal(0)
ONE = Decimal(1)
TENTH = Decimal("0.1")
CRUMB = Decimal("1e-9")
"""[5.5, 6.4] Less than this share of what was to be added is not worth adding: it is a rounding."""
LAST_DIGITS = Decimal("1e-40")


def exact(value: float) -> Decimal | None:
    """The decimal that a float was written as; None for NaN ("does not exist"), infinity stays infinite."""
    number = float(value)
    if math.isnan(number):
        return None
    return Decimal(repr(number))


def exact_all(values: Iterable[float]) -> list[Decimal | None]:
    """`exact` of each value."""
    return [exact(value) for value in values]


def _steps(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    return (value / step).to_integral_value(rounding=rounding) * step


def round_to(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    """To a whole number of steps, in the direction that is named."""
    return _steps(value, step, rounding)


def round_quantity(quantity: Decimal, lot: Decimal) -> Decimal:
    """[4.1] A quantity is rounded down to the lot; what is a whole number of lots but for the fiftieth digit is one."""
    return _steps(quantity * (ONE + LAST_DIGITS), lot, ROUND_FLOOR)


def round_price(price: Decimal, tick: Decimal) -> Decimal:
    """[4.1] Limit and trigger prices are rounded to the nearest tick."""
    return _steps(price, tick, ROUND_HALF_EVEN)


def round_fill(price: Decimal, tick: Decimal, side: int) -> Decimal:
    """[4.1] A fill price after slippage is rounded to the tick, against the trader: a buy up, a sell down.

    Never below one tick."""
    # on the tick but for the last of fifty digits is on the tick
    price *= ONE - side * LAST_DIGITS
    return max(tick, _steps(price, tick, ROUND_CEILING if side > 0 else ROUND_FLOOR))
