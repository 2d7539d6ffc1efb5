"""An isolated-margin backtester: what would have happened to each leveraged position, on the venue's own rules.

    import backtest as bt

    history = bt.load("sample", ["BTC/USDT:USDT"], "1h")
    result = bt.run("buy-and-hold", history, cash=10_000)
    result.metrics; result.equity; result.trades; result.positions; result.ledger

Every public name stands in `__all__`. A name is imported when it is first used, so that `import backtest` is light.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backtest import calculator as calc
    from backtest import enums as enums
    from backtest import errors as errors
    from backtest.config import RunConfig as RunConfig
    from backtest.engine import run as run
    from backtest.enums import Side as Side
    from backtest.market.fetch import fetch as fetch
    from backtest.market.history import MarketHistory as MarketHistory
    from backtest.market.loading import load as load
    from backtest.market.sql import sql as sql
    from backtest.repeating import rerun as rerun
    from backtest.result import Result as Result
    from backtest.runs import open_run as open_run
    from backtest.side_by_side import Comparison as Comparison
    from backtest.side_by_side import compare as compare
    from backtest.strategy.events import Alert as Alert
    from backtest.strategy.events import Fill as Fill
    from backtest.strategy.events import FundingPayment as FundingPayment
    from backtest.strategy.events import Liquidation as Liquidation
    from backtest.strategy.events import MarginCall as MarginCall
    from backtest.strategy.events import Rejection as Rejection
    from backtest.strategy.parameters import Param as Param
    from backtest.strategy.position import Position as Position
    from backtest.strategy.protocol import Strategy as Strategy
    from backtest.strategy.schedule import Schedule as Schedule
    from backtest.sweeps.sweep import sweep as sweep
    from backtest.validation.montecarlo import montecarlo as montecarlo
    from backtest.validation.walk_forward import walk_forward as walk_forward

_MODULES = {"calc": "backtest.calculator", "enums": "backtest.enums", "errors": "backtest.errors"}
_HOMES = {
    "Alert": "backtest.strategy.events",
    "Fill": "backtest.strategy.events",
    "FundingPayment": "backtest.strategy.events",
    "Liquidation": "backtest.strategy.events",
    "MarginCall": "backtest.strategy.events",
    "MarketHistory": "backtest.market.history",
    "Param": "backtest.strategy.parameters",
    "Position": "backtest.strategy.position",
    "Rejection": "backtest.strategy.events",
    "Result": "backtest.result",
    "RunConfig": "backtest.config",
    "Schedule": "backtest.strategy.schedule",
    "Side": "backtest.enums",
    "Strategy": "backtest.strategy.protocol",
    "Comparison": "backtest.side_by_side",
    "compare": "backtest.side_by_side",
    "fetch": "backtest.market.fetch",
    "load": "backtest.market.loading",
    "montecarlo": "backtest.validation.montecarlo",
    "open_run": "backtest.runs",
    "rerun": "backtest.repeating",
    "run": "backtest.engine",
    "sql": "backtest.market.sql",
    "sweep": "backtest.sweeps.sweep",
    "walk_forward": "backtest.validation.walk_forward",
}

__all__ = [
    "Alert",
    "Comparison",
    "Fill",
    "FundingPayment",
    "Liquidation",
    "MarginCall",
    "MarketHistory",
    "Param",
    "Position",
    "Rejection",
    "Result",
    "RunConfig",
    "Schedule",
    "Side",
    "Strategy",
    "calc",
    "compare",
    "enums",
    "errors",
    "fetch",
    "load",
    "montecarlo",
    "open_run",
    "rerun",
    "run",
    "sql",
    "sweep",
    "walk_forward",
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name not in _HOMES:
        raise AttributeError(f"module 'backtest' has no attribute '{name}'; its public names are {', '.join(__all__)}")
    with _uncollected():
        value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the collector of cycles: an import makes a hundred thousand objects that stay, and looking through them
    again and again took a tenth of a cold start.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
