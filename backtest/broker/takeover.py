"""The venue liquidates: what it does before it takes a position (replenish, reduce), and how it takes it.

Section 5 of `docs/order-of-events.md`. The loss ends at the position's own margin.
"""

from __future__ import annotations

import math

from backtest.broker.book import cancel_orders
from backtest.broker.codes import (
    BY_ADL,
    BY_LIQUIDATION,
    BY_MARK_NOTIONAL,
    BY_TIER_QUANTITY,
    NO_ORDER,
    NO_REASON,
    PARTIAL_NONE,
    PARTIAL_TIERS,
    POSITION_CLOSED,
    POSITION_LIQUIDATED,
    ROW_ADL,
    ROW_AUTO,
    ROW_LIQUIDATION,
    ROW_PARTIAL,
    STYLE_BANKRUPTCY,
    TAKER,
)
from backtest.broker.ledger import post
from backtest.broker.liquidation import bankruptcy_price, liquidation_fee, settlement_price
from backtest.broker.margin import counted_reserve, initial_margin
from backtest.broker.position import diminished
from backtest.broker.rounding import round_down, round_up
from backtest.broker.tiers import maintenance_margin, tier_of, tier_size
from backtest.broker.valuation import free_balance, margin_balance, notional, units, unrealised_pnl
from backtest.compiling import kernel

CRUMB = 1e-9
"""Less than this share of what was to be added is not worth adding: it is a rounding."""

ROUNDING = 1e-12
"""A balance below this share of the notional is none."""

FINEST = 1e16
"""As many lots as a double can tell apart."""


@kernel
def deleverage(account, settings, positions, terms, tiers, orders, book, ledger, notices, leg):
    """Close a position that a crash of the mark has made win, at the mark, against those that the fund cannot pay."""
    position, term = positions[leg], terms[leg]
    side = float(position["crash"])
    if position["there"] == 0:
        return
    position["crash"] = 0
    held, entry, mark, inverse = position["quantity"], position["entry_price"], position["mark_price"], term["inverse"]
    if held * side <= 0.0 or unrealised_pnl(held, entry, mark, inverse) <= 0.0:
        return
    pnl = unrealised_pnl(held, entry, mark, inverse)
    margin = position["margin"]
    position["quantity"] = 0.0
    post(
        account, settings, position, term, tiers, ledger, leg, ROW_ADL, NO_ORDER, 0, BY_ADL, 0,
        mark, -held, 0.0, margin + pnl, -margin, 0.0, 0.0, -pnl, 0.0, 0.0,
    )  # fmt: skip
    cancel_orders(account, settings, position, book, orders, notices, leg, POSITION_CLOSED, True, False)


@kernel
def liquidate(account, settings, positions, terms, tiers, orders, book, ledger, notices, leg):
    """The position no longer meets the requirement at its mark price: reduce it, or take it over."""
    position = positions[leg]
    term = terms[leg]
    cancel_orders(account, settings, position, book, orders, notices, leg, POSITION_LIQUIDATED, False, False)
    if term["partial"] != PARTIAL_NONE and not _is_lost(position, term, tiers):
        part = _part(account, settings, position, term, tiers)
        if part > 0.0:
            _reduce(account, settings, position, term, tiers, ledger, leg, part)
            return
    _take(account, settings, position, term, tiers, ledger, leg)


@kernel
def replenished(account, settings, position, term, tiers, ledger, leg):
    """Where the position is replenished: add the initial margin from the wallet, as far as it goes and never above the
    position's value. False where nothing can be added, but for a rounding.
    """
    if position["auto_margin"] == 0:
        return False
    inverse = term["inverse"]
    wanted = initial_margin(position["quantity"], position["entry_price"], position["leverage"], inverse)
    room = notional(position["quantity"], position["mark_price"], inverse) - position["margin"]
    amount = min(wanted, min(room, free_balance(account)))
    if amount <= CRUMB * wanted:
        return False
    post(
        account, settings, position, term, tiers, ledger, leg, ROW_AUTO, NO_ORDER, 0, NO_REASON, 0,
        position["mark_price"], 0.0, 0.0, -amount, amount, 0.0, 0.0, 0.0, 0.0, 0.0,
    )  # fmt: skip
    return True


@kernel
def most_rows(position, term, tiers):
    """The most rows that liquidation can write of a position, or of one that is opened now, at one point: replenished
    by its initial margin again and again, then reduced and taken (`closing_rows`).
    """
    if position["auto_margin"] == 0:
        return term["most_rows"]
    return term["most_rows"] + 2 + int(max(position["leverage"], tiers[term["first"]]["leverage"]))


def closing_rows(partial: int, tiers: int, share: float) -> int:
    """The most rows of a position that is reduced tier by tier, or by `share` down to the lot, and then taken."""
    if partial == PARTIAL_NONE:
        return 2
    if partial == PARTIAL_TIERS:
        return 2 + tiers
    return 2 + int((1.0 + math.log(max(1.0, share * FINEST))) / share)


@kernel
def _is_lost(position, term, tiers):
    """Whether the balance is so low that no part of the position is closed on its own any more."""
    quantity, entry, margin, mark = (
        position["quantity"], position["entry_price"], position["margin"], position["mark_price"],
    )  # fmt: skip
    balance = margin_balance(quantity, entry, margin, mark, term["inverse"])
    backstop = term["backstop"] * maintenance_margin(quantity, entry, mark, term, tiers)
    rest = balance - counted_reserve(quantity, entry, margin, position["leverage"], term)
    return rest <= ROUNDING * notional(quantity, mark, term["inverse"]) or balance < backstop


@kernel
def _part(account, settings, position, term, tiers):
    """Quantity that the venue closes before it looks again; 0 where it takes the whole position."""
    size = abs(position["quantity"])
    mark = position["mark_price"]
    if term["partial"] == PARTIAL_TIERS:
        measure = tier_size(position["quantity"], position["entry_price"], mark, term)
        row = tier_of(tiers, term["first"], term["count"], measure)
        if row - term["first"] + 1 < term["partial_from_tier"]:
            return 0.0
        cap = tiers[max(term["first"], row - term["partial_tiers"])]["cap"]
        if term["tier_unit"] == BY_TIER_QUANTITY:
            kept = cap
        else:
            basis = mark if term["tier_unit"] == BY_MARK_NOTIONAL else position["entry_price"]
            kept = units(cap, basis, term["inverse"])
        part = diminished(size, min(round_down(kept, term["lot"]), size - term["lot"]), term["lot"])
        return part if part < size else 0.0
    if account["bar"] < position["cooldown_until"]:
        return 0.0
    if notional(size, mark, term["inverse"]) <= term["partial_above"]:
        return 0.0
    part = round_up(term["partial_fraction"] * size, term["lot"])
    return part if part < size else 0.0


@kernel
def _reduce(account, settings, position, term, tiers, ledger, leg, part):
    """Close a part at the mark: its loss and the fee come out of the position's margin, and nothing is released."""
    held = position["quantity"]
    inverse = term["inverse"]
    mark = position["mark_price"]
    pnl = unrealised_pnl(part if held > 0.0 else -part, position["entry_price"], mark, inverse)
    balance = margin_balance(held, position["entry_price"], position["margin"], mark, inverse)
    taken = liquidation_fee(term["liquidation_fee"], part, mark, balance, inverse)
    position["quantity"] = diminished(held, part, term["lot"])
    wait = math.ceil(term["partial_cooldown_ns"] / settings["bar_ns"])
    if wait > 0:
        position["cooldown_until"] = account["bar"] + int(wait)
    post(
        account, settings, position, term, tiers, ledger, leg, ROW_PARTIAL, NO_ORDER, TAKER, BY_LIQUIDATION, 0,
        mark, -part if held > 0.0 else part, 0.0, 0.0, pnl - taken, 0.0, 0.0, -pnl, taken, 0.0,
    )  # fmt: skip


@kernel
def _take(account, settings, position, term, tiers, ledger, leg):
    """Close the whole position: at the mark with a fee, the rest returned, or at the bankruptcy price with nothing."""
    held = position["quantity"]
    entry = position["entry_price"]
    margin = position["margin"]
    mark = position["mark_price"]
    leverage = position["leverage"]
    inverse = term["inverse"]
    seized = term["liquidation_style"] == STYLE_BANKRUPTCY
    if not seized and term["backstop"] > 0.0:
        balance = margin_balance(held, entry, margin, mark, inverse)
        seized = balance < term["backstop"] * maintenance_margin(held, entry, mark, term, tiers)
    if seized:
        price = bankruptcy_price(held, entry, margin, leverage, term)
    else:
        price = settlement_price(held, entry, margin, leverage, mark, term)
    pnl = unrealised_pnl(held, entry, price, inverse)
    balance = margin + pnl
    spent = seized or price != mark
    taken = 0.0 if spent else liquidation_fee(term["liquidation_fee"], held, price, balance, inverse)
    left = 0.0 if spent else max(0.0, balance - taken)
    fees = counted_reserve(held, entry, margin, leverage, term) if spent else 0.0
    position["quantity"] = 0.0
    post(
        account, settings, position, term, tiers, ledger, leg, ROW_LIQUIDATION, NO_ORDER, TAKER, BY_LIQUIDATION, 0,
        price, -held, 0.0,
        left, -margin, fees, 0.0, -pnl, taken, margin + pnl - left - taken - fees,
    )  # fmt: skip
