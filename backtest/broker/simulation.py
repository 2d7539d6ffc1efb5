"""One account on one market: the records of a run, and the compiled step that changes them.

The driver (a strategy's engine, a test, the calculator's proofs) makes a `Simulation`, calls `advance`, reads the
records, gives commands, and calls `advance` again. Nothing here knows of strategies, tables or clock texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

import numpy as np

from backtest.broker import codes
from backtest.broker.advance import advance
from backtest.broker.extremes import Extremes, deferred, with_crashes
from backtest.broker.records import (
    ACCOUNT,
    ALERT,
    COMMAND,
    LEDGER,
    NOTICE,
    ORDER,
    POSITION,
    RULES,
    SETTINGS,
    TERMS,
    TOP_UP,
)
from backtest.broker.takeover import closing_rows
from backtest.enums import (
    CommandKind,
    Holes,
    LedgerKind,
    NoticeKind,
    Path,
    PriceSource,
    Side,
    SizeKind,
    ThresholdKind,
    TimeInForce,
)

Records = np.ndarray[Any, np.dtype[Any]]


class Stop(IntEnum):
    """Why the kernel came back."""

    END = codes.STOP_END
    DECISION = codes.STOP_DECISION
    EVENT = codes.STOP_EVENT
    HOLE = codes.STOP_HOLE
    ROOM = codes.STOP_ROOM


class Wake(IntEnum):
    """An event that a driver may subscribe to."""

    FILL = 0
    REJECT = 1
    FUNDING = 2
    LIQUIDATION = 3
    MARGIN_CALL = 4
    ALERT = 5


class Simulation:
    """An isolated-margin account.

    prices: float64 (symbols, 9, bars), columns as in `codes` (open, high, low, close, volume, mark open, high, low,
    close); NaN: missing. start_ns, bar_ns: open of bar 0 and length of a bar, UTC nanoseconds. funding, contracts,
    tier_tables, tiers, rules: records of `backtest.broker.records`; `rules` one row, or one a symbol. cash: the wallet
    at the start (quote currency). leverage: what a position has until an order or command says otherwise. slippage:
    plain fraction of the price; volume_slippage: fraction of the price per share of the bar's volume. cross: all
    positions share the wallet (cross margin). hedge: symbol k has the legs 2k (long only) and 2k + 1 (short only). adl:
    a move of the mark within a bar (a fraction) after which winning positions are deleveraged; 0: never. margin_call:
    margin ratio at which a margin call is given. decision_every, decision_offset: a decision falls on the close of each
    bar with (bar + 1 + offset) a multiple of `every`; 0: never. schedule: COMMAND rows sorted by `bar`, given at the
    closes of their bars. wakes: events at which `advance` comes back.
    """

    def __init__(
        self,
        *,
        prices: np.ndarray,
        start_ns: int,
        bar_ns: int,
        funding: Records,
        contracts: Records,
        tier_tables: Records,
        tiers: Records,
        rules: Records,
        cash: float,
        leverage: float = 1.0,
        path: Path = Path.ADVERSE_FIRST,
        holes: Holes = Holes.REFUSE,
        slippage: float = 0.0,
        volume_slippage: float = 0.0,
        cross: bool = False,
        adl: float = 0.0,
        margin_call: float = 0.8,
        decision_every: int = 1,
        decision_offset: int = 0,
        schedule: Records | None = None,
        wakes: Iterable[Wake] = (),
        extremes: Extremes | None = None,
        hedge: bool = False,
    ) -> None:
        symbols, _, bars = prices.shape
        self._legs = 2 if hedge else 1
        legs = symbols * self._legs
        self._extremes = extremes or Extremes(prices)
        self._accounts = np.zeros(1, ACCOUNT)
        self._settings = np.zeros(1, SETTINGS)
        self._settings["legs"] = self._legs
        self._settings["path"] = path
        self._settings["refuse_holes"] = holes == Holes.REFUSE
        self._settings["bars"] = bars
        self._settings["start_ns"] = start_ns
        self._settings["bar_ns"] = bar_ns
        self._settings["fine_bars"] = self._extremes.fine_bars
        self._settings["coarse_bars"] = self._extremes.coarse_bars
        self._settings["decision_every"] = max(1, decision_every)
        self._settings["decision_offset"] = decision_offset
        self._settings["decide"] = decision_every > 0
        self.subscribe(wakes)
        self._settings["slippage"] = slippage
        self._settings["volume_slippage"] = volume_slippage
        self._prices, self._holes = self._extremes.bars, self._extremes.holes
        self._funding = deferred(funding, self._extremes.missing) if len(self._holes) else funding
        if adl > 0.0:
            self._holes = with_crashes(self._holes, prices, adl)
        self._tier_tables, self._tiers = tier_tables, tiers
        self._terms = np.repeat(terms_of(contracts, rules, tier_tables, start_ns), self._legs)
        self._positions = np.zeros(legs, POSITION)
        self._positions["symbol"] = np.repeat(np.arange(symbols), self._legs)
        self._positions["direction"] = np.tile([1, -1], symbols) if hedge else 0
        self._positions["leverage"] = leverage
        for name in ("liquidation_price", "mark_price", "last_price"):
            self._positions[name] = np.nan
        for name in ("entered_bar", "ambiguous_bar"):
            self._positions[name] = -1
        self._positions["stale"] = 1
        self._positions["expires_bar"] = codes.NEVER
        self._top_ups = np.zeros(legs, TOP_UP)
        self._top_ups["price"] = np.nan
        self._top_ups["ready_bar"] = -1
        self._alerts = np.zeros(legs, ALERT)
        self._alerts["leg"] = np.arange(legs)
        self._alerts["kind"] = NoticeKind.MARGIN_CALL
        self._alerts["threshold"] = ThresholdKind.MARGIN_RATIO
        self._alerts["level"] = margin_call
        self._alerts["armed"] = 1
        self._book = np.zeros((legs, int(self._terms["order_limit"].max()) + 4), np.int64)
        self._ledger = np.zeros(1024 + min(len(funding), 100_000), LEDGER)
        self._notices = np.zeros(1024, NOTICE)
        self._orders = np.zeros(1024, ORDER)
        self._commands = np.zeros(256, COMMAND)
        self._schedule = np.zeros(0, COMMAND)
        self._accounts["cross"] = cross
        self._deposit(cash)
        self._arguments = self._bind()
        if schedule is not None:
            self.follow(schedule)

    def _bind(self) -> tuple[np.ndarray, ...]:
        return (
            self._accounts, self._settings, self._positions, self._terms, self._tier_tables, self._tiers, self._orders,
            self._book, self._ledger, self._notices, self._prices, self._extremes.fine, self._extremes.coarse,
            self._funding, self._schedule, self._commands, self._top_ups, self._alerts, self._holes,
        )  # fmt: skip

    def _deposit(self, cash: float) -> None:
        account = self._accounts[0]
        account["wallet"] = account["equity"] = account["peak_equity"] = cash
        account["bar"] = -1
        row = self._ledger[0]
        row["time_ns"] = self._settings[0]["start_ns"]
        row["leg"] = -1
        row["kind"] = LedgerKind.DEPOSIT
        row["wallet"], row["deposit"], row["wallet_after"] = cash, -cash, cash
        for name in ("price", "mark_price", "entry_after", "leverage_after", "liquidation_after"):
            row[name] = np.nan
        account["ledger_rows"] = account["sequence"] = 1

    def advance(self) -> Stop:
        """Run on to the next stop; never `Stop.ROOM`: full tables are enlarged here."""
        while True:
            stop = advance(*self._arguments)
            if stop != Stop.ROOM:
                return Stop(stop)
            self._enlarge()

    def follow(self, schedule: Records) -> None:
        """Give the commands of a schedule (COMMAND rows sorted by `bar`) at the closes of their bars."""
        self._schedule = schedule
        self._ledger = _enlarged(self._ledger, int(self._accounts[0]["ledger_rows"]), len(schedule))
        self._orders = _enlarged(self._orders, int(self._accounts[0]["order_rows"]), len(schedule))
        self._arguments = self._bind()

    def decide(self) -> None:
        """Come back at each decision."""
        self._settings["decide"] = 1

    def subscribe(self, wakes: Iterable[Wake]) -> None:
        """Come back at these events too."""
        for wake in wakes:
            self._settings[f"wake_{wake.name.lower()}"] = 1

    def _enlarge(self) -> None:
        at_work = (
            int(self._accounts[0]["command_rows"]) + len(self._alerts) + int((self._positions["orders"] + 8).sum())
        )
        need = 8 * at_work
        self._ledger = _enlarged(self._ledger, int(self._accounts[0]["ledger_rows"]), need)
        self._notices = _enlarged(self._notices, int(self._accounts[0]["notice_rows"]), need)
        self._orders = _enlarged(self._orders, int(self._accounts[0]["order_rows"]), need)
        self._commands = _enlarged(self._commands, int(self._accounts[0]["command_rows"]), 256)
        self._arguments = self._bind()

    @property
    def account(self) -> Records:
        """The account, one row, as it stands; read-only by agreement."""
        return self._accounts

    @property
    def positions(self) -> Records:
        """The positions, one row a leg, as they stand; read-only by agreement."""
        return self._positions

    @property
    def top_ups(self) -> Records:
        """The top-up policies, one row a leg, as they stand."""
        return self._top_ups

    @property
    def terms(self) -> Records:
        """What each leg is judged by: contract, rules, and the tier table that holds now."""
        return self._terms

    @property
    def tiers(self) -> Records:
        """The tiers that `terms` points into."""
        return self._tiers

    @property
    def ledger(self) -> Records:
        """The ledger rows so far."""
        return self._ledger[: self._accounts[0]["ledger_rows"]]

    @property
    def notices(self) -> Records:
        """The notices so far."""
        return self._notices[: self._accounts[0]["notice_rows"]]

    @property
    def orders(self) -> Records:
        """The orders so far, in the order in which they reached the venue."""
        return self._orders[: self._accounts[0]["order_rows"]]

    def order(
        self,
        leg: int,
        side: Side,
        kind: int,
        size_kind: SizeKind,
        size: float,
        *,
        price: float = np.nan,
        trigger: float = np.nan,
        trigger_on: PriceSource = PriceSource.LAST,
        callback_rate: float = np.nan,
        callback_distance: float = np.nan,
        reduce_only: bool = False,
        post_only: bool = False,
        leverage: float = np.nan,
        stop: float = np.nan,
        take_profit: float = np.nan,
        trailing_stop: float = np.nan,
        time_in_force: TimeInForce = TimeInForce.GTC,
        expires_ns: int = 0,
        group: int = 0,
        tag: int = 0,
    ) -> int:
        """Ask for an order; it reaches the venue at the next base bar's open. Returns the order's number.

        trigger: of a trailing stop its activation price (NaN: active at once). trailing_stop: callback rate of the
        bracket's. group: number of the first order of the group of which one cancels the others.
        """
        account = self._accounts[0]
        account["orders"] += 1
        number = int(account["orders"])
        self._push(
            (
                0, CommandKind.ORDER, leg, side, kind, size_kind, trigger_on, reduce_only, post_only, 0, tag, 0, number,
                group, time_in_force, expires_ns,
                size, price, trigger, leverage, stop, take_profit, trailing_stop, callback_rate, callback_distance,
                0.0, 0.0, 0.0, 0.0, 0.0,
            )
        )  # fmt: skip
        return number

    def command(
        self,
        kind: CommandKind,
        leg: int,
        *,
        order: int = 0,
        amount: float = 0.0,
        leverage: float = np.nan,
        threshold: ThresholdKind = ThresholdKind.NONE,
        level: float = 0.0,
        budget: float = 0.0,
        cooldown_ns: float = 0.0,
        tag: int = 0,
    ) -> None:
        """Ask for a cancel, a margin command or a top-up policy; at a hook it acts at that point, else at the next
        open.
        """
        nan = np.nan
        self._push(
            (
                0, kind, leg, 0, 0, 0, 0, 0, 0, order, tag, threshold, 0, 0, 0, 0,
                0.0, nan, nan, leverage, nan, nan, nan, nan, nan, level, amount, budget, cooldown_ns, 0.0,
            )
        )  # fmt: skip

    def _push(self, row: tuple[Any, ...]) -> None:
        account = self._accounts[0]
        if account["command_rows"] == len(self._commands):
            self._commands = _enlarged(self._commands, len(self._commands), 256)
            self._arguments = self._bind()
        self._commands[account["command_rows"]] = row
        account["command_rows"] += 1

    def watch(self, leg: int, threshold: ThresholdKind, level: float, number: int = 0) -> int:
        """Watch a threshold of a leg (of the account, for a drawdown) and note when it is reached; returns the
        alert's number.
        """
        number = number or len(self._alerts) - len(self._positions) + 1
        alert = np.zeros(1, ALERT)
        alert["number"], alert["leg"], alert["kind"] = number, leg, NoticeKind.ALERT
        alert["threshold"], alert["level"], alert["armed"] = threshold, level, 1
        self._alerts = np.concatenate([self._alerts, alert])
        self._settings["watch_drawdown"] |= threshold == ThresholdKind.DRAWDOWN
        self._positions["stale"] = 1
        self._arguments = self._bind()
        return number


def _enlarged(table: Records, used: int, need: int) -> Records:
    larger = np.zeros(max(2 * len(table), used + 4 * need), table.dtype)
    larger[:used] = table[:used]
    return larger


def terms_of(contracts: Records, rules: Records, tier_tables: Records, start_ns: int) -> Records:
    """What each symbol is judged by from `start_ns` on: contract, rules (one row, or one a symbol) and tier table."""
    terms = np.zeros(len(contracts), TERMS)
    for name in contracts.dtype.names or ():
        terms[name] = contracts[name]
    for name in RULES.names or ():
        terms[name] = rules[name]
    for term in terms:
        tables = tier_tables[term["first_table"] : term["first_table"] + term["tables"]]
        current = max(0, int(np.searchsorted(tables["from_ns"], start_ns, side="right")) - 1)
        term["table"] = term["first_table"] + current
        term["first"], term["count"] = tables[current]["first"], tables[current]["tiers"]
        term["most_rows"] = closing_rows(term["partial"], tables["tiers"].max(), term["partial_fraction"])
        term["next_table_ns"] = tables[current + 1]["from_ns"] if current + 1 < len(tables) else start_ns + (1 << 61)
    return terms
