"""What holds for every strategy that ships: declared parameters, an honest docstring, no look-ahead, no wrong price."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest

import backtest as bt
from backtest import plugins
from backtest.errors import UsageError
from backtest.strategy.parameters import Param, parameters_of
from tests.strategies.worlds import another_future, correlated, world

NAMES = ("buy-and-hold", "gradual-leverage", "hedged-pairs", "volatility-scaled")
QUICK = {
    "buy-and-hold": {},
    "gradual-leverage": {"trend": 30, "window": 24, "room": 2.0, "stride": 0.3},
    "hedged-pairs": {"window": 48, "enter": 1.5, "patience": 40, "correlation": 0.2},
    "volatility-scaled": {"trend": 30, "window": 24, "every": 6, "band": 0.05},
}
ASKED = ["order", "symbol", "side", "kind", "quantity", "tag"]
DECLARED = [(name, each) for name in NAMES for each in parameters_of(plugins.strategy(name)).values()]


def test_each_is_found_by_its_registered_name() -> None:
    assert set(NAMES) <= {plugin.name for plugin in plugins.strategies() if plugin.found is not None}


@pytest.mark.parametrize("name", NAMES)
def test_each_says_when_it_earns_and_when_it_loses(name: str) -> None:
    text = inspect.getdoc(plugins.strategy(name)) or ""
    assert "Earns" in text
    assert "Loses" in text
    assert text.partition("\n")[0].endswith(".")


@pytest.mark.parametrize(("name", "parameter"), DECLARED, ids=lambda each: getattr(each, "name", each))
def test_each_parameter_is_explained_and_bounded(name: str, parameter: Param) -> None:
    assert parameter.help
    if isinstance(parameter.default, bool):
        return
    assert parameter.low is not None
    assert parameter.high is not None
    market = world(*correlated(30))
    for beyond in (parameter.low - 1, parameter.high + 1):
        with pytest.raises(UsageError, match=f"parameter {parameter.name} is .* outside its bounds"):
            bt.run(name, market, **{parameter.name: beyond})


@pytest.mark.parametrize("name", NAMES)
def test_decisions_stay_when_the_future_is_another(name: str) -> None:
    market = world(*correlated(300), taker=0.0005)
    as_it_was = bt.run(name, market, **QUICK[name])
    arrived = np.unique(as_it_was.records.orders["bar"])
    decided = arrived[:: max(1, len(arrived) // 8)] - 1
    for bar in (*decided, 61, 278):
        changed = bt.run(name, another_future(market, bar), **QUICK[name])
        before, after = (each.records.ledger[each.records.ledger["bar"] <= bar] for each in (as_it_was, changed))
        assert before.tobytes() == after.tobytes()
        # orders given at the close of `bar` arrive at the next open
        asked, again = (each.orders.loc[each.records.orders["bar"] <= bar + 1, ASKED] for each in (as_it_was, changed))
        assert asked.equals(again)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_refused_in_a_plain_market(name: str) -> None:
    result = bt.run(name, world(*correlated(300), spread=0.1, taker=0.0005), **QUICK[name])
    assert len(result.rejections) == 0
    assert len(result.orders) >= 3
    assert np.isfinite(result.equity["equity"]).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_stretch_of_one_symbol_stops_nothing(name: str) -> None:
    market = world(*correlated(300), taker=0.0005)
    prices = market.prices.copy()
    prices[1, :, 140:150] = np.nan
    holed = replace(market, prices=prices)
    result = bt.run(name, holed, config=bt.RunConfig(holes=bt.enums.Holes.HOLD), **QUICK[name])
    legs = result.records.orders[result.records.orders["bar"] > 150]["leg"]
    assert name == "buy-and-hold" or 1 in legs
    assert np.isfinite(result.equity["equity"]).all()
