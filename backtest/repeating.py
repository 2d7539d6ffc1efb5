"""A finished run once more, from what is kept of it: the strategy's source, its parameters, its market, its settings.

Exported as `bt.rerun`. With other settings it answers what would have been, everything else being equal:

    cross = bt.rerun(result, margin_mode="cross")
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from backtest import engine, plugins
from backtest.config import RunConfig
from backtest.errors import MarketDataError, UsageError, near
from backtest.market.history import MarketHistory
from backtest.market.loading import load
from backtest.result import Result
from backtest.runs import SavedRun
from backtest.strategy.protocol import Strategy


def rerun(run: Result | SavedRun, **changes: Any) -> Result:
    """Run it again; `changes` are settings of `RunConfig` and parameters of the strategy.

    A saved run's market is loaded from the store. Raises UsageError for a name that is neither, or where the run kept
    no source (a strategy typed into a session), MarketDataError where the store no longer holds the same market.
    """
    settings = {field.name for field in fields(RunConfig)}
    if isinstance(run, SavedRun):
        told = run.manifest["strategy"]
        name, parameters, source = told["name"], dict(told["parameters"]), run.manifest["strategy_source"]
        config, history = dict(run.manifest["config"]), market_of(run)
    else:
        name, parameters, source = run.strategy.name, dict(run.strategy.parameters), run.strategy.source
        config, history = dict(run.config.to_mapping()), run.history
    for change, value in changes.items():
        if change in settings:
            config[change] = value
        elif change in parameters:
            parameters[change] = value
        else:
            known = [*sorted(settings), *sorted(parameters)]
            raise UsageError(f"'{change}' is neither a setting nor a parameter of {name}; {near(change, known)}")
    with _class_of(name, source) as strategy:
        return engine.run(strategy, history, config=RunConfig.from_mapping(config), **parameters)


def market_of(run: SavedRun) -> MarketHistory:
    """The market of a saved run, out of the store; it must be the very same."""
    heading, config = run.heading, RunConfig.from_mapping(run.manifest["config"])
    history = load(
        heading.venue,
        list(heading.symbols),
        heading.timeframe,
        start=heading.start,
        end=heading.end,
        detail_timeframe=heading.interval,
        judge=config.judge,
        report_currency=config.report_currency,
    )
    if history.fingerprint != run.manifest["market"]:
        raise MarketDataError(
            f"the store no longer holds what run {run.id} was made on ({heading.venue} {' '.join(heading.symbols)}, "
            f"{heading.start} to {heading.end}); repeat the run itself first"
        )
    return history


@contextmanager
def _class_of(name: str, source: str) -> Iterator[type[Strategy]]:
    """The strategy of a kept source, as a file of its own for as long as it is needed."""
    if not source:
        raise UsageError(f"the source of {name} was not kept (typed into a session?); put it into a file and run that")
    with tempfile.TemporaryDirectory(prefix="isomargin-") as folder:
        path = Path(folder) / "strategy.py"
        path.write_text(source, encoding="utf-8")
        yield plugins.strategy(f"{path}:{name}")
