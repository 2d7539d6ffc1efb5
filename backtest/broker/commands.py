"""What a strategy or a schedule asks for: sizes worked out at once, margin commands carried out, orders handed to the
venue.

Sections 1.2, 2.4, 2.6 and 6 of `docs/order-of-events.md`.
"""

from __future__ import annotations

import math

from backtest.broker.book import cancel, cancel_orders, has_bracket, new_order, refuse, replace_bracket, working
from backtest.broker.codes import (
    AMOUNT_ABOVE_WALLET,
    AUTO_MARGIN_NOT_OFFERED,
    BUY,
    BY_MARGIN,
    BY_NOTIONAL,
    BY_POSITION,
    BY_QUANTITY,
    BY_RISK,
    CANCELLED_BY_STRATEGY,
    COMMAND_ADD,
    COMMAND_AUTO,
    COMMAND_CANCEL,
    COMMAND_CANCEL_ALL,
    COMMAND_LEVERAGE,
    COMMAND_ORDER,
    COMMAND_REMOVE,
    COMMAND_TOP_UP,
    INSUFFICIENT_MARGIN,
    LEVERAGE_ABOVE_TIER,
    LEVERAGE_CANNOT_BE_LOWERED,
    LEVERAGE_NOT_ALLOWED,
    LEVERAGE_WOULD_LIQUIDATE,
    MARKET,
    NO_ORDER,
    NO_POSITION,
    NO_REASON,
    NO_THRESHOLD,
    NOT_IN_CROSS_MARGIN,
    NOTE_REJECTION,
    POSITION_FROZEN,
    REMOVAL_ABOVE_LIMIT,
    ROW_ADD,
    ROW_LEVERAGE,
    ROW_REMOVE,
    SELL,
    SIZE_NOT_DEFINED,
    STOP_ON_WRONG_SIDE,
    TO_EXPOSURE,
    TO_MARGIN,
    TO_NOTIONAL,
    TO_QUANTITY,
    UNKNOWN_ORDER,
    UNTIL,
)
from backtest.broker.ledger import note, post
from backtest.broker.liquidation import requirement
from backtest.broker.margin import drawn_by_leverage, removable_margin
from backtest.broker.matching import accept
from backtest.broker.rounding import round_down, round_nearest
from backtest.broker.tiers import leverage_cap
from backtest.broker.valuation import free_balance, margin_balance, notional, units, unrealised_pnl
from backtest.broker.watch import is_frozen
from backtest.compiling import inlined, kernel


@kernel
def quantity_of(size_kind, size, price, leverage, stop, side, equity, held, inverse):
    """Quantity that `size` means at `price`; NaN where it means nothing. Targets give the signed quantity wanted.

    Sizes: quantity (base units; quote units of an inverse contract), notional and margin (settlement currency), risk
    (fraction of `equity` lost at `stop`), a share of the position `held`; as targets quantity, notional, margin and
    exposure (notional as a fraction of equity), all signed.
    """
    if size_kind == BY_QUANTITY or size_kind == TO_QUANTITY:
        return size
    if size_kind == BY_NOTIONAL or size_kind == TO_NOTIONAL:
        return units(size, price, inverse)
    if size_kind == BY_MARGIN or size_kind == TO_MARGIN:
        return units(size * leverage, price, inverse)
    if size_kind == TO_EXPOSURE:
        return units(size * equity, price, inverse)
    if size_kind == BY_POSITION:
        return size * abs(held)
    if (price - stop) * side <= 0.0:
        return math.nan
    return equity * size / abs(unrealised_pnl(1.0, price, stop, inverse))


@kernel
def resolve(account, positions, terms, command):
    """Work out the command's quantity and side from the equity and prices of this instant."""
    command["bar"] = account["bar"]
    if command["kind"] != COMMAND_ORDER:
        return
    position = positions[command["leg"]]
    term = terms[command["leg"]]
    command["price"] = round_nearest(command["price"], term["tick"])
    command["trigger"] = round_nearest(command["trigger"], term["tick"])
    command["stop"] = round_nearest(command["stop"], term["tick"])
    if command["size_kind"] >= TO_QUANTITY:
        command["order_kind"] = MARKET
        command["price"] = math.nan
        command["trigger"] = math.nan
    price = command["price"]
    if math.isnan(price):
        price = command["trigger"]
    if math.isnan(price):
        price = position["last_price"]
    held = position["quantity"]
    leverage = position["leverage"] if math.isnan(command["leverage"]) else command["leverage"]
    wanted = quantity_of(
        command["size_kind"],
        command["size"],
        price,
        leverage,
        command["stop"],
        command["side"],
        account["equity"],
        held,
        term["inverse"],
    )
    if math.isnan(price) and command["size_kind"] == BY_RISK:
        command["stop"] = math.nan
    if math.isnan(wanted):
        command["quantity"] = math.nan
    elif command["size_kind"] >= TO_QUANTITY:
        target = round_down(abs(wanted), term["lot"])
        if wanted < 0.0:
            target = -target
        if target * position["direction"] < 0.0:
            target = 0.0
        change = target - held
        command["side"] = BUY if change > 0.0 else SELL
        command["quantity"] = round_nearest(abs(change), term["lot"])
        if target * held >= 0.0 and abs(target) < abs(held):
            command["reduce_only"] = 1
    else:
        command["quantity"] = round_down(abs(wanted), term["lot"])
        if command["size_kind"] == BY_POSITION:
            command["side"] = SELL if held > 0.0 else BUY
            command["reduce_only"] = 1
    if command["side"] == -position["direction"]:
        command["reduce_only"] = 1


@inlined
def place(account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, command):
    """Hand an order command to the venue at a bar's open."""
    leg = command["leg"]
    position = positions[leg]
    target = command["size_kind"] >= TO_QUANTITY
    if command["quantity"] != 0.0 or not target:
        index = new_order(
            account, orders, leg, command["number"], command["side"], command["order_kind"], command["quantity"],
            command["price"], command["trigger"], command["tag"],
        )  # fmt: skip
        order = orders[index]
        order["trigger_on"] = command["trigger_on"]
        order["reduce_only"] = command["reduce_only"]
        order["post_only"] = command["post_only"]
        order["leverage"] = command["leverage"]
        order["group"] = command["group"]
        order["callback_rate"] = command["callback_rate"]
        order["callback_distance"] = command["callback_distance"]
        order["time_in_force"] = command["time_in_force"]
        if command["time_in_force"] == UNTIL:
            order["expires_bar"] = _bar_at(settings, command["expires_ns"])
        if command["group"] != NO_ORDER:
            account["groups"] += 1
        if not target:
            order["stop"] = command["stop"]
            order["take_profit"] = command["take_profit"]
            order["trailing_stop"] = command["trailing_stop"]
        if math.isnan(command["quantity"]):
            order["quantity"] = 0.0
            wrong_side = command["size_kind"] == BY_RISK and not math.isnan(command["stop"])
            reason = STOP_ON_WRONG_SIDE if wrong_side else SIZE_NOT_DEFINED
            refuse(account, settings, position, book, orders, notices, leg, index, reason)
            return
        accept(
            account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, leg, index,
            command["bar"],
        )  # fmt: skip
    if not target or not has_bracket(command) or position["quantity"] == 0.0:
        return
    if not is_frozen(account, position, terms[leg]):
        replace_bracket(account, settings, position, terms[leg], book, orders, notices, leg, command)
    elif command["quantity"] == 0.0:
        note(
            account, settings, position, notices, leg, NOTE_REJECTION, POSITION_FROZEN, command["number"], 0,
            command["tag"], 0.0, 0.0,
        )  # fmt: skip


@kernel
def _bar_at(settings, time_ns):
    """The first base bar that opens at or after an instant."""
    return (time_ns - settings["start_ns"] + settings["bar_ns"] - 1) // settings["bar_ns"]


@inlined
def carry_out(account, settings, positions, terms, tiers, orders, book, ledger, notices, top_ups, command):
    """Carry out a command that is no order, at this point; refused with a reason where the venue would refuse it."""
    leg = command["leg"]
    position = positions[leg]
    kind = command["kind"]
    reason = NO_REASON
    if kind == COMMAND_CANCEL:
        index = working(position, book, orders, leg, command["order"])
        if index >= 0:
            cancel(account, settings, position, book, orders, notices, leg, index, CANCELLED_BY_STRATEGY)
        else:
            reason = UNKNOWN_ORDER
    elif kind == COMMAND_CANCEL_ALL:
        cancel_orders(account, settings, position, book, orders, notices, leg, CANCELLED_BY_STRATEGY, False, False)
    elif kind == COMMAND_LEVERAGE:
        reason = _set_leverage(account, settings, position, terms[leg], tiers, ledger, leg, command)
    elif account["cross"] == 1 and (kind == COMMAND_AUTO or kind == COMMAND_TOP_UP):
        reason = NOT_IN_CROSS_MARGIN
    elif kind == COMMAND_AUTO:
        if terms[leg]["auto_margin"] == 1:
            position["auto_margin"] = 1 if command["amount"] > 0.0 else 0
        else:
            reason = AUTO_MARGIN_NOT_OFFERED
    elif kind == COMMAND_ADD or kind == COMMAND_REMOVE:
        reason = _move_margin(account, settings, position, terms[leg], tiers, ledger, leg, command)
    else:
        top_up = top_ups[leg]
        top_up["threshold"] = command["threshold"]
        top_up["level"] = command["level"]
        top_up["amount"] = command["amount"]
        top_up["budget"] = command["budget"]
        top_up["cooldown_ns"] = command["cooldown_ns"]
        top_up["spent"] = 0.0
        top_up["ready_bar"] = account["bar"]
        top_up["active"] = 0 if command["threshold"] == NO_THRESHOLD else 1
        position["stale"] = 1
    if reason != NO_REASON:
        note(
            account, settings, position, notices, leg, NOTE_REJECTION, reason, command["order"], 0, command["tag"],
            command["amount"], 0.0,
        )  # fmt: skip


@kernel
def _move_margin(account, settings, position, term, tiers, ledger, leg, command):
    if account["cross"] == 1:
        return NOT_IN_CROSS_MARGIN
    if position["quantity"] == 0.0:
        return NO_POSITION
    amount = command["amount"]
    kind = ROW_ADD
    if command["kind"] == COMMAND_ADD:
        if amount > free_balance(account):
            return AMOUNT_ABOVE_WALLET
    else:
        kind = ROW_REMOVE
        needed = requirement(
            position["quantity"], position["entry_price"], position["margin"], position["leverage"],
            position["mark_price"], term, tiers,
        )  # fmt: skip
        limit = removable_margin(
            position["quantity"], position["entry_price"], position["margin"], position["leverage"],
            position["mark_price"], needed, term,
        )  # fmt: skip
        if amount > limit:
            return REMOVAL_ABOVE_LIMIT
        amount = -amount
    post(
        account, settings, position, term, tiers, ledger, leg, kind, NO_ORDER, 0, NO_REASON, command["tag"],
        position["mark_price"], 0.0, 0.0, -amount, amount, 0.0, 0.0, 0.0, 0.0, 0.0,
    )  # fmt: skip
    return NO_REASON


@kernel
def _set_leverage(account, settings, position, term, tiers, ledger, leg, command):
    leverage = command["leverage"]
    if not leverage >= 1.0 or (term["whole_leverage"] == 1 and leverage != math.floor(leverage)):
        return LEVERAGE_NOT_ALLOWED
    held = position["quantity"]
    if leverage > leverage_cap(held, position["mark_price"] if held != 0.0 else 1.0, term, tiers):
        return LEVERAGE_ABOVE_TIER
    if held == 0.0:
        position["leverage"] = leverage
        return NO_REASON
    if account["cross"] == 1:
        at_mark = notional(held, position["mark_price"], term["inverse"])
        if at_mark / leverage - at_mark / position["leverage"] > free_balance(account):
            return INSUFFICIENT_MARGIN
        position["leverage"] = leverage
        return NO_REASON
    if leverage < position["leverage"] and term["lower_leverage"] == 0:
        return LEVERAGE_CANNOT_BE_LOWERED
    drawn = drawn_by_leverage(held, position["entry_price"], position["margin"], leverage, term)
    if drawn > free_balance(account):
        return INSUFFICIENT_MARGIN
    if drawn < 0.0 and _would_liquidate(position, term, tiers, position["margin"] + drawn, leverage):
        return LEVERAGE_WOULD_LIQUIDATE
    position["leverage"] = leverage
    post(
        account, settings, position, term, tiers, ledger, leg, ROW_LEVERAGE, NO_ORDER, 0, NO_REASON, command["tag"],
        position["mark_price"], 0.0, 0.0, 0.0 - drawn, drawn, 0.0, 0.0, 0.0, 0.0, 0.0,
    )  # fmt: skip
    return NO_REASON


@kernel
def _would_liquidate(position, term, tiers, margin, leverage):
    """Whether the position with this margin and leverage would not meet the requirement at the mark."""
    quantity, entry, mark = position["quantity"], position["entry_price"], position["mark_price"]
    return margin_balance(quantity, entry, margin, mark, term["inverse"]) <= requirement(
        quantity, entry, margin, leverage, mark, term, tiers
    )
