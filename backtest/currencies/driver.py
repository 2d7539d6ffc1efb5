"""The driver of an account in several settlement currencies: purse by purse, bar by bar, one strategy.

Without hooks the purses are run from decision to decision, as one simulation is. With hooks they are run base bar by
base bar, in the order of their currencies; within a bar a hook is called when its own purse comes to the event, and
what it asks of another currency takes effect at the next base bar's open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np

from backtest.broker.simulation import Stop, Wake
from backtest.config import CASH, COINS, RunConfig, cash_text
from backtest.currencies.accounts import Accounts, Purse
from backtest.currencies.combined import CombinedResult
from backtest.engine import Driver, facts, simulate
from backtest.enums import PositionMode
from backtest.errors import UsageError
from backtest.market.conversion import conversions
from backtest.market.history import MarketHistory
from backtest.market.legs import Legs
from backtest.result import Records, Result
from backtest.strategy.dispatch import Dispatch
from backtest.strategy.faults import check_methods
from backtest.strategy.parameters import Value
from backtest.strategy.protocol import Strategy, overridden
from backtest.strategy.schedule import Schedule
from backtest.strategy.stage import Stage
from backtest.venues.symbols import settlement


def funded_each(history: MarketHistory, config: RunConfig) -> RunConfig:
    """The configuration with a deposit for each settlement currency, and the currency that the account is told in.

    Raises UsageError where one lacks, or is none of the contracts'.
    """
    wanted = history.currencies
    example = ",".join(f"{name}={COINS if name in _coins(history) else CASH:g}" for name in wanted)
    if config.margin_mode == "cross":
        raise UsageError(
            f"the contracts are settled in {', '.join(wanted)}, and in cross margin one wallet stands behind all "
            "positions; choose symbols of one currency, or isolated margin"
        )
    if not isinstance(config.cash, dict):
        raise UsageError(
            f"the contracts are settled in {', '.join(wanted)}, each with a wallet of its own; say what each begins "
            f"with: --cash {example}"
        )
    if set(config.cash) != set(wanted):
        raise UsageError(
            f"cash is {cash_text(config.cash)}, and the contracts are settled in {', '.join(wanted)}; name each of "
            f"them and no other: --cash {example}"
        )
    told_in = conversions(history, config.report_currency)[0].told_in
    return replace(config, cash={name: config.cash[name] for name in wanted}, report_currency=told_in)


def _coins(history: MarketHistory) -> set[str]:
    return {settlement(contract.symbol) for contract in history.contracts if contract.inverse}


class CurrenciesDriver(Driver):
    """One run of several purses."""

    def __init__(
        self, kind: type[Strategy], parameters: dict[str, Value], history: MarketHistory, config: RunConfig
    ) -> None:
        check_methods(kind)
        self._kind, self._parameters = kind, parameters
        self._history, self._config = history, funded_each(history, config)
        self._interrupted = False
        planned = bool(overridden(kind, ["plan"]))
        self._conversions = conversions(history, self._config.report_currency)
        groups = [[s for s in history.symbols if settlement(s) == each] for each in history.currencies]
        legs = Legs(symbols=history.symbols, hedge=config.position_mode == PositionMode.HEDGE)
        found = {symbol: (purse, at) for purse, group in enumerate(groups) for at, symbol in enumerate(group)}
        self._places = [
            (found[name][0], legs.each * found[name][1] + leg % legs.each) for leg, name in enumerate(legs.names)
        ]
        self._parts = [history.only(group) for group in groups]
        self._configs = [self._part_config(currency) for currency in history.currencies]
        self._purses = [
            cast(Purse, simulate(part, its, decide=not planned, kind=Purse))
            for part, its in zip(self._parts, self._configs, strict=True)
        ]
        rates = np.stack([each.rates(history) for each in self._conversions])
        self._desk = Accounts(self._purses, self._places, rates)
        self._stage = Stage(history, self._desk, legs, config.seed)
        for purse, currency in enumerate(history.currencies):
            self._stage.add_wallet(currency, self._desk.wallet(purse))
        self._strategy = self._prepared()
        plan = self._guarded(self._strategy.plan) if planned else None
        for purse, simulation in enumerate(self._purses):
            if isinstance(plan, Schedule):
                simulation.follow(self._share(plan, purse))
            elif planned:
                simulation.decide()
        self._planned = isinstance(plan, Schedule)
        hooks = [] if self._planned else overridden(kind, list(Strategy.HOOKS.values()))
        for simulation in self._purses:
            simulation.subscribe(wake for wake in Wake if Strategy.HOOKS[wake.name] in hooks)
        self._tellers = [self._teller(purse) for purse in range(len(self._purses))] if hooks else []

    def _part_config(self, currency: str) -> RunConfig:
        assert isinstance(self._config.cash, dict)
        return replace(self._config, cash=self._config.cash[currency], report_currency=None)

    def _teller(self, purse: int) -> Dispatch:
        def number(of: int) -> int:
            return self._desk.number(purse, of)

        legs = [leg for leg, place in enumerate(self._places) if place[0] == purse]
        return Dispatch(self._strategy, self._stage, self._purses[purse], legs=legs, number=number)

    def _share(self, plan: Schedule, purse: int) -> np.ndarray[Any, np.dtype[Any]]:
        """The rows of a plan that are a purse's, with its own numbers of the legs."""
        whose = np.array([place[0] for place in self._places])
        its = np.array([place[1] for place in self._places])
        rows: np.ndarray[Any, np.dtype[Any]] = plan.commands[whose[plan.commands["leg"]] == purse].copy()
        rows["leg"] = its[rows["leg"]]
        return rows

    def _loop(self, progress: Callable[[float], None] | None) -> None:
        if self._tellers:
            self._bar_by_bar(progress)
            return
        row, decisions = -1, max(1, len(self._stage.closes))
        while True:
            stops = [self._checked(purse, purse.advance()) for purse in self._purses]
            self._desk.show_all()
            if Stop.END in stops:
                return
            row += 1
            self._decide(row, decisions, progress)

    def _bar_by_bar(self, progress: Callable[[float], None] | None) -> None:
        closes, bar, row = self._stage.closes, 0, 0
        while bar < self._history.length:
            if all(purse.idle for purse in self._purses):
                bar = int(closes[row]) if row < len(closes) else self._history.length - 1
            self._desk.begin_bar()
            for number, purse in enumerate(self._purses):
                while self._checked(purse, purse.run_to(bar + 1)) is Stop.EVENT:
                    self._tell(number)
                if self._tellers[number].waiting:
                    self._tell(number)
                self._desk.done(number)
            self._desk.show_all()
            if row < len(closes) and closes[row] == bar:
                self._decide(row, len(closes), progress)
                row += 1
            bar += 1

    def _tell(self, purse: int) -> None:
        self._desk.tell(purse)
        try:
            self._tellers[purse].new_events()
        except (Exception, SystemExit) as error:
            raise self._raised(error) from error

    def _decide(self, row: int, decisions: int, progress: Callable[[float], None] | None) -> None:
        self._stage.reveal(row)
        try:
            self._strategy.next()
        except (Exception, SystemExit) as error:
            raise self._raised(error) from error
        if progress is not None and row % max(1, decisions // 100) == 0:
            progress(row / decisions)

    def _checked(self, purse: Purse, stop: Stop) -> Stop:
        if stop is Stop.HOLE:
            hole = purse.notices[-1]
            raise self._hole(hole, self._places.index((self._purses.index(purse), int(hole["leg"]))))
        return stop

    def result(self) -> CombinedResult:
        """What the run left behind."""
        done = [int(each.account[0]["bar"]) + (each.account[0]["segment"] == 4) for each in self._purses]
        bars = max(1, min(done)) if self._interrupted else None
        tags = tuple(self._stage.tags)
        parts = tuple(
            Result(
                history=part,
                records=_records(purse, tags, bars),
                config=its,
                strategy=facts(self._kind, self._parameters),
                interrupted=self._interrupted,
                bars=bars,
            )
            for part, purse, its in zip(self._parts, self._purses, self._configs, strict=True)
        )
        said = [str(each) for each in self._conversions if each.steps]
        return CombinedResult.of(
            parts,
            self._conversions,
            history=self._history,
            config=self._config,
            notes=(*self._history.notes, *said, *self._notes(np.concatenate([each.notices for each in self._purses]))),
            places=tuple(self._places),
        )


def _records(purse: Purse, tags: tuple[str, ...], bars: int | None) -> Records:
    """The rows of a purse; of a run that was broken off those of the bars that all purses have finished."""
    tables = [each.copy() for each in (purse.ledger, purse.orders, purse.notices)]
    if bars is not None:
        tables = [each[each["bar"] < bars] for each in tables]
    return Records(ledger=tables[0], orders=tables[1], notices=tables[2], tags=tags)
