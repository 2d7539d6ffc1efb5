"""How numbers are written for a reader: money with the decimals of its currency, ratios as percents, no figure as a
dash.
"""

from __future__ import annotations

import math

DOLLARS = ("FDUSD", "USDT", "USDC", "BUSD", "USD")
"""Currencies that are counted in cents."""
NONE = "–"
"""Stands where a figure cannot be worked out."""


def decimals(currency: str) -> int:
    """Digits after the point in which a currency is told: 2 of dollars and their stablecoins, 8 of any other coin.

    >>> decimals("USDT"), decimals("BTC")
    (2, 8)
    """
    return 2 if currency in DOLLARS or not currency else 8


def money(amount: float, currency: str = "", *, sign: bool = False) -> str:
    """An amount in the digits of its currency, with a sign when asked for.

    >>> money(-1234.5), money(3.0, sign=True), money(0.05, "BTC")
    ('-1,234.50', '+3.00', '0.05000000')
    """
    if math.isnan(amount):
        return NONE
    digits = decimals(currency)
    text = f"{amount:+,.{digits}f}" if sign else f"{amount:,.{digits}f}"
    return text.replace("-0.", "0.") if float(text.replace(",", "")) == 0.0 else text


def with_name(amount: float, currency: str, *, sign: bool = False) -> str:
    """An amount and its currency.

    >>> with_name(0.05, "BTC"), with_name(3.0, "")
    ('0.05000000 BTC', '3.00')
    """
    return f"{money(amount, currency, sign=sign)} {currency}".rstrip()


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


def figure(value: float, unit: str, currency: str = "") -> str:
    """A metric in its unit (`definitions`); `currency` gives the digits of money.

    >>> figure(0.125, "ratio"), figure(3.0, "count"), figure(float("nan"), "factor")
    ('12.50 %', '3', '–')
    """
    if math.isnan(value):
        return NONE
    match unit:
        case "money":
            least = 0.5 * 10.0 ** -decimals(currency)
            return f"{value:.2e}" if 0.0 < abs(value) < least else money(value, currency)
        case "ratio":
            return percent(value)
        case "count":
            return f"{value:,.0f}"
        case "flag":
            return "yes" if value else "no"
        case _:
            return f"{value:,.2f}"
