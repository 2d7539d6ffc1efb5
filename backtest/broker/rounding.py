"""How a venue rounds quantities and prices: quantities down to the lot, prices to the tick.

A double holds neither 0.1 nor 0.001, so a quotient that lies within 1e-12 (relative) of a whole number of steps counts
as that number. A step of zero leaves the value as it is.
"""

from __future__ import annotations

import numpy as np

from backtest.compiling import kernel

SLACK = 1e-12


@kernel
def round_down(value, step):
    """`value` (not negative) down to a whole number of `step`.

    >>> round_down(0.3, 0.1), round_down(0.2999, 0.1)
    (0.3, 0.2)
    """
    if step == 0.0:
        return value
    steps = value / step
    whole = np.floor(steps + SLACK * max(1.0, steps))
    return on_grid(whole, step)


@kernel
def round_up(value, step):
    """`value` (not negative) up to a whole number of `step`."""
    if step == 0.0:
        return value
    steps = value / step
    whole = np.ceil(steps - SLACK * max(1.0, steps))
    return on_grid(whole, step)


@kernel
def round_nearest(value, step):
    """`value` (not negative) to the nearest whole number of `step`, halves up."""
    if step == 0.0:
        return value
    return on_grid(np.floor(value / step + 0.5), step)


@kernel
def on_grid(whole, step):
    """`whole` steps as the double nearest to the decimal product: 3 × 0.1 is 0.3, not 0.30000000000000004.

    A step of 1/k is divided by k, which rounds once instead of twice.
    """
    inverse = np.floor(1.0 / step + 0.5)
    if step < 1.0 and abs(inverse * step - 1.0) < 1e-12:
        return whole / inverse
    return whole * step
