"""How numbers are written for a reader: money with two decimals, ratios as percents, no figure as a dash."""

from __future__ import annotations

import math

NONE = "–"
"""Stands where a figure cannot be worked out."""


def money(amount: float, *, sign: bool = False) -> str:
    """Quote currency: `1,234.50`, with a sign when asked for.

    >>> money(-1234.5), money(3.0, sign=True)
    ('-1,234.50', '+3.00')
    """
    if math.isnan(amount):
        return NONE
    text = f"{amount:+,.2f}" if sign else f"{amount:,.2f}"
    return text.replace("-0.00", "0.00") if float(text.replace(",", "")) == 0.0 else text


def percent(ratio: float, *, sign: bool = False, digits: int = 2) -> str:
    """A ratio as a percentage.

    >>> percent(0.0512), percent(-0.2, sign=True, digits=1)
    ('5.12 %', '-20.0 %')
    """
    if math.isnan(ratio):
        return NONE
    if math.isinf(ratio):
        return "∞"
    value = round(100.0 * ratio, digits) + 0.0
    return f"{value:+,.{digits}f} %" if sign else f"{value:,.{digits}f} %"


def price(value: float) -> str:
    """A price to the digits that matter.

    >>> price(54216.8674), price(0.42315)
    ('54,216.87', '0.42315')
    """
    if math.isnan(value):
        return NONE
    digits = 2 if abs(value) >= 1000.0 else 4 if abs(value) >= 1.0 else 6
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits > 2 else text


def figure(value: float, unit: str) -> str:
    """A metric in its unit (`definitions`).

    >>> figure(0.125, "ratio"), figure(3.0, "count"), figure(float("nan"), "factor")
    ('12.50 %', '3', '–')
    """
    if math.isnan(value):
        return NONE
    match unit:
        case "money":
            return f"{value:.2e}" if 0.0 < abs(value) < 0.005 else money(value)
        case "ratio":
            return percent(value)
        case "count":
            return f"{value:,.0f}"
        case "flag":
            return "yes" if value else "no"
        case _:
            return f"{value:,.2f}"
