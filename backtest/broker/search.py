"""The next bar in which anything can happen, found without looking at the bars between.

The extremes of blocks of bars (two sizes, built once per history) say which blocks cannot touch a threshold; only the
bars of the others are read. A bar that is found is a candidate: the step itself decides what happens there, so the
block sizes never change a result.
"""

from __future__ import annotations

import math

from backtest.broker.codes import HIGH, LOW, MARK_HIGH, MARK_LOW
from backtest.broker.cross import first_candidate, has_position
from backtest.broker.watch import refresh
from backtest.compiling import inlined, kernel

WATCHED = (LOW, HIGH, MARK_LOW, MARK_HIGH)
"""Columns whose extremes are kept: minima of the lows, maxima of the highs."""

AHEAD = 8
"""How many coarse blocks a search looks ahead, so that the next events need not search again."""


@kernel
def block_extremes(prices, size, extremes):
    """Fill `extremes` (symbols, 4, blocks) with those of blocks of `size` bars; a missing bar (NaN) touches nothing."""
    bars, symbols, _ = prices.shape
    blocks = extremes.shape[2]
    for symbol in range(symbols):
        for k in range(4):
            column = WATCHED[k]
            lowest = k % 2 == 0
            for block in range(blocks):
                extreme = math.inf if lowest else -math.inf
                for bar in range(block * size, min(bars, (block + 1) * size)):
                    price = prices[bar, symbol, column]
                    if (price < extreme) if lowest else (price > extreme):
                        extreme = price
                extremes[symbol, k, block] = extreme


@kernel
def first_at_or_below(prices, symbol, column, fine, coarse, fine_bars, coarse_bars, level, start, stop):
    """First bar in [start, stop) whose price in `column` (a low) is at or below `level`; `stop` where there is none."""
    bar = start
    while bar < stop:
        if bar % coarse_bars == 0 and coarse[bar // coarse_bars] > level:
            bar += coarse_bars
            continue
        if bar % fine_bars == 0 and fine[bar // fine_bars] > level:
            bar += fine_bars
            continue
        end = min(stop, (bar // fine_bars + 1) * fine_bars)
        while bar < end:
            if prices[bar, symbol, column] <= level:
                return bar
            bar += 1
    return stop


@kernel
def first_at_or_above(prices, symbol, column, fine, coarse, fine_bars, coarse_bars, level, start, stop):
    """First bar in [start, stop) whose price in `column` (a high) is at or above `level`; `stop` if there is none."""
    bar = start
    while bar < stop:
        if bar % coarse_bars == 0 and coarse[bar // coarse_bars] < level:
            bar += coarse_bars
            continue
        if bar % fine_bars == 0 and fine[bar // fine_bars] < level:
            bar += fine_bars
            continue
        end = min(stop, (bar // fine_bars + 1) * fine_bars)
        while bar < end:
            if prices[bar, symbol, column] >= level:
                return bar
            bar += 1
    return stop


@kernel
def first_touch(settings, position, prices, fine, coarse, start, stop):
    """First bar in [start, stop) whose range touches a threshold of the leg; `stop` where there is none."""
    symbol = position["symbol"]
    small, large = settings["fine_bars"], settings["coarse_bars"]
    if position["last_below"] > -math.inf:
        stop = first_at_or_below(
            prices, symbol, LOW, fine[symbol, 0], coarse[symbol, 0], small, large, position["last_below"], start, stop
        )
    if position["last_above"] < math.inf:
        stop = first_at_or_above(
            prices, symbol, HIGH, fine[symbol, 1], coarse[symbol, 1], small, large, position["last_above"], start, stop
        )
    if position["mark_below"] > -math.inf:
        stop = first_at_or_below(
            prices,
            symbol,
            MARK_LOW,
            fine[symbol, 2],
            coarse[symbol, 2],
            small,
            large,
            position["mark_below"],
            start,
            stop,
        )
    if position["mark_above"] < math.inf:
        stop = first_at_or_above(
            prices,
            symbol,
            MARK_HIGH,
            fine[symbol, 3],
            coarse[symbol, 3],
            small,
            large,
            position["mark_above"],
            start,
            stop,
        )
    return stop


@kernel
def next_decision(settings, start):
    """First bar at or after `start` at whose close the strategy decides."""
    every = settings["decision_every"]
    past = (start + 1 + settings["decision_offset"]) % every
    return start if past == 0 else start + every - past


@kernel
def is_held(settings, positions, symbol):
    """Whether any leg of the symbol has a position."""
    for leg in range(symbol * settings["legs"], (symbol + 1) * settings["legs"]):
        if positions[leg]["quantity"] != 0.0:
            return True
    return False


@inlined
def next_bar(
    account,
    settings,
    positions,
    terms,
    tiers,
    orders,
    book,
    top_ups,
    alerts,
    prices,
    fine,
    coarse,
    funding,
    schedule,
    holes,
):
    """The next bar with an event, and whether only its close matters (a decision, with nothing met on the way)."""
    start = account["bar"] + 1
    bars = settings["bars"]
    if start >= bars or account["command_rows"] > 0 or settings["watch_drawdown"] == 1:
        return start, False
    decision = bars
    if settings["decide"] == 1:
        decision = min(bars, next_decision(settings, start))
    if account["schedule_row"] < schedule.shape[0]:
        decision = min(decision, max(start, schedule[account["schedule_row"]]["bar"]))
    event = bars
    row = account["funding_row"]
    while row < funding.shape[0] and funding[row]["bar"] <= decision:
        if is_held(settings, positions, funding[row]["leg"]):
            event = max(start, funding[row]["bar"])
            break
        row += 1
    row = account["hole_row"]
    while row < holes.shape[0] and holes[row]["bar"] <= min(decision, event):
        if holes[row]["bar"] >= start and is_held(settings, positions, holes[row]["leg"]):
            event = min(event, holes[row]["bar"])
            break
        row += 1
    for leg in range(positions.shape[0]):
        position = positions[leg]
        if position["quantity"] == 0.0 and position["orders"] == 0:
            continue
        if position["stale"] == 1:
            refresh(account, positions, terms, tiers, orders, book, top_ups, alerts, leg)
        if position["quantity"] != 0.0:
            change = terms[leg]["next_table_ns"] - settings["start_ns"]
            event = min(event, max(start, (change + settings["bar_ns"] - 1) // settings["bar_ns"]))
            if position["crash"] != 0:
                event = start
            if position["cooldown_until"] >= start and terms[leg]["freezes"] == 1:
                event = min(event, position["cooldown_until"])
            if top_ups[leg]["active"] == 1 and top_ups[leg]["ready_bar"] >= start:
                event = min(event, top_ups[leg]["ready_bar"])
        event = min(event, max(start, position["expires_bar"]))
        stop = min(min(decision, event) + 1, bars)
        unknown = max(start, position["clear_until"])
        if unknown < stop:
            block = settings["coarse_bars"]
            horizon = min(bars, max(stop, (unknown // block + AHEAD) * block))
            position["clear_until"] = first_touch(settings, position, prices, fine, coarse, unknown, horizon)
        if position["clear_until"] < stop:
            event = max(start, position["clear_until"])
    if account["cross"] == 1:
        event = _cross_event(account, settings, positions, terms, tiers, prices, fine, coarse, start, decision, event)
    if decision < event:
        return decision, True
    return event, False


@kernel
def _cross_event(account, settings, positions, terms, tiers, prices, fine, coarse, start, decision, event):
    """The first of the events when the account as a whole is watched too."""
    bars = settings["bars"]
    if account["clear_rows"] != account["ledger_rows"]:
        account["clear_rows"] = account["ledger_rows"]
        account["clear_until"] = start
    stop = min(min(decision, event) + 1, bars)
    unknown = max(start, account["clear_until"])
    if unknown < stop and has_position(positions):
        block = settings["coarse_bars"]
        horizon = min(bars, max(stop, (unknown // block + AHEAD) * block))
        account["clear_until"] = first_candidate(
            settings, account, positions, terms, tiers, prices, fine, coarse, unknown, horizon
        )
    if has_position(positions) and account["clear_until"] < stop:
        return max(start, account["clear_until"])
    return event
