"""From event to event: run the account on until something wakes its driver, or to the end."""

from __future__ import annotations

from backtest.broker.codes import (
    CLOSE,
    COMMAND_ORDER,
    MARK_CLOSE,
    NO_ORDER,
    NO_REASON,
    NOTE_HOLE,
    STAGE_CLOSE,
    STAGE_DECIDED,
    STAGE_OPEN,
    STAGE_PATH,
    STAGE_START,
    STOP_DECISION,
    STOP_END,
    STOP_EVENT,
    STOP_HOLE,
    STOP_ROOM,
)
from backtest.broker.commands import carry_out, resolve
from backtest.broker.ledger import note
from backtest.broker.path import last_present
from backtest.broker.search import next_bar, next_decision
from backtest.broker.step import closing, has_room, opening, reach_all, reach_close, value_account, walk
from backtest.compiling import inlined, kernel


@kernel
def advance(
    accounts, settings_rows, positions, terms, tier_tables, tiers, orders, book, ledger, notices, prices, fine, coarse,
    funding, schedule, commands, top_ups, alerts, holes,
):  # fmt: skip
    """Run until the end, a decision, a subscribed event, a hole under a position or a full table; say which.

    Called again, it goes on from exactly there: the commands that were given meanwhile take effect first.
    """
    account = accounts[0]
    settings = settings_rows[0]
    while True:
        if not has_room(account, positions, terms, tiers, ledger, notices, orders, alerts):
            return STOP_ROOM
        _take_commands(account, settings, positions, terms, tiers, orders, book, ledger, notices, commands, top_ups)
        if account["stage"] == STAGE_PATH:
            if account["wake"] == 1:
                account["wake"] = 0
                return STOP_EVENT
            stop = walk(
                account, settings, positions, terms, tiers, orders, book, ledger, notices, prices, top_ups, alerts
            )
            if stop == STOP_EVENT:
                account["wake"] = 0
                reach_all(account, settings, positions, terms, orders, book, prices)
            if stop != STOP_END:
                return stop
            account["stage"] = STAGE_CLOSE
        if account["stage"] == STAGE_CLOSE:
            if settings["watch_drawdown"] == 1 or _is_due(account, settings, schedule):
                closing(account, settings, positions, terms, tiers, notices, prices, alerts)
            account["stage"] = STAGE_DECIDED
            if account["wake"] == 1:
                account["wake"] = 0
                return STOP_EVENT
        if account["stage"] == STAGE_DECIDED:
            if not _take_schedule(account, positions, terms, prices, schedule, commands):
                return STOP_ROOM
            account["stage"] = STAGE_START
            if settings["decide"] == 1 and next_decision(settings, account["bar"]) == account["bar"]:
                return STOP_DECISION
        bar, quiet = next_bar(
            account, settings, positions, terms, tiers, orders, book, top_ups, alerts, prices, fine, coarse, funding,
            schedule, holes,
        )  # fmt: skip
        if bar >= settings["bars"]:
            _finish(account, settings, positions, terms, prices)
            return STOP_END
        account["bar"] = bar
        if quiet:
            account["stage"] = STAGE_CLOSE
            continue
        account["stage"] = STAGE_OPEN
        if _in_hole(account, settings, positions, notices, prices, holes):
            return STOP_HOLE
        opening(
            account, settings, positions, terms, tier_tables, tiers, orders, book, ledger, notices, prices, funding,
            commands, top_ups,
        )  # fmt: skip
        account["stage"] = STAGE_PATH
        if account["wake"] == 1:
            account["wake"] = 0
            reach_all(account, settings, positions, terms, orders, book, prices)
            return STOP_EVENT


@inlined
def _take_commands(account, settings, positions, terms, tiers, orders, book, ledger, notices, commands, top_ups):
    """Size the commands given since the last stop; in mid-bar, carry out at once those that are no orders."""
    if account["resolved"] == account["command_rows"]:
        return
    value_account(account, positions, terms)
    kept = account["resolved"]
    for row in range(account["resolved"], account["command_rows"]):
        command = commands[row]
        resolve(account, positions, terms, command)
        if (
            account["stage"] == STAGE_PATH
            and command["kind"] != COMMAND_ORDER
            and positions[command["leg"]]["there"] == 1
        ):
            carry_out(account, settings, positions, terms, tiers, orders, book, ledger, notices, top_ups, command)
        else:
            if kept != row:
                commands[kept] = command
            kept += 1
    account["command_rows"] = kept
    account["resolved"] = kept


@inlined
def _is_due(account, settings, schedule):
    """Whether a decision or a row of the schedule falls on the close of this bar."""
    if settings["decide"] == 1 and next_decision(settings, account["bar"]) == account["bar"]:
        return True
    row = account["schedule_row"]
    return row < schedule.shape[0] and schedule[row]["bar"] <= account["bar"]


@inlined
def _take_schedule(account, positions, terms, prices, schedule, commands):
    """Give the schedule's commands of this close; False where the queue has no room for them."""
    row = account["schedule_row"]
    while row < schedule.shape[0] and schedule[row]["bar"] <= account["bar"]:
        if account["command_rows"] == commands.shape[0]:
            account["schedule_row"] = row
            account["resolved"] = account["command_rows"]
            return False
        commands[account["command_rows"]] = schedule[row]
        command = commands[account["command_rows"]]
        if command["kind"] == COMMAND_ORDER:
            account["orders"] += 1
            command["number"] = account["orders"]
            if positions[command["leg"]]["quantity"] == 0.0:
                reach_close(positions[command["leg"]], prices, account["bar"])
        resolve(account, positions, terms, command)
        account["command_rows"] += 1
        row += 1
    account["schedule_row"] = row
    account["resolved"] = account["command_rows"]
    return True


@inlined
def _in_hole(account, settings, positions, notices, prices, holes):
    """Note the holes that begin here under an open position; True where the run refuses them."""
    while account["hole_row"] < holes.shape[0] and holes[account["hole_row"]]["bar"] <= account["bar"]:
        hole = holes[account["hole_row"]]
        account["hole_row"] += 1
        symbol = hole["leg"]
        if hole["crash"] == 0 and hole["bar"] != account["bar"]:
            continue
        for leg in range(symbol * settings["legs"], (symbol + 1) * settings["legs"]):
            position = positions[leg]
            if hole["crash"] != 0:
                position["crash"] = hole["crash"]
                position["stale"] = 1
                continue
            if position["quantity"] == 0.0:
                continue
            account["segment"] = 0
            account["fraction"] = 0.0
            known = last_present(prices, symbol, account["bar"])
            position["last_price"] = prices[known, symbol, CLOSE]
            position["mark_price"] = prices[known, symbol, MARK_CLOSE]
            note(
                account, settings, position, notices, leg, NOTE_HOLE, NO_REASON, NO_ORDER, 0, 0, 0.0, 0.0,
            )  # fmt: skip
            if settings["refuse_holes"] == 1:
                return True
    return False


@inlined
def _finish(account, settings, positions, terms, prices):
    """Mark what is open at the close of the last bar."""
    account["bar"] = settings["bars"] - 1
    account["segment"] = 4
    account["fraction"] = 0.0
    for leg in range(positions.shape[0]):
        reach_close(positions[leg], prices, account["bar"])
    value_account(account, positions, terms)
