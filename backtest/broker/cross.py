"""Cross margin: all positions share the wallet, and the account as a whole is liquidated.

The account's balance is the wallet and the unrealised PnL of all positions; its requirement is the sum of theirs
(Binance, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts", cross: WB + ΣUPNL against ΣTMM). No position
has a price of its own at which this happens, so that the account is watched as a whole: blocks whose extremes, all
adverse at once, leave it above the requirement are passed over; on a path all legs move in step, and the point at which
the balance falls to the requirement is found by halving the leg of the path. Section 8 of `docs/order-of-events.md`.
"""

from __future__ import annotations

import math

from backtest.broker.book import cancel_orders
from backtest.broker.codes import (
    BY_LIQUIDATION,
    MARK_HIGH,
    MARK_LOW,
    NO_ORDER,
    NO_REASON,
    ON_ENTRY,
    ON_RATIO,
    POSITION_LIQUIDATED,
    ROW_LIQUIDATION,
    TAKER,
)
from backtest.broker.ledger import note, post
from backtest.broker.liquidation import liquidation_fee
from backtest.broker.path import between, corners, reach
from backtest.broker.tiers import maintenance_margin
from backtest.broker.valuation import margin_ratio, notional, unrealised_pnl
from backtest.broker.watch import REARM
from backtest.compiling import kernel

HALVINGS = 60
"""Halvings of a leg of the path: more than a double can tell apart."""


@kernel
def needed(quantity, entry_price, price, term, tiers):
    """What a position adds to the account's requirement at a mark price: maintenance margin and the trigger's fee."""
    basis = entry_price if term["maintenance_basis"] == ON_ENTRY else price
    maintenance = maintenance_margin(quantity, entry_price, price, term, tiers)
    return maintenance + term["trigger_fee"] * notional(quantity, basis, term["inverse"])


@kernel
def has_position(positions):
    """Whether anything is open."""
    for leg in range(positions.shape[0]):  # noqa: SIM110 (compiled: a loop)
        if positions[leg]["quantity"] != 0.0:
            return True
    return False


@kernel
def excess(account, positions, terms, tiers):
    """The account's balance less its requirement at the mark prices reached."""
    left = account["wallet"]
    for leg in range(positions.shape[0]):
        position = positions[leg]
        quantity = position["quantity"]
        if quantity != 0.0:
            entry, mark = position["entry_price"], position["mark_price"]
            left += unrealised_pnl(quantity, entry, mark, terms[leg]["inverse"])
            left -= needed(quantity, entry, mark, terms[leg], tiers)
    return left


@kernel
def is_due(left, terms):
    """Whether an account with this excess is liquidated; a strict venue waits until it is below the requirement."""
    return left < 0.0 if terms[0]["strict"] == 1 else left <= 0.0


@kernel
def floating(positions, terms):
    """Unrealised PnL less initial margin of all positions at the marks reached: their part of the free balance."""
    total = 0.0
    for leg in range(positions.shape[0]):
        position = positions[leg]
        quantity = position["quantity"]
        if quantity != 0.0:
            inverse, mark = terms[leg]["inverse"], position["mark_price"]
            total += unrealised_pnl(quantity, position["entry_price"], mark, inverse)
            total -= notional(quantity, mark, inverse) / position["leverage"]
    return total


@kernel
def choose_together(settings, positions, terms):
    """All legs visit the same extreme first: the one that is adverse to the account's net value at the marks."""
    net = 0.0
    for leg in range(positions.shape[0]):
        position = positions[leg]
        if position["quantity"] != 0.0:
            value = notional(position["quantity"], position["mark_price"], terms[leg]["inverse"])
            net += value if position["quantity"] > 0.0 else -value
    low_first = (net >= 0.0) == (settings["path"] == 0)
    for leg in range(positions.shape[0]):
        positions[leg]["low_first"] = 1 if low_first else 0


@kernel
def reach_legs(account, positions, prices):
    """Take all open legs to the point of the path that the account has reached."""
    segment = account["segment"]
    if segment < 1 or segment > 3:
        return
    for leg in range(positions.shape[0]):
        position = positions[leg]
        if position["quantity"] != 0.0 and position["there"] == 1:
            reach(account, position, prices, segment, account["fraction"])


@kernel
def excess_at(account, positions, terms, tiers, prices, segment, fraction):
    """The excess at a point of the path of this bar; a leg whose bar is missing stands at its last known mark."""
    left = account["wallet"]
    for leg in range(positions.shape[0]):
        position = positions[leg]
        quantity = position["quantity"]
        if quantity == 0.0:
            continue
        mark = position["mark_price"]
        if position["there"] == 1:
            _, _, start, end = corners(prices, position["symbol"], account["bar"], position["low_first"], segment)
            mark = between(start, end, fraction)
        left += unrealised_pnl(quantity, position["entry_price"], mark, terms[leg]["inverse"])
        left -= needed(quantity, position["entry_price"], mark, terms[leg], tiers)
    return left


@kernel
def first_due(account, positions, terms, tiers, prices):
    """First point of the path, from the one reached, at which the account is due: (segment, fraction); (4, infinite)
    where there is none.
    """
    segment = account["segment"] if has_position(positions) else 4
    fraction = account["fraction"]
    while segment <= 3:
        if is_due(excess_at(account, positions, terms, tiers, prices, segment, fraction), terms):
            return segment, fraction
        if is_due(excess_at(account, positions, terms, tiers, prices, segment, 1.0), terms):
            low, high = fraction, 1.0
            for _ in range(HALVINGS):
                middle = 0.5 * (low + high)
                if is_due(excess_at(account, positions, terms, tiers, prices, segment, middle), terms):
                    high = middle
                else:
                    low = middle
            return segment, high
        segment += 1
        fraction = 0.0
    return 4, math.inf


@kernel
def _worst(positions, terms, tiers, leg, low, high):
    """The least that a leg adds to the excess while its mark lies between two prices."""
    position = positions[leg]
    quantity, entry = position["quantity"], position["entry_price"]
    adverse = low if quantity > 0.0 else high
    pnl = unrealised_pnl(quantity, entry, adverse, terms[leg]["inverse"])
    return pnl - max(needed(quantity, entry, low, terms[leg], tiers), needed(quantity, entry, high, terms[leg], tiers))


@kernel
def _may_be_due(account, positions, terms, tiers, extremes, block):
    """Whether the account can be due within a block, all legs at their adverse extremes at once."""
    left = account["wallet"]
    for leg in range(positions.shape[0]):
        if positions[leg]["quantity"] != 0.0:
            symbol = positions[leg]["symbol"]
            low, high = extremes[symbol, 2, block], extremes[symbol, 3, block]
            if low > high:
                low = high = positions[leg]["mark_price"]
            left += _worst(positions, terms, tiers, leg, low, high)
    return left <= 0.0


@kernel
def _bar_may_be_due(account, positions, terms, tiers, prices, bar):
    left = account["wallet"]
    for leg in range(positions.shape[0]):
        if positions[leg]["quantity"] != 0.0:
            symbol = positions[leg]["symbol"]
            low, high = prices[bar, symbol, MARK_LOW], prices[bar, symbol, MARK_HIGH]
            if math.isnan(low):
                low = high = positions[leg]["mark_price"]
            left += _worst(positions, terms, tiers, leg, low, high)
    return left <= 0.0


@kernel
def first_candidate(settings, account, positions, terms, tiers, prices, fine, coarse, start, stop):
    """First bar in [start, stop) in which the account can be due; `stop` where there is none."""
    small, large = settings["fine_bars"], settings["coarse_bars"]
    bar = start
    while bar < stop:
        if bar % large == 0 and not _may_be_due(account, positions, terms, tiers, coarse, bar // large):
            bar += large
            continue
        if bar % small == 0 and not _may_be_due(account, positions, terms, tiers, fine, bar // small):
            bar += small
            continue
        end = min(stop, (bar // small + 1) * small)
        while bar < end:
            if _bar_may_be_due(account, positions, terms, tiers, prices, bar):
                return bar
            bar += 1
    return stop


@kernel
def ratio(account, positions, terms, tiers):
    """The account's requirement over its balance at the mark prices reached."""
    balance = account["wallet"]
    for leg in range(positions.shape[0]):
        position = positions[leg]
        balance += unrealised_pnl(
            position["quantity"], position["entry_price"], position["mark_price"], terms[leg]["inverse"]
        )
    return margin_ratio(balance - excess(account, positions, terms, tiers), balance)


@kernel
def give_alerts(account, settings, positions, terms, tiers, notices, alerts):
    """Give the margin calls and ratio alerts of open positions where the account's ratio has reached their level."""
    reached = ratio(account, positions, terms, tiers)
    for row in range(alerts.shape[0]):
        alert = alerts[row]
        leg = alert["leg"]
        if alert["threshold"] != ON_RATIO or positions[leg]["quantity"] == 0.0:
            continue
        if alert["armed"] == 1 and reached >= alert["level"]:
            alert["armed"] = 0
            note(
                account, settings, positions[leg], notices, leg, alert["kind"], NO_REASON, NO_ORDER, alert["number"], 0,
                reached, alert["level"],
            )  # fmt: skip
        elif alert["armed"] == 0 and reached <= alert["level"] * (1.0 - REARM):
            alert["armed"] = 1


@kernel
def liquidate_account(account, settings, positions, terms, tiers, orders, book, ledger, notices):
    """Cancel all orders, then close positions at their marks, the largest requirement first, until the rest is safe.

    A wallet below zero with nothing left open is the insurance fund's.
    """
    for leg in range(positions.shape[0]):
        cancel_orders(
            account, settings, positions[leg], book, orders, notices, leg, POSITION_LIQUIDATED, False, False
        )  # fmt: skip
    while True:
        worst, most, open_legs = -1, -1.0, 0
        for leg in range(positions.shape[0]):
            position = positions[leg]
            if position["quantity"] != 0.0:
                open_legs += 1
                share = needed(position["quantity"], position["entry_price"], position["mark_price"], terms[leg], tiers)
                if share > most:
                    worst, most = leg, share
        if worst < 0 or not is_due(excess(account, positions, terms, tiers), terms):
            return
        _close(account, settings, positions, terms, tiers, ledger, worst, open_legs == 1)


@kernel
def _close(account, settings, positions, terms, tiers, ledger, leg, last):
    position, term = positions[leg], terms[leg]
    held, mark, inverse = position["quantity"], position["mark_price"], term["inverse"]
    pnl = unrealised_pnl(held, position["entry_price"], mark, inverse)
    balance = account["wallet"]
    for each in range(positions.shape[0]):
        other = positions[each]
        balance += unrealised_pnl(other["quantity"], other["entry_price"], other["mark_price"], terms[each]["inverse"])
    taken = liquidation_fee(term["liquidation_fee"], held, mark, balance, inverse)
    credit = pnl - taken
    paid = max(0.0, -(account["wallet"] + credit)) if last else 0.0
    position["quantity"] = 0.0
    post(
        account, settings, position, term, tiers, ledger, leg, ROW_LIQUIDATION, NO_ORDER, TAKER, BY_LIQUIDATION, 0,
        mark, -held, 0.0, credit + paid, 0.0, 0.0, 0.0, -pnl, taken, -paid,
    )  # fmt: skip
