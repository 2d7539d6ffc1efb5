"""One bar of one account: the venue's order of events.

`opening` is a bar's first instant (section 2 of `docs/order-of-events.md`), `walk` its path (section 3), `closing`
its last instant (section 7). Each sentence there is one statement here, in the same order.
"""

from __future__ import annotations

import math

from backtest.broker.alerts import give_alert
from backtest.broker.book import expire, level_of, reads_mark
from backtest.broker.codes import (
    CLOSE,
    COMMAND_ORDER,
    HIGH,
    LOW,
    MAKER,
    MARK_CLOSE,
    MARK_HIGH,
    MARK_LOW,
    MARK_OPEN,
    NO_ORDER,
    NO_REASON,
    NOTE_ALERT,
    ON_DRAWDOWN,
    OPEN,
    ROW_TIERS,
    STOP_END,
    STOP_EVENT,
    STOP_ROOM,
    TRAILING_STOP,
)
from backtest.broker.commands import carry_out, place
from backtest.broker.cross import (
    choose_together,
    excess,
    first_due,
    floating,
    give_alerts,
    has_position,
    is_due,
    liquidate_account,
    reach_legs,
)
from backtest.broker.funding import pay_funding
from backtest.broker.ledger import note, post
from backtest.broker.matching import act, passed
from backtest.broker.order_met import decided_by_order, meet_order, note_ambiguous
from backtest.broker.path import (
    MEETS_LIQUIDATION,
    MEETS_NOTHING,
    MEETS_ORDER,
    MEETS_TOP_UP,
    SAME,
    beyond,
    choose,
    first_meeting,
    last_present,
    reach,
    visit,
)
from backtest.broker.takeover import deleverage, liquidate, most_rows, replenished
from backtest.broker.tiers import table_at
from backtest.broker.top_up import act_on
from backtest.broker.trailing import leads, take_best
from backtest.broker.valuation import margin_balance
from backtest.broker.watch import REARM, is_frozen, refresh
from backtest.compiling import inlined, kernel


@kernel
def has_room(account, positions, terms, tiers, ledger, notices, orders, alerts):
    """Whether the tables have room for the most that a bar's open, one point of its path or its close can write."""
    at_work = account["command_rows"] + alerts.shape[0] + 4
    for leg in range(positions.shape[0]):
        at_work += positions[leg]["orders"] + 4 + most_rows(positions[leg], terms[leg], tiers)
    return (
        account["ledger_rows"] + 4 * at_work < ledger.shape[0]
        and account["notice_rows"] + 4 * at_work < notices.shape[0]
        and account["order_rows"] + 4 * at_work < orders.shape[0]
    )


@inlined
def opening(
    account, settings, positions, terms, tier_tables, tiers, orders, book, ledger, notices, prices, funding, commands,
    top_ups,
):  # fmt: skip
    """The open of bar `account["bar"]`: tiers, funding, liquidation, margin commands, fills, liquidation again."""
    bar = account["bar"]
    account["segment"] = 0
    account["fraction"] = 0.0
    _wake(account, settings, positions, terms, funding, commands, top_ups, bar)
    for leg in range(positions.shape[0]):
        position = positions[leg]
        if position["awake"] == 0:
            continue
        position["entered_bar"] = -1
        last, mark = prices[bar, position["symbol"], OPEN], prices[bar, position["symbol"], MARK_OPEN]
        position["there"] = 0 if math.isnan(last) or math.isnan(mark) else 1
        if position["there"] == 1:
            position["last_price"] = last
            position["mark_price"] = mark
            position["point_segment"] = 0
            position["point_fraction"] = 0.0
        if settings["start_ns"] + bar * settings["bar_ns"] >= terms[leg]["next_table_ns"]:
            _change_tiers(account, settings, position, terms[leg], tier_tables, tiers, ledger, leg, bar)
    _settle_funding(account, settings, positions, terms, tiers, ledger, prices, funding, bar)
    _liquidate_beyond(account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, bar)
    for leg in range(positions.shape[0]):
        if positions[leg]["crash"] != 0:
            deleverage(account, settings, positions, terms, tiers, orders, book, ledger, notices, leg)
    for row in range(account["command_rows"]):
        command = commands[row]
        if command["kind"] != COMMAND_ORDER and positions[command["leg"]]["there"] == 1:
            carry_out(account, settings, positions, terms, tiers, orders, book, ledger, notices, top_ups, command)
    for leg in range(positions.shape[0]):
        if positions[leg]["expires_bar"] <= bar and positions[leg]["there"] == 1:
            expire(account, settings, positions[leg], book, orders, notices, leg)
    for leg in range(positions.shape[0]):
        if positions[leg]["awake"] == 1 and positions[leg]["there"] == 1 and positions[leg]["orders"] > 0:
            _meet_open(account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, leg)
    kept = 0
    for row in range(account["command_rows"]):
        if positions[commands[row]["leg"]]["there"] == 0:
            commands[kept] = commands[row]
            kept += 1
        elif commands[row]["kind"] == COMMAND_ORDER:
            place(account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, commands[row])
    account["command_rows"] = kept
    account["resolved"] = kept
    _liquidate_beyond(account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, bar)
    for leg in range(positions.shape[0]):
        if positions[leg]["awake"] == 1:
            positions[leg]["low_first"] = choose(settings, positions[leg], orders, book, leg)
    if account["cross"] == 1:
        choose_together(settings, positions, terms)
    account["segment"] = 1


@inlined
def _wake(account, settings, positions, terms, funding, commands, top_ups, bar):
    """Wake the legs that anything concerns in this bar; the others sleep through it, and none of their prices is
    read.
    """
    now = settings["start_ns"] + bar * settings["bar_ns"]
    for leg in range(positions.shape[0]):
        position = positions[leg]
        if (
            top_ups[leg]["ready_bar"] == bar
            or now >= terms[leg]["next_table_ns"]
            or (bar > 0 and position["cooldown_until"] == bar)
            or position["crash"] != 0
            or position["expires_bar"] <= bar
        ):
            position["stale"] = 1
        busy = position["quantity"] != 0.0 or position["orders"] > 0
        concerned = busy and (position["clear_until"] <= bar or account["cross"] == 1)
        position["awake"] = 1 if position["stale"] == 1 or concerned else 0
    for row in range(account["command_rows"]):
        positions[commands[row]["leg"]]["awake"] = 1
    row = account["funding_row"]
    while row < funding.shape[0] and funding[row]["bar"] <= bar:
        symbol = funding[row]["leg"]
        for leg in range(symbol * settings["legs"], (symbol + 1) * settings["legs"]):
            positions[leg]["awake"] = 1
        row += 1


@kernel
def _change_tiers(account, settings, position, term, tier_tables, tiers, ledger, leg, bar):
    now = settings["start_ns"] + bar * settings["bar_ns"]
    row = table_at(tier_tables, term["first_table"], term["tables"], now)
    term["table"] = row
    term["first"] = tier_tables[row]["first"]
    term["count"] = tier_tables[row]["tiers"]
    later = row + 1 < term["first_table"] + term["tables"]
    term["next_table_ns"] = tier_tables[row + 1]["from_ns"] if later else settings["start_ns"] + (1 << 61)
    if position["quantity"] != 0.0:
        post(
            account, settings, position, term, tiers, ledger, leg, ROW_TIERS, NO_ORDER, 0, NO_REASON, 0,
            position["mark_price"], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
        )  # fmt: skip


@inlined
def _settle_funding(account, settings, positions, terms, tiers, ledger, prices, funding, bar):
    while account["funding_row"] < funding.shape[0] and funding[account["funding_row"]]["bar"] <= bar:
        settlement = funding[account["funding_row"]]
        account["funding_row"] += 1
        symbol = settlement["leg"]
        for leg in range(symbol * settings["legs"], (symbol + 1) * settings["legs"]):
            if positions[leg]["quantity"] != 0.0:
                pay_funding(account, settings, positions[leg], terms[leg], tiers, ledger, leg, settlement["rate"])


@kernel
def _liquidate_beyond(account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, bar):
    if account["cross"] == 1:
        if has_position(positions) and is_due(excess(account, positions, terms, tiers), terms):
            liquidate_account(account, settings, positions, terms, tiers, orders, book, ledger, notices)
        account["floating"] = floating(positions, terms)
        return
    for leg in range(positions.shape[0]):
        position = positions[leg]
        if position["awake"] == 0 or position["quantity"] == 0.0 or position["there"] == 0:
            continue
        long = position["quantity"] > 0.0
        strict = terms[leg]["strict"] == 1
        while (
            position["quantity"] != 0.0
            and not is_frozen(account, position, terms[leg])
            and beyond(position["mark_price"], position["liquidation_price"], long, strict)
        ):
            if replenished(account, settings, position, terms[leg], tiers, ledger, leg):
                continue
            liquidate(account, settings, positions, terms, tiers, orders, book, ledger, notices, leg)


@inlined
def _meet_open(account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, leg):
    """Working orders that the open has reached act, oldest first; those that come of it wait for the path."""
    position = positions[leg]
    newest = account["orders"]
    slot = 0
    while slot < position["orders"]:
        index = book[leg, slot]
        order = orders[index]
        watched = position["mark_price"] if reads_mark(order) else position["last_price"]
        if order["kind"] == TRAILING_STOP and leads(order, watched):
            take_best(order, watched, terms[leg]["tick"], -1)
            position["stale"] = 1
        if order["number"] <= newest and passed(order, level_of(order), watched):
            act(
                account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, leg, index,
                position["last_price"], MAKER,
            )  # fmt: skip
            slot = 0
        else:
            slot += 1


@inlined
def _touches(position, prices, bar):
    """Whether the bar's range reaches a threshold of the leg; a price that no threshold waits for is not read."""
    symbol = position["symbol"]
    return (
        (position["last_below"] > -math.inf and prices[bar, symbol, LOW] <= position["last_below"])
        or (position["last_above"] < math.inf and prices[bar, symbol, HIGH] >= position["last_above"])
        or (position["mark_below"] > -math.inf and prices[bar, symbol, MARK_LOW] <= position["mark_below"])
        or (position["mark_above"] < math.inf and prices[bar, symbol, MARK_HIGH] >= position["mark_above"])
    )


@inlined
def walk(account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, top_ups, alerts):
    """Walk the bar's paths from the point reached until nothing more is met, or until a subscribed event."""
    bar = account["bar"]
    while True:
        segment, fraction, what, slot, leg = 4, math.inf, MEETS_NOTHING, 0, 0
        for candidate in range(positions.shape[0]):
            position = positions[candidate]
            if position["quantity"] == 0.0 and position["orders"] == 0:
                continue
            if position["stale"] == 1:
                refresh(account, positions, terms, tiers, orders, book, top_ups, alerts, candidate)
            if position["awake"] == 0 or position["there"] == 0:
                continue
            if not _touches(position, prices, bar):
                continue
            its_segment, its_fraction, its_what, its_slot = first_meeting(
                account, positions, terms, orders, book, top_ups, alerts, prices, candidate
            )
            if its_segment < segment or (its_segment == segment and its_fraction < fraction - SAME):
                segment, fraction, what, slot, leg = its_segment, its_fraction, its_what, its_slot, candidate
        if what == MEETS_NOTHING and account["cross"] == 0:
            return STOP_END
        if not has_room(account, positions, terms, tiers, ledger, notices, orders, alerts):
            return STOP_ROOM
        if account["cross"] == 1:
            due_segment, due_fraction = first_due(account, positions, terms, tiers, prices)
            if due_segment < segment or (due_segment == segment and due_fraction <= fraction):
                if due_segment == 4:
                    return STOP_END
                account["segment"] = due_segment
                account["fraction"] = due_fraction
                reach_legs(account, positions, prices)
                liquidate_account(account, settings, positions, terms, tiers, orders, book, ledger, notices)
                if account["wake"] == 1:
                    return STOP_EVENT
                continue
        account["segment"] = segment
        account["fraction"] = fraction
        position = positions[leg]
        reach(account, position, prices, segment, fraction)
        if what == MEETS_LIQUIDATION:
            if not beyond(position["mark_price"], position["liquidation_price"], position["quantity"] > 0.0, True):
                position["mark_price"] = position["liquidation_price"]
            if replenished(account, settings, position, terms[leg], tiers, ledger, leg):
                continue
            entered = position["entered_bar"] == bar
            if entered or decided_by_order(positions, orders, book, prices, bar, leg, -1):
                note_ambiguous(account, settings, position, notices, leg)
            liquidate(account, settings, positions, terms, tiers, orders, book, ledger, notices, leg)
        elif what == MEETS_ORDER:
            meet_order(account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, leg, slot)
        elif what == MEETS_TOP_UP:
            act_on(account, settings, positions, terms, tiers, ledger, notices, top_ups, leg)
        else:
            give_alert(account, settings, positions, terms, tiers, notices, alerts, leg, slot)
        if account["wake"] == 1:
            return STOP_EVENT


@kernel
def value_account(account, positions, terms):
    """Equity at the prices of the point reached: wallet + Σ (margin + unrealised PnL)."""
    equity = account["wallet"]
    for leg in range(positions.shape[0]):
        position = positions[leg]
        if position["quantity"] != 0.0:
            equity += margin_balance(
                position["quantity"], position["entry_price"], position["margin"], position["mark_price"],
                terms[leg]["inverse"],
            )  # fmt: skip
    if account["cross"] == 1:
        account["floating"] = floating(positions, terms)
    account["equity"] = equity


@kernel
def reach_close(position, prices, bar):
    """Take a leg to the close of a bar, or to its last known close where the bar is missing."""
    symbol = position["symbol"]
    known = bar
    last, mark = prices[bar, symbol, CLOSE], prices[bar, symbol, MARK_CLOSE]
    if math.isnan(last) or math.isnan(mark):
        known = last_present(prices, symbol, bar)
        if known < 0:
            return
        last, mark = prices[known, symbol, CLOSE], prices[known, symbol, MARK_CLOSE]
    position["last_price"] = last
    position["mark_price"] = mark
    position["point_segment"] = 4
    position["point_fraction"] = 0.0


@kernel
def reach_all(account, settings, positions, terms, orders, book, prices):
    """Take every leg to the point of the path that the account has reached, and value the account there."""
    for leg in range(positions.shape[0]):
        visit(account, settings, positions[leg], orders, book, prices, leg)
    value_account(account, positions, terms)


@inlined
def closing(account, settings, positions, terms, tiers, notices, prices, alerts):
    """The close of the bar: value the account, and read the alerts on its drawdown.

    A plan needs the legs that have a position; a strategy may look at any.
    """
    account["segment"] = 4
    account["fraction"] = 0.0
    for leg in range(positions.shape[0]):
        if settings["decide"] == 1 or positions[leg]["quantity"] != 0.0:
            reach_close(positions[leg], prices, account["bar"])
    value_account(account, positions, terms)
    if account["cross"] == 1:
        give_alerts(account, settings, positions, terms, tiers, notices, alerts)
    equity = account["equity"]
    if settings["watch_drawdown"] == 0:
        return
    account["peak_equity"] = max(account["peak_equity"], equity)
    fallen = 1.0 - equity / account["peak_equity"]
    for row in range(alerts.shape[0]):
        alert = alerts[row]
        if alert["threshold"] != ON_DRAWDOWN:
            continue
        if alert["armed"] == 1 and fallen >= alert["level"]:
            alert["armed"] = 0
            note(
                account, settings, positions[0], notices, -1, NOTE_ALERT, NO_REASON, NO_ORDER, alert["number"], 0,
                fallen, alert["level"],
            )  # fmt: skip
        elif alert["armed"] == 0 and fallen <= alert["level"] * (1.0 - REARM):
            alert["armed"] = 1
