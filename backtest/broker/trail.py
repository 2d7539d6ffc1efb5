"""The time between the rows of the ledger: balances at each close, and how near each bar came to liquidation.

Between two rows of a leg its quantity, entry price, margin, leverage and liquidation price stand still, so that curves
over time follow from the rows and the mark prices alone. The rules themselves (maintenance margin, margin ratio,
distance) are the broker's own. A bar's path is that of rule 3.1 in docs/order-of-events.md; a position on it is counted
0 at the open, 1 and 2 at the extremes, 3 at the close.

Left out: the path of a flat symbol with working orders on both sides; the side that was filled first stands for them.
"""

from __future__ import annotations

import math

from backtest.broker.liquidation import requirement
from backtest.broker.records import record
from backtest.broker.tiers import maintenance_margin, table_at
from backtest.broker.valuation import distance, margin_ratio, notional, unrealised_pnl
from backtest.compiling import kernel
from backtest.enums import LedgerKind, Path

TRAIL = record(
    ints="trade",
    floats="quantity entry_price margin leverage liquidation_price mark_price "
    "notional maintenance_margin margin_ratio distance unrealised_pnl",
)
"""One leg at the close of one bar; what has no meaning (for a flat leg, for one in cross margin) is NaN."""

EXCURSION = record(ints="leg nearest_bar", floats="adverse favourable distance")
"""The extremes of one trade on the mark path: adverse ≤ 0 ≤ favourable as shares of its entry price; least distance."""

MARK_OPEN, MARK_HIGH, MARK_LOW, MARK_CLOSE = 5, 6, 7, 8
DEPOSIT = int(LedgerKind.DEPOSIT)
LIQUIDATION = int(LedgerKind.LIQUIDATION)
ADVERSE_FIRST = int(Path.ADVERSE_FIRST)


@kernel
def last_known(prices, symbol, column, bar):
    """The price of `column` at `bar`, or before it where the bar is missing; NaN when there was none yet."""
    while bar > 0 and math.isnan(prices[symbol, column, bar]):
        bar -= 1
    return prices[symbol, column, bar]


@kernel
def take_over(leg, row):
    """Write the state after a ledger row into the leg's record."""
    leg["trade"] = row["trade"]
    leg["quantity"] = row["position_after"]
    leg["entry_price"] = row["entry_after"]
    leg["margin"] = row["margin_after"]
    leg["leverage"] = row["leverage_after"]
    leg["liquidation_price"] = row["liquidation_after"]


@kernel
def value(leg, price, term, tiers):
    """Write what follows from a mark price into the leg's record."""
    leg["mark_price"] = price
    leg["unrealised_pnl"] = unrealised_pnl(leg["quantity"], leg["entry_price"], price, term["inverse"])
    leg["notional"] = 0.0
    if leg["quantity"] == 0.0:
        leg["trade"] = 0
        leg["entry_price"] = math.nan
        leg["liquidation_price"] = math.nan
        leg["maintenance_margin"] = 0.0
        leg["margin_ratio"] = math.nan
        leg["distance"] = math.nan
        return
    leg["notional"] = notional(leg["quantity"], price, term["inverse"])
    leg["maintenance_margin"] = maintenance_margin(leg["quantity"], leg["entry_price"], price, term, tiers)
    needed = requirement(
        leg["quantity"], leg["entry_price"], leg["margin"], leg["leverage"], price, term, tiers
    )  # fmt: skip
    leg["margin_ratio"] = (
        math.nan if leg["margin"] == 0.0 else margin_ratio(needed, leg["margin"] + leg["unrealised_pnl"])
    )
    leg["distance"] = distance(price, leg["liquidation_price"])


@kernel
def follow(ledger, prices, start_ns, bar_ns, terms, tier_tables, tiers, bars, wallet, trail):
    """State at the close of each of `bars` (rising): the wallet into `wallet[k]`, each leg into `trail[k, leg]`.

    `terms` are the legs' own: the tier table of each bar is written into them.
    """
    each = trail.shape[1] // prices.shape[0]
    row = 0
    balance = 0.0
    for k in range(bars.shape[0]):
        bar = bars[k]
        for leg in range(trail.shape[1]):
            if k > 0:
                trail[k, leg] = trail[k - 1, leg]
        while row < ledger.shape[0] and ledger[row]["bar"] <= bar:
            balance = ledger[row]["wallet_after"]
            if ledger[row]["kind"] != DEPOSIT:
                take_over(trail[k, ledger[row]["leg"]], ledger[row])
            row += 1
        wallet[k] = balance
        for leg in range(trail.shape[1]):
            term = terms[leg]
            table = tier_tables[table_at(tier_tables, term["first_table"], term["tables"], start_ns + bar * bar_ns)]
            term["first"] = table["first"]
            term["count"] = table["tiers"]
            value(trail[k, leg], last_known(prices, leg // each, MARK_CLOSE, bar), term, tiers)


@kernel
def place(row):
    """Where on its bar's path a ledger row lies: 0 at the open, 3 at the close."""
    if row["segment"] == 0:
        return 0.0
    return min(row["segment"] - 1 + row["fraction"], 3.0)


@kernel
def path_price(first, second, third, fourth, at):
    """Price at position `at` (0 to 3) of the path through four prices."""
    if at <= 1.0:
        return first + (second - first) * at
    if at <= 2.0:
        return second + (third - second) * (at - 1.0)
    return third + (fourth - third) * (at - 2.0)


@kernel
def stretch(first, second, third, fourth, start, end):
    """Lowest and highest price on the path between two positions."""
    one = path_price(first, second, third, fourth, start)
    two = path_price(first, second, third, fourth, end)
    low = min(one, two)
    high = max(one, two)
    if start <= 1.0 <= end:
        low = min(low, second)
        high = max(high, second)
    if start <= 2.0 <= end:
        low = min(low, third)
        high = max(high, third)
    return low, high


@kernel
def witness(excursion, quantity, entry_price, liquidation, low, high, bar):
    """Note a stretch of mark prices in the trade's record; the least distance on it (inf: nothing to reach)."""
    side = 1.0 if quantity > 0.0 else -1.0
    worst = low if quantity > 0.0 else high
    best = high if quantity > 0.0 else low
    excursion["adverse"] = min(excursion["adverse"], side * (worst - entry_price) / entry_price)
    excursion["favourable"] = max(excursion["favourable"], side * (best - entry_price) / entry_price)
    left = distance(worst, liquidation)
    if side * (worst - liquidation) <= 0.0:
        left = 0.0
    if left < excursion["distance"]:
        excursion["distance"] = left
        excursion["nearest_bar"] = bar
    return left


@kernel
def visits_low_first(ledger, row, leg, bar, quantity, path):
    """Whether the leg's path in `bar` goes to the low first (rule 3.1); `row` is the first ledger row of the bar."""
    while row < ledger.shape[0] and ledger[row]["bar"] == bar:
        if ledger[row]["leg"] == leg and ledger[row]["kind"] != DEPOSIT:
            if ledger[row]["segment"] == 0:
                quantity = ledger[row]["position_after"]
            elif quantity == 0.0:
                quantity = ledger[row]["quantity"]
        row += 1
    return (quantity > 0.0) == (path == ADVERSE_FIRST)


@kernel
def extremes(ledger, prices, terms, path, bars, excursions, nearest, equity, equity_low):
    """Walk the mark paths of bars 0 … `bars` − 1, leg by leg.

    Writes for every trade (row = number − 1) its `EXCURSION`; into `nearest[leg, bar]` the least distance to
    liquidation within the bar (NaN while flat); into `equity[bar]` the equity at the close; into `equity_low[bar]` the
    equity with every leg at its adverse extreme (none with its own margin below zero), except legs with events on the
    path, which are taken at the close.
    """
    row = 0
    balance = 0.0
    for bar in range(bars):
        while row < ledger.shape[0] and ledger[row]["bar"] <= bar:
            balance = ledger[row]["wallet_after"]
            row += 1
        equity[bar] = balance
        equity_low[bar] = balance
    each = nearest.shape[0] // prices.shape[0]
    for leg in range(nearest.shape[0]):
        symbol = leg // each
        row = 0
        quantity = 0.0
        entry_price = math.nan
        margin = 0.0
        liquidation = math.nan
        trade = 0
        for bar in range(bars):
            eventful = row < ledger.shape[0] and ledger[row]["bar"] == bar
            if quantity == 0.0 and not eventful:
                continue
            start = prices[symbol, MARK_OPEN, bar]
            low = prices[symbol, MARK_LOW, bar]
            high = prices[symbol, MARK_HIGH, bar]
            close = prices[symbol, MARK_CLOSE, bar]
            present = not math.isnan(start)
            least = math.inf
            at = 0.0
            moved = False
            if eventful:
                second, third = high, low
                if visits_low_first(ledger, row, leg, bar, quantity, path):
                    second, third = low, high
                while row < ledger.shape[0] and ledger[row]["bar"] == bar:
                    event = ledger[row]
                    row += 1
                    if event["leg"] != leg or event["kind"] == DEPOSIT:
                        continue
                    here = place(event)
                    if quantity != 0.0 and present:
                        below, above = stretch(start, second, third, close, at, here)
                        least = min(
                            least, witness(excursions[trade - 1], quantity, entry_price, liquidation, below, above, bar)
                        )
                    at = here
                    moved = moved or here > 0.0
                    if event["kind"] == LIQUIDATION:
                        excursions[trade - 1]["distance"] = 0.0
                        excursions[trade - 1]["nearest_bar"] = bar
                        least = 0.0
                    quantity = event["position_after"]
                    entry_price = event["entry_after"]
                    margin = event["margin_after"]
                    liquidation = event["liquidation_after"]
                    if quantity != 0.0:
                        trade = event["trade"]
                        excursions[trade - 1]["leg"] = leg
                if quantity != 0.0 and present:
                    below, above = stretch(start, second, third, close, at, 3.0)
                    least = min(
                        least, witness(excursions[trade - 1], quantity, entry_price, liquidation, below, above, bar)
                    )
            elif present:
                least = witness(excursions[trade - 1], quantity, entry_price, liquidation, low, high, bar)
            if quantity == 0.0:
                if least < math.inf:
                    nearest[leg, bar] = least
                continue
            nearest[leg, bar] = least if present else math.nan
            close = last_known(prices, symbol, MARK_CLOSE, bar)
            worst = low if quantity > 0.0 else high
            if moved or not present:
                worst = close
            inverse = terms[leg]["inverse"]
            equity[bar] += margin + unrealised_pnl(quantity, entry_price, close, inverse)
            floor = 0.0 if margin != 0.0 else -math.inf
            equity_low[bar] += max(margin + unrealised_pnl(quantity, entry_price, worst, inverse), floor)
