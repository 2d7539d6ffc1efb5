"""Settings of a run check themselves, and texts of the edge become the values they name."""

from __future__ import annotations

import tomllib

import pytest

from backtest.config import RunConfig, fraction
from backtest.enums import Holes, Path, PriceSource
from backtest.errors import UsageError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.05%", 0.0005),
        ("2bps", 0.0002),
        ("1 bp", 0.0001),
        ("0.8", 0.8),
        (0.25, 0.25),
        ("-0.01%", -0.0001),
        (" 5% ", 0.05),
    ],
)
def test_a_fraction_may_be_written_as_percent_or_basis_points(text: object, value: float) -> None:
    assert fraction(text, "rate") == pytest.approx(value, abs=1e-18)


@pytest.mark.parametrize("text", ["five", "", "5%%", "nan", "inf", None, True, [0.1]])
def test_what_is_no_number_is_refused_by_its_name(text: object) -> None:
    with pytest.raises(UsageError, match="taker is"):
        fraction(text, "taker")


def test_texts_of_the_edge_become_values() -> None:
    config = RunConfig.from_mapping(
        {"cash": "5_000", "path": "favourable-first", "holes": "hold", "judge": "last", "maker": "0.02%", "seed": "7"}
    )
    assert config == RunConfig(
        cash=5_000.0, path=Path.FAVOURABLE_FIRST, holes=Holes.HOLD, judge=PriceSource.LAST, maker=0.0002, seed=7
    )


@pytest.mark.parametrize(
    ("text", "rate"), [("history", None), ("zero", 0.0), ("const:0.01%", 0.0001), (0.0003, 0.0003)]
)
def test_funding_is_the_venues_own_or_zero_or_one_rate(text: object, rate: float | None) -> None:
    assert RunConfig.from_mapping({"funding": text}).constant_funding == rate


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cash": 0.0}, "cash is 0.0; it must be above 0"),
        ({"cash": "lots"}, "cash is 'lots', which is no finite number"),
        ({"slippage": 1.0}, "slippage is 1.0; it must be at least 0 and below 1"),
        ({"margin_call": 1.5}, "margin_call is 1.5; it must be above 0 and at most 1"),
        ({"taker": 5}, "taker is 5.0; it must be at least 0 and below 0.1"),
        ({"taker": "-0.06%"}, "taker is -0.0006; whoever takes pays, so it must be at least 0"),
        ({"maker": "-20%"}, "maker is -0.2; it must be above -0.1 and below 0.1"),
        ({"judge": "index"}, "'index' is no price source; it is one of last, mark"),
        ({"margin_mode": "isolate"}, "did you mean 'isolated'"),
        ({"funding": "histroy"}, "did you mean 'history'"),
        ({"path": "adverse"}, "did you mean 'adverse-first'"),
        ({"slipage": 0.1}, "'slipage' is no setting of a run; did you mean 'slippage'"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": "x"}, "seed is 'x'"),
        ({"strict": "yes"}, "strict is 'yes'; it must be true or false"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named_with_its_mend(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        RunConfig.from_mapping(values)
    assert message in str(raised.value)


def test_a_choice_given_as_text_in_python_is_refused() -> None:
    with pytest.raises(UsageError, match="path is 'adverse-first'; it must be one of"):
        RunConfig(path="adverse-first")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(),
        RunConfig(cash=1.5, timeframe="4h", detail_timeframe="1m", path=Path.FAVOURABLE_FIRST, judge=PriceSource.LAST),
        RunConfig(holes=Holes.HOLD, maker=-0.00005, taker=0.0004, funding=0.0001, strict=True, seed=11, slippage=1e-5),
    ],
)
def test_a_config_survives_toml_and_a_manifest(config: RunConfig) -> None:
    assert RunConfig.from_mapping(tomllib.loads(config.to_toml())["run"]) == config
    assert RunConfig.from_mapping(config.to_mapping()) == config


def test_whole_numbers_given_in_python_become_floats() -> None:
    config = RunConfig(cash=10_000, slippage=0, volume_slippage=0, margin_call=1)
    floats = (config.cash, config.slippage, config.volume_slippage, config.margin_call)
    assert floats == (10_000.0, 0.0, 0.0, 1.0)
    assert all(type(value) is float for value in floats)
