"""A flag wins over backtest.toml, which wins over the defaults."""

from __future__ import annotations

import pytest

from backtest.cli.request import RunRequest, fees, parameters
from backtest.enums import Path
from backtest.errors import UsageError


def test_a_flag_wins_over_the_file_and_the_file_over_the_default() -> None:
    found = RunRequest.resolve(
        {"cash": "500", "slippage": None, "symbols": ()},
        {"cash": 100, "slippage": "3bps", "venue": "binance", "symbols": ["BTC/USDT:USDT"]},
    )
    assert (found.venue, found.symbols, found.span) == ("binance", ("BTC/USDT:USDT",), "")
    assert (found.configs[0].cash, found.configs[0].slippage, found.configs[0].margin_call) == (500.0, 0.0003, 0.8)


def test_nothing_asked_is_the_whole_sample_market() -> None:
    found = RunRequest.resolve({}, {})
    assert (found.venue, found.symbols, found.span, len(found.configs)) == ("sample", (), "", 1)


def test_symbols_may_be_listed_with_commas() -> None:
    found = RunRequest.resolve({"symbols": ("BTC/USDT:USDT, ETH/USDT:USDT", "SOL/USDT:USDT")}, {})
    assert found.symbols == ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT")


def test_both_paths_are_two_configs_that_differ_in_the_path_only() -> None:
    found = RunRequest.resolve({"path": "both"}, {"path": "adverse-first", "cash": 7})
    assert [config.path for config in found.configs] == [Path.ADVERSE_FIRST, Path.FAVOURABLE_FIRST]
    assert {config.cash for config in found.configs} == {7.0}


@pytest.mark.parametrize("text", ["adverse", "bot", "middle"])
def test_the_paths_that_there_are_are_named_and_both_among_them(text: str) -> None:
    with pytest.raises(UsageError, match="one of adverse-first, favourable-first, or both for the two side by side"):
        RunRequest.resolve({"path": text}, {})


@pytest.mark.parametrize(
    ("defaults", "message"),
    [({"leverge": 3}, "'leverge' in"), ({"symbol": ["x"]}, "did you mean 'symbols'"), ({"symbols": 3}, "symbols is 3")],
)
def test_a_file_with_a_wrong_setting_is_an_error_of_use(defaults: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        RunRequest.resolve({}, defaults)


def test_fees_are_named() -> None:
    assert fees("maker=0.02%, taker=0.05%") == {"maker": "0.02%", "taker": "0.05%"}
    with pytest.raises(UsageError, match="did you mean 'taker'"):
        fees("takre=0.05%")


def test_parameters_take_the_type_their_text_has() -> None:
    found = parameters(["lookback=72", "share=0.1", "risk=5%", "hedge=false", "mode=fast", "gain=-1e-3"])
    assert found == {"lookback": 72, "share": 0.1, "risk": 0.05, "hedge": False, "mode": "fast", "gain": -0.001}
    assert type(found["lookback"]) is int


@pytest.mark.parametrize("texts", [["lookback"], ["=3"], ["a=1", "a=2"], ["a="], ["1a=3"]])
def test_a_text_that_sets_no_parameter_is_refused(texts: list[str]) -> None:
    with pytest.raises(UsageError, match="-p"):
        parameters(texts)
