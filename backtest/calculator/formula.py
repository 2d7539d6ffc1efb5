"""The liquidation formula with a position's figures put in, as the venue counts it: linear or inverse, maintenance on
the mark or on the entry notional, with a fee in the trigger or a fee set aside where there is one.
"""

from __future__ import annotations

import math

import numpy as np

from backtest.broker import margin as margins
from backtest.broker import tiers
from backtest.calculator.assessment import is_liquidated, liquidation_price
from backtest.calculator.position import Position
from backtest.enums import Basis, FeeReserve, TierUnit

FIGURE_DIGITS, RESULT_DIGITS = 12, 8
"""Digits of the figures put in and of the price: at a leverage near 1 the price is a small difference of large figures.
"""


def explain(position: Position, mark_price: float | None = None) -> str:
    """How the liquidation price comes about, a line a figure.

    >>> from backtest.calculator.terms import Terms
    >>> position = Position.opened("long", 0.5, 60_000, leverage=10, terms=Terms.of_rate(0.004))
    >>> print(explain(position).splitlines()[-1])
    liquidation price = (s·q·E − M) / (q·(s − m)) = (+1·0.5·60000 − 3000) / (0.5·(+1 − 0.004)) = 54216.867
    """
    return "\n".join([*_margin(position), _tier(position, mark_price), _liquidation(position, mark_price)])


def _margin(position: Position) -> list[str]:
    rules, reserve = position.terms.rules, position.fee_reserve
    unit = "Q/(E·L)" if position.terms.inverse else "q·E/L"
    lines = [
        f"initial margin = {unit} = {_initial(position)} = {_text(position.initial_margin)}",
    ]
    if reserve:
        counted = "and is part of the requirement" if rules.reserve_in_trigger else "and is not part of the requirement"
        lines.append(f"fee to close F = {_reserve(position)} = {_text(reserve)}, lies in the margin {counted}")
    lines.append(f"own margin M = {_text(position.margin)} (without unrealised PnL)")
    return lines


def _initial(position: Position) -> str:
    size, entry, leverage = _text(abs(position.quantity)), _text(position.entry_price), _text(position.leverage)
    return f"{size}/({entry}·{leverage})" if position.terms.inverse else f"{size}·{entry}/{leverage}"


def _reserve(position: Position) -> str:
    term = position.terms.term
    size, entry = _text(abs(position.quantity)), _text(position.entry_price)
    value = f"{size}/{entry}" if position.terms.inverse else f"{size}·{entry}"
    rate, leverage = _text(float(term["reserve_fee"])), _text(position.leverage)
    lean = _signed(_lean(position))
    match position.terms.rules.fee_reserve:
        case FeeReserve.VALUE:
            return f"fee·value = {rate}·{value}"
        case FeeReserve.BANKRUPTCY:
            return f"fee·value at bankruptcy = {rate}·{value}·(1 − ({lean})/{leverage})"
        case FeeReserve.MOVING_BANKRUPTCY:
            return f"fee·value at bankruptcy = {rate}·({lean}·{value} − {_text(position.margin)})/({lean} − {rate})"
        case _:
            return f"fee·(value + initial margin) = {rate}·{value}·(1 + 1/{leverage})"


def _tier(position: Position, mark_price: float | None) -> str:
    row, tier = _rung(position, liquidation_price(position, mark_price))
    rules, rungs = position.terms.rules, position.terms.tiers
    deducted = f", less the amount D = {_text(float(tier['amount']))}" if tier["amount"] else ""
    basis = "entry" if rules.maintenance_basis is Basis.ENTRY else "mark"
    rate = f"m = {_text(float(tiers.rate_of(tier, position.quantity)))} of the notional at the {basis} price{deducted}"
    if len(rungs) == 1:
        return f"maintenance: {rate} ({position.terms.source})"
    unit = {TierUnit.NOTIONAL: "notional", TierUnit.QUANTITY: "quantity", TierUnit.ENTRY: "notional at entry"}
    upto = f"up to a {unit[rules.tier_unit]} of {_text(float(tier['cap']))}" if tier["cap"] < math.inf else "above that"
    return f"maintenance, tier {row + 1} of {len(rungs)} ({upto}): {rate} ({position.terms.source})"


def _rung(position: Position, price: float | None) -> tuple[int, np.void]:
    term, rungs = position.terms.term, position.terms.tiers
    at = position.entry_price if price is None else price
    size = tiers.tier_size(position.quantity, position.entry_price, at, term)
    row = int(tiers.tier_of(rungs, 0, len(rungs), size))
    return row, rungs[row]


def _liquidation(position: Position, mark_price: float | None) -> str:
    price = liquidation_price(position, mark_price)
    _, tier = _rung(position, price)
    symbols, figures = _formula(position, tier)
    if price is None:
        spent = is_liquidated(position, mark_price)
        why = "the position is past it at every price" if spent else "the margin covers the position's whole value"
        return f"liquidation price = {symbols} = {figures}: none, for {why}"
    return f"liquidation price = {symbols} = {figures} = {_text(price, RESULT_DIGITS)}"


def _formula(position: Position, tier: np.void) -> tuple[str, str]:
    """The formula in symbols, and with the figures put in."""
    term = position.terms.term
    side = _signed(1.0 if position.quantity > 0.0 else -1.0)
    size, entry, own = _text(abs(position.quantity)), _text(position.entry_price), _text(position.margin)
    rate, fee = _text(float(tiers.rate_of(tier, position.quantity))), float(term["trigger_fee"])
    reserve = float(
        margins.counted_reserve(position.quantity, position.entry_price, position.margin, position.leverage, term)
    )
    amount = float(tier["amount"])
    on_entry = position.terms.rules.maintenance_basis is Basis.ENTRY
    inverse = position.terms.inverse

    def both(pieces: list[tuple[str, str]]) -> tuple[str, str]:
        return "".join(piece[0] for piece in pieces), "".join(piece[1] for piece in pieces)

    plus_fee = [(" + c", f" + {_text(fee)}")] if fee else []
    minus_fee = [(" − c", f" − {_text(fee)}")] if fee else []
    less_amount = [(" − D", f" − {_text(amount)}")] if amount else []
    plus_amount = [(" + D", f" + {_text(amount)}")] if amount else []
    plus_reserve = [(" + F", f" + {_text(reserve)}")] if reserve else []
    less_reserve = [(" − F", f" − {_text(reserve)}")] if reserve else []
    if on_entry:
        value = ("Q/E", f"{size}/{entry}") if inverse else ("q·E", f"{size}·{entry}")
        part = [("·(m", f"·({rate}"), *plus_fee, (")", ")")] if fee else [("·m", f"·{rate}")]
        spare = [("(M − ", f"({own} − "), value, *part, *plus_amount, *less_reserve, (")", ")")]
        if inverse:
            return both([("Q/(Q/E + s·", f"{size}/({size}/{entry} + {side}·"), *spare, (")", ")")])
        return both([("E − s·", f"{entry} − {side}·"), *spare, ("/q", f"/{size}")])
    if inverse:
        top = [("Q·(s + m", f"{size}·({side} + {rate}"), *plus_fee, (")", ")")]
        under = [(" / (M", f" / ({own}"), *plus_amount, *less_reserve, (" + s·Q/E)", f" + {side}·{size}/{entry})")]
        return both([*top, *under])
    top = [("(s·q·E − M", f"({side}·{size}·{entry} − {own}"), *less_amount, *plus_reserve, (")", ")")]
    under = [(" / (q·(s − m", f" / ({size}·({side} − {rate}"), *minus_fee, ("))", "))")]
    return both([*top, *under])


def _lean(position: Position) -> float:
    return 1.0 if (position.quantity > 0.0) != position.terms.inverse else -1.0


def _signed(value: float) -> str:
    return f"{int(value):+d}".replace("-", "−")


def _text(value: float, digits: int = FIGURE_DIGITS) -> str:
    """A figure to so many digits, without an exponent where it can be."""
    if math.isinf(value):
        return "∞"
    text = f"{value:.{digits}g}"
    if "e-" in text and abs(value) > 1e-10:
        text = f"{value:.{digits - 1 - math.floor(math.log10(abs(value)))}f}".rstrip("0")
    return text.replace("-", "−")
