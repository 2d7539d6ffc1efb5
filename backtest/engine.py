"""History and strategy in, result out: the driver between a strategy and the broker kernel.

The kernel runs from event to event; Python is entered only where the strategy decides or has a hook for what happened.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from backtest.broker.extremes import Extremes
from backtest.broker.simulation import Simulation, Stop, Wake
from backtest.clock import interval_ns, interval_text, time_text
from backtest.config import CASH, COINS, RunConfig, cash_text
from backtest.enums import Holes, NoticeKind, PositionMode, PriceSource
from backtest.errors import BacktestError, MarketDataError, UsageError
from backtest.market.history import MARK_OPEN, OPEN, MarketHistory
from backtest.market.legs import Legs
from backtest.result import Records, Result, StrategyFacts
from backtest.strategy.dispatch import Dispatch
from backtest.strategy.faults import check_methods, raised
from backtest.strategy.parameters import Value, resolved
from backtest.strategy.protocol import Strategy, overridden
from backtest.strategy.revealed import decision_grid
from backtest.strategy.schedule import Schedule
from backtest.strategy.stage import Stage
from backtest.venues.terms import RunTerms

CONFIG_NAMES = tuple(each.name for each in fields(RunConfig))
_EXTREMES: WeakKeyDictionary[MarketHistory, Extremes] = WeakKeyDictionary()


def run(
    strategy: type[Strategy] | str,
    history: MarketHistory,
    *,
    config: RunConfig | None = None,
    progress: Callable[[float], None] | None = None,
    **options: Any,
) -> Result:
    """Run a strategy on a history.

    strategy: a class, or the name (or path) of one, as on the command line.
    config: settings of the run; single ones may be given by keyword (`cash=10_000`, `slippage=0.0002`).
    progress: called now and then with the share done, 0 to 1.
    options: settings of the run by the names of `RunConfig`; every other name is a parameter of the strategy.

    Raises UsageError (unknown parameter, bad value), MarketDataError (a hole under an open position), StrategyError
    (the strategy raised; its own frames and the bar's time are in the message).
    """
    kind = class_of(strategy)
    settings = {name: options.pop(name) for name in CONFIG_NAMES if name in options}
    config = replace(config or RunConfig(), **settings)
    parameters = resolved(kind, options)
    driver = driver_of(kind, parameters, history, config)
    driver.run(progress)
    return driver.result()


def driver_of(kind: type[Strategy], parameters: dict[str, Value], history: MarketHistory, config: RunConfig) -> Driver:
    """The driver of a run: of one simulation, or of one for each currency that the contracts are settled in."""
    if len(history.currencies) == 1:
        return Driver(kind, parameters, configured(history, config), funded(history, config))
    from backtest.currencies.driver import CurrenciesDriver  # of a run in several currencies alone

    return CurrenciesDriver(kind, parameters, configured(history, config), config)


class Driver:
    """One run: the strategy, the simulation, and the loop between them."""

    def __init__(
        self, kind: type[Strategy], parameters: dict[str, Value], history: MarketHistory, config: RunConfig
    ) -> None:
        check_methods(kind)
        self._kind, self._parameters = kind, parameters
        self._history, self._config = history, config
        self._interrupted = False
        planned = bool(overridden(kind, ["plan"]))
        self._simulation = simulate(history, config, decide=not planned)
        legs = Legs(symbols=history.symbols, hedge=config.position_mode == PositionMode.HEDGE)
        self._stage = Stage(history, self._simulation, legs, config.seed)
        self._strategy = self._prepared()
        plan = self._guarded(self._strategy.plan) if planned else None
        if planned and isinstance(plan, Schedule):
            self._simulation.follow(plan.commands)
        elif planned:
            self._simulation.decide()
        hooks = [] if isinstance(plan, Schedule) else overridden(kind, list(Strategy.HOOKS.values()))
        self._simulation.subscribe(wake for wake in Wake if Strategy.HOOKS[wake.name] in hooks)
        self._dispatch = Dispatch(self._strategy, self._stage, self._simulation) if hooks else None

    def _prepared(self) -> Strategy:
        strategy = self._kind(self._stage)
        strategy.__dict__.update(self._parameters)
        self._guarded(strategy.init)
        return strategy

    def run(self, progress: Callable[[float], None] | None) -> None:
        """Advance from event to event until the end, an interrupt or a refused hole."""
        try:
            self._loop(progress)
        except KeyboardInterrupt:
            self._interrupted = True

    def _loop(self, progress: Callable[[float], None] | None) -> None:
        advance, reveal = self._simulation.advance, self._stage.reveal
        step, dispatch = self._strategy.next, self._dispatch
        decisions = max(1, len(self._stage.closes))
        often = max(1, decisions // 100)
        row = -1
        while True:
            stop = advance()
            if dispatch is not None and stop is not Stop.HOLE:
                try:
                    dispatch.new_events()
                except (Exception, SystemExit) as error:
                    raise self._raised(error) from error
            if stop is Stop.DECISION:
                row += 1
                reveal(row)
                try:
                    step()
                except (Exception, SystemExit) as error:
                    raise self._raised(error) from error
                if progress is not None and row % often == 0:
                    progress(row / decisions)
            elif stop is Stop.END:
                return
            elif stop is Stop.HOLE:
                hole = self._simulation.notices[-1]
                raise self._hole(hole, int(hole["leg"]))

    def _guarded(self, method: Callable[[], Any]) -> Any:
        try:
            return method()
        except (Exception, SystemExit) as error:
            raise self._raised(error) from error

    def _raised(self, error: Exception | SystemExit) -> BacktestError:
        when = "before the first bar" if self._stage.simulation.account[0]["bar"] < 0 else f"at {self._stage.time()}"
        return raised(self._kind, error, when)

    def _hole(self, hole: Any, leg: int) -> MarketDataError:
        symbol = self._stage.legs.names[leg]
        begins = time_text(int(hole["time_ns"]))
        return MarketDataError(
            f"{symbol} has no prices for {self._missing(int(hole['bar']), leg)} bars from {begins} while a position is "
            "open, so its liquidation cannot be judged; import the missing bars, choose another range, or carry it "
            f"over with --holes {Holes.HOLD.name.lower()}"
        )

    def _missing(self, bar: int, leg: int) -> int:
        symbol = int(self._stage.legs.symbol[leg])
        there = ~np.isnan(self._history.prices[symbol][[OPEN, MARK_OPEN], bar:]).any(axis=0)
        return int(there.argmax()) if there.any() else len(there)

    @property
    def simulation(self) -> Simulation:
        """The account and its records, as far as the run has come."""
        return self._simulation

    @property
    def interrupted(self) -> bool:
        """Whether the user broke the run off."""
        return self._interrupted

    def result(self) -> Result:
        """What the run left behind."""
        simulation = self._simulation
        done = int(simulation.account[0]["bar"]) + (1 if simulation.account[0]["segment"] == 4 else 0)
        return Result(
            history=self._history,
            records=Records(
                ledger=simulation.ledger.copy(),
                orders=simulation.orders.copy(),
                notices=simulation.notices.copy(),
                tags=tuple(self._stage.tags),
            ),
            config=self._config,
            strategy=facts(self._kind, self._parameters),
            notes=(*self._history.notes, *self._notes(simulation.notices)),
            interrupted=self._interrupted,
            bars=max(1, done) if self._interrupted else None,
        )

    def _notes(self, notices: NDArray[np.void]) -> list[str]:
        notes = []
        doubtful = int((notices["kind"] == NoticeKind.AMBIGUOUS).sum())
        if doubtful:
            notes.append(
                f"in {doubtful} bars the order of two triggers within the bar decided the outcome (see the risk log)"
            )
        held = int((notices["kind"] == NoticeKind.HOLE).sum())
        if held:
            notes.append(
                f"{held} holes under an open position were carried over at the last known mark price, as asked"
            )
        return notes


def simulate(
    history: MarketHistory,
    config: RunConfig,
    *,
    decide: bool = True,
    kind: type[Simulation] = Simulation,
) -> Simulation:
    """The simulation of a history under a configuration, with the blocks' extremes that all runs on it share."""
    if history not in _EXTREMES:
        _EXTREMES[history] = Extremes(history.prices)
    terms = RunTerms.of(history.venue, history.contracts, history.start_ns)
    hedge = config.position_mode == PositionMode.HEDGE
    if hedge and not terms.hedge:
        raise UsageError(
            f"{history.venue} offers no hedge mode: a symbol has one position there; run it with position_mode one-way"
        )
    every, offset = decision_grid(history, history.timeframe_ns)
    return kind(
        prices=history.prices,
        start_ns=history.start_ns,
        bar_ns=history.interval_ns,
        funding=history.funding,
        contracts=terms.contracts,
        tier_tables=terms.tier_tables,
        tiers=terms.tiers,
        rules=terms.rules,
        cash=config.deposit,
        path=config.path,
        holes=config.holes,
        slippage=config.slippage,
        volume_slippage=config.volume_slippage,
        adl=config.adl,
        cross=config.margin_mode == "cross",
        margin_call=config.margin_call,
        decision_every=every if decide else 0,
        decision_offset=offset,
        extremes=_EXTREMES[history],
        hedge=hedge,
    )


def facts(kind: type[Strategy], parameters: dict[str, Value]) -> StrategyFacts:
    """The strategy's name, parameters, source text and its digest."""
    try:
        source = inspect.getsource(inspect.getmodule(kind) or kind)
    except (OSError, TypeError):
        source = ""
    digest = hashlib.sha256(source.encode()).hexdigest()
    return StrategyFacts(name=kind.__name__, parameters=parameters, source=source, digest=digest)


def class_of(strategy: type[Strategy] | str) -> type[Strategy]:
    """The strategy class that is meant by itself, by its name or by its path."""
    if isinstance(strategy, str):
        from backtest import plugins  # names are looked up only where one is given

        return plugins.strategy(strategy)
    if isinstance(strategy, type) and issubclass(strategy, Strategy):
        return strategy
    raise UsageError(f"{strategy!r} is no strategy; give a subclass of backtest.Strategy, or the name of one")


def funded(history: MarketHistory, config: RunConfig) -> RunConfig:
    """The configuration with the deposit as one number of the history's settlement currency.

    Raises UsageError where the contracts are settled in several currencies, or the deposit is in another one.
    """
    if len(history.currencies) > 1:
        raise UsageError(
            f"the contracts are settled in {', '.join(history.currencies)}; an account in several currencies can be "
            "run (`backtest run`, bt.run), no more than that: choose symbols of one currency"
        )
    currency = history.currencies[0]
    if config.report_currency not in (None, currency):
        raise UsageError(
            f"all contracts are settled in {currency}, so the run is told in {currency}, not in "
            f"{config.report_currency}; leave --report-currency out"
        )
    if isinstance(config.cash, Mapping):
        if set(config.cash) != {currency}:
            raise UsageError(f"cash is {cash_text(config.cash)}, and the contracts are settled in {currency} alone")
        return replace(config, cash=config.cash[currency])
    return config if config.cash is not None else replace(config, cash=COINS if _is_coin(history) else CASH)


def _is_coin(history: MarketHistory) -> bool:
    return any(contract.inverse for contract in history.contracts)


def configured(history: MarketHistory, config: RunConfig) -> MarketHistory:
    """The history with the fees, the funding, the judging price and the timeframe that the configuration asks for;
    itself where nothing changes, so that what runs share is kept.
    """
    changed = history.with_fees(maker=config.maker, taker=config.taker)
    if config.cash is None and len(history.currencies) == 1 and _is_coin(history):
        changed = changed.noting(f"the deposit is {COINS:g} {history.currencies[0]}, for none was given (cash)")
    if config.constant_funding is not None:
        changed = changed.with_funding(config.constant_funding)
    if config.judge == PriceSource.LAST:
        changed = changed.judged_on_last()
    if config.timeframe is None or interval_ns(config.timeframe) == history.timeframe_ns:
        return changed
    timeframe_ns = interval_ns(config.timeframe)
    if timeframe_ns % history.interval_ns:
        raise UsageError(
            f"the timeframe {interval_text(timeframe_ns)} is no multiple of the history's base bar "
            f"{interval_text(history.interval_ns)}"
        )
    return replace(changed, timeframe_ns=timeframe_ns)
