"""How orders meet the market: acceptance, fills, and what follows a fill.

An order opposite to the position first reduces it; what remains, unless the order is reduce-only, opens the other way
(Binance one-way mode). Opening is refused with a reason where the venue would refuse it. Sections 4 of `docs/order-
of-events.md`.
"""

from __future__ import annotations

import math

import numpy as np

from backtest.broker.book import (
    attach_bracket,
    cancel,
    cancel_orders,
    enter,
    fires_below,
    has_bracket,
    leave,
    pays_market,
    reads_mark,
    refuse,
)
from backtest.broker.codes import (
    EXPIRED,
    FILL_OR_KILL,
    FILLED,
    FROM_WALLET,
    IMMEDIATE,
    INSUFFICIENT_MARGIN,
    LEVERAGE_ABOVE_TIER,
    LEVERAGE_CANNOT_BE_LOWERED,
    LEVERAGE_NOT_ALLOWED,
    LIMIT,
    MAKER,
    MARKET,
    NO_REASON,
    NOT_FILLED_AT_ONCE,
    NOTE_REJECTION,
    NOTIONAL_BELOW_MINIMUM,
    OUTSIDE_PRICE_BAND,
    POSITION_CLOSED,
    POSITION_FROZEN,
    POST_ONLY_WOULD_TAKE,
    QUANTITY_BELOW_LOT,
    REDUCE_ONLY_WITHOUT_POSITION,
    ROW_CLOSE,
    ROW_OPEN,
    SIBLING_FILLED,
    STOP_LIMIT,
    TAKE_PROFIT_LIMIT,
    TAKER,
    TOO_MANY_ORDERS,
    TRAILING_STOP,
    VOLUME,
    WORKING,
)
from backtest.broker.cross import floating, reach_legs
from backtest.broker.fees import fee, slipped
from backtest.broker.groups import cancel_others, is_settled
from backtest.broker.ledger import note, post
from backtest.broker.margin import initial_margin, open_loss, opening_reserve
from backtest.broker.position import diminished, enlarged, reduction
from backtest.broker.rounding import SLACK, round_down, round_nearest, round_up
from backtest.broker.tiers import leverage_cap
from backtest.broker.trailing import leads, take_best
from backtest.broker.valuation import free_balance, notional, unrealised_pnl
from backtest.broker.watch import is_frozen
from backtest.compiling import inlined, kernel


@kernel
def passed(order, level, price):
    """Whether `price` has reached the order's `level`, but for the rounding of a point of the path."""
    return price <= level * (1.0 + SLACK) if fires_below(order) else price >= level * (1.0 - SLACK)


@kernel
def below_minimum(position, term, order, closing, price):
    """Whether the order's notional at `price` is below the contract's minimum, and not by a rounding (0.29 × 100 is
    less than 29 in doubles), and it is not exempt.
    """
    if order["reduce_only"] == 1 or (closing > 0.0 and order["quantity"] == abs(position["quantity"])):
        return False
    return notional(order["quantity"], price, term["inverse"]) < term["minimum_notional"] * (1.0 - SLACK)


@kernel
def opening_fault(account, position, term, tiers, side, quantity, price, leverage, rate):
    """Why the venue refuses to open `quantity` at `price`; NO_REASON where it does not. `rate` is the fee rate."""
    if leverage < 1.0 or (term["whole_leverage"] == 1 and leverage != np.floor(leverage)):
        return LEVERAGE_NOT_ALLOWED
    held = abs(position["quantity"]) if position["quantity"] * side > 0.0 else 0.0
    if leverage > leverage_cap(held + quantity, price, term, tiers):
        return LEVERAGE_ABOVE_TIER
    if held > 0.0 and leverage < position["leverage"] and term["lower_leverage"] == 0:
        return LEVERAGE_CANNOT_BE_LOWERED
    needed = needed_to_open(position, term, side, quantity, price, leverage, rate)
    # an order that takes just what it had reserved must not fail by a rounding
    if needed * (1.0 - SLACK) > free_balance(account):
        return INSUFFICIENT_MARGIN
    return NO_REASON


@kernel
def needed_to_open(position, term, side, quantity, price, leverage, rate):
    """What the wallet must hold to open `quantity` at `price`: initial margin, reserve, open loss and fee."""
    inverse = term["inverse"]
    needed = initial_margin(quantity, price, leverage, inverse)
    needed += opening_reserve(side * quantity, price, leverage, term)
    needed += open_loss(side, quantity, price, position["mark_price"], inverse)
    if term["opening_fee_pocket"] == FROM_WALLET:
        needed += fee(rate, quantity, price, inverse)
    return needed


@kernel
def fill(
    account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, leg, index, point, liquidity
):  # fmt: skip
    """Order `index` is executed; `point` is the last price (or the limit price) at which it meets the market."""
    position = positions[leg]
    term = terms[leg]
    order = orders[index]
    side = order["side"]
    taking = pays_market(order)
    rested = order["status"] == WORKING and order["kind"] == LIMIT
    leave(account, position, book, orders, leg, index)
    held = position["quantity"]
    closing = min(order["quantity"], abs(held)) if held * side < 0.0 else 0.0
    opening = 0.0 if order["reduce_only"] == 1 else round_nearest(order["quantity"] - closing, term["lot"])
    quantity = closing + opening
    price = point
    if taking:
        volume = prices[account["bar"], position["symbol"], VOLUME] if settings["volume_slippage"] > 0.0 else 0.0
        traded = notional(quantity, point, 1) if term["inverse"] == 1 else quantity
        price = slipped(side, point, traded, volume, settings["slippage"], settings["volume_slippage"], term["tick"])
        if price == point and reads_mark(order):
            price = round_up(point, term["tick"]) if side > 0 else round_down(point, term["tick"])
    rate = term["maker"] if liquidity == MAKER else term["taker"]
    leverage = position["leverage"] if math.isnan(order["leverage"]) else order["leverage"]
    if account["cross"] == 1:
        reach_legs(account, positions, prices)
        account["floating"] = floating(positions, terms)
    fault = NO_REASON
    if not rested and below_minimum(position, term, order, closing, price):
        fault = NOTIONAL_BELOW_MINIMUM
    elif closing == 0.0:
        fault = opening_fault(account, position, term, tiers, side, opening, price, leverage, rate)
        if fault == NO_REASON and taking and _outside_band(position, term, price):
            fault = OUTSIDE_PRICE_BAND
    if fault != NO_REASON:
        refuse(account, settings, position, book, orders, notices, leg, index, fault)
        return
    order["status"] = FILLED
    order["filled"] = quantity
    order["filled_price"] = price
    order["done_bar"] = account["bar"]
    if closing > 0.0:
        _close(
            account, settings, positions, term, tiers, orders, book, ledger, notices, prices, leg, index, closing,
            price, rate, liquidity, point,
        )  # fmt: skip
    if opening == 0.0:
        return
    if closing > 0.0:
        if account["cross"] == 1:
            account["floating"] = floating(positions, terms)
        fault = opening_fault(account, position, term, tiers, side, opening, price, leverage, rate)
        if fault == NO_REASON and taking and _outside_band(position, term, price):
            fault = OUTSIDE_PRICE_BAND
        if fault != NO_REASON:
            order["filled"] = closing
            note(
                account, settings, position, notices, leg, NOTE_REJECTION, fault, order["number"], 0, order["tag"],
                opening, 0.0,
            )  # fmt: skip
            return
    _open(
        account, settings, position, term, tiers, ledger, leg, order, opening, price, leverage, rate, liquidity, point
    )  # fmt: skip
    if closing == 0.0:
        cancel_others(account, settings, positions, book, orders, notices, prices, leg, index)
    if has_bracket(order):
        attach_bracket(
            account, settings, position, term, book, orders, notices, leg, order["number"], opening, order
        )  # fmt: skip


@kernel
def _outside_band(position, term, price):
    return abs(price - position["mark_price"]) > term["price_band"] * position["mark_price"] * (1.0 + SLACK)


@inlined
def _close(
    account, settings, positions, term, tiers, orders, book, ledger, notices, prices, leg, index, closing, price, rate,
    liquidity, point,
):  # fmt: skip
    position = positions[leg]
    order = orders[index]
    held = position["quantity"]
    slippage = abs(unrealised_pnl(closing, point, price, term["inverse"]))
    paid = fee(rate, closing, price, term["inverse"])
    pnl, proceeds, from_margin, shortfall = reduction(
        held, position["entry_price"], position["margin"], closing, price, paid, term["inverse"]
    )
    if account["cross"] == 1:
        proceeds, shortfall = pnl - paid, 0.0
    position["quantity"] = diminished(held, closing, term["lot"])
    post(
        account, settings, position, term, tiers, ledger, leg, ROW_CLOSE, order["number"], liquidity, order["reason"],
        order["tag"], price, order["side"] * closing, slippage,
        proceeds, -from_margin, paid, 0.0, -pnl, 0.0, -shortfall,
    )  # fmt: skip
    cancel_others(account, settings, positions, book, orders, notices, prices, leg, index)
    if position["quantity"] == 0.0:
        cancel_orders(account, settings, position, book, orders, notices, leg, POSITION_CLOSED, True, False)


@inlined
def _open(
    account, settings, position, term, tiers, ledger, leg, order, quantity, price, leverage, rate, liquidity, point
):  # fmt: skip
    side = order["side"]
    if position["quantity"] == 0.0:
        account["trades"] += 1
        position["trade"] = account["trades"]
        position["margin"] = 0.0
        position["cooldown_until"] = 0
        position["entered_bar"] = account["bar"] if account["segment"] > 0 else -1
    inverse = term["inverse"]
    paid = fee(rate, quantity, price, inverse)
    locked = initial_margin(quantity, price, leverage, inverse)
    locked += opening_reserve(side * quantity, price, leverage, term)
    position["quantity"], position["entry_price"] = enlarged(
        position["quantity"], position["entry_price"], side, quantity, price, term["lot"], inverse
    )
    position["leverage"] = leverage
    if account["cross"] == 1:
        wallet, margin = -paid, 0.0
    elif term["opening_fee_pocket"] == FROM_WALLET:
        wallet, margin = -(locked + paid), locked
    else:
        wallet, margin = -locked, locked - paid
    post(
        account, settings, position, term, tiers, ledger, leg, ROW_OPEN, order["number"], liquidity, order["reason"],
        order["tag"], price, side * quantity, abs(unrealised_pnl(quantity, point, price, inverse)),
        wallet, margin, paid, 0.0, 0.0, 0.0, 0.0,
    )  # fmt: skip


@kernel
def rest(account, settings, positions, terms, tiers, orders, book, notices, leg, index):
    """A limit order that the market has not reached starts working, its opening part reserving margin, unless it is
    refused, or cancelled because it should fill at once.
    """
    position = positions[leg]
    term = terms[leg]
    order = orders[index]
    side = order["side"]
    if order["time_in_force"] == IMMEDIATE or order["time_in_force"] == FILL_OR_KILL:
        cancel(account, settings, position, book, orders, notices, leg, index, NOT_FILLED_AT_ONCE)
        return
    if position["orders"] >= term["order_limit"]:
        refuse(account, settings, position, book, orders, notices, leg, index, TOO_MANY_ORDERS)
        return
    opposite = abs(position["quantity"]) if position["quantity"] * side < 0.0 else 0.0
    opening = round_nearest(max(0.0, order["quantity"] - opposite), term["lot"])
    closing = min(order["quantity"], opposite)
    if below_minimum(position, term, order, closing, order["price"]):
        refuse(account, settings, position, book, orders, notices, leg, index, NOTIONAL_BELOW_MINIMUM)
        return
    if order["reduce_only"] == 0 and opening > 0.0:
        if account["cross"] == 1:
            account["floating"] = floating(positions, terms)
        leverage = position["leverage"] if math.isnan(order["leverage"]) else order["leverage"]
        fault = opening_fault(account, position, term, tiers, side, opening, order["price"], leverage, term["taker"])
        if fault != NO_REASON:
            refuse(account, settings, position, book, orders, notices, leg, index, fault)
            return
        order["reserved"] = needed_to_open(position, term, side, opening, order["price"], leverage, term["taker"])
        account["reserved"] += order["reserved"]
    enter(position, book, orders, leg, index)


@kernel
def act(
    account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, leg, index, point, liquidity
):
    """Working or new order `index` is met at last price `point`: it fills, or a stop-limit comes into force as a
    limit order.
    """
    order = orders[index]
    if order["kind"] == STOP_LIMIT or order["kind"] == TAKE_PROFIT_LIMIT:
        leave(account, positions[leg], book, orders, leg, index)
        order["kind"] = LIMIT
        if not passed(order, order["price"], point):
            rest(account, settings, positions, terms, tiers, orders, book, notices, leg, index)
            return
        if order["post_only"] == 1:
            refuse(account, settings, positions[leg], book, orders, notices, leg, index, POST_ONLY_WOULD_TAKE)
            return
        liquidity = TAKER
    elif order["kind"] != LIMIT:
        liquidity = TAKER
    fill(
        account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, leg, index, point, liquidity
    )


@inlined
def accept(account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, leg, index, asked):
    """New order `index`, asked for at the close of bar `asked`, reaches the venue at a bar's open: it acts at once,
    starts working, or comes to nothing.
    """
    position = positions[leg]
    order = orders[index]
    point = position["last_price"]
    if is_frozen(account, position, terms[leg]):
        refuse(account, settings, position, book, orders, notices, leg, index, POSITION_FROZEN)
    elif order["expires_bar"] <= account["bar"]:
        cancel(account, settings, position, book, orders, notices, leg, index, EXPIRED)
    elif account["groups"] > 0 and is_settled(orders, index, order["number"], order["group"], asked):
        cancel(account, settings, position, book, orders, notices, leg, index, SIBLING_FILLED)
    elif order["quantity"] <= 0.0:
        refuse(account, settings, position, book, orders, notices, leg, index, QUANTITY_BELOW_LOT)
    elif order["reduce_only"] == 1 and position["quantity"] * order["side"] >= 0.0:
        refuse(account, settings, position, book, orders, notices, leg, index, REDUCE_ONLY_WITHOUT_POSITION)
    elif order["kind"] == MARKET:
        fill(
            account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, leg, index, point, TAKER
        )
    elif order["kind"] == LIMIT:
        if not passed(order, order["price"], point):
            rest(account, settings, positions, terms, tiers, orders, book, notices, leg, index)
        elif order["post_only"] == 1:
            refuse(account, settings, position, book, orders, notices, leg, index, POST_ONLY_WOULD_TAKE)
        else:
            fill(
                account,
                settings,
                positions,
                terms,
                tiers,
                orders,
                book,
                ledger,
                notices,
                prices,
                leg,
                index,
                point,
                TAKER,
            )
    else:
        watched = position["mark_price"] if order["trigger_on"] == 1 else point
        if order["kind"] == TRAILING_STOP and (math.isnan(order["trigger"]) or leads(order, watched)):
            take_best(order, watched, terms[leg]["tick"], -1)
        if passed(order, order["trigger"], watched):
            act(
                account,
                settings,
                positions,
                terms,
                tiers,
                orders,
                book,
                ledger,
                notices,
                prices,
                leg,
                index,
                point,
                TAKER,
            )
        elif position["orders"] >= terms[leg]["order_limit"]:
            refuse(account, settings, position, book, orders, notices, leg, index, TOO_MANY_ORDERS)
        else:
            enter(position, book, orders, leg, index)
