"""The calculator's commands, against figures worked out by hand."""

from __future__ import annotations

import json

import pytest

from backtest.cli.main import status

LONG = ["--side", "long", "--entry", "60000", "--size", "0.5", "--maintenance-rate", "0.4%"]


def test_liquidation_of_a_tenfold_long(capsys: pytest.CaptureFixture[str]) -> None:
    # margin 3,000; (30,000 - 3,000) / (0.5 * 0.996) = 54,216.867…; bankruptcy 60,000 - 3,000 / 0.5 = 54,000
    assert status(["calc", "liquidation", *LONG, "--leverage", "10x", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["liquidation_price"] == pytest.approx(54_216.867469879518, abs=1e-9)
    assert found["bankruptcy_price"] == 54_000.0
    assert found["maintenance_margin"] == pytest.approx(120.0)
    assert status(["calc", "liquidation", *LONG, "--leverage", "10"]) == 0
    assert "Liquidation 54,216.87 (-9.64 %)   bankruptcy 54,000" in capsys.readouterr().out


def test_a_position_past_its_liquidation_has_no_ratio_and_the_document_stays_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert status(["calc", "liquidation", *LONG, "--leverage", "10", "--mark", "50000", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["margin_ratio"] is None


def test_a_top_up_for_a_wanted_liquidation_price(capsys: pytest.CaptureFixture[str]) -> None:
    # 30,000 - 0.5 * 0.996 * 50,000 = 5,100 of margin, of which 3,000 are there
    assert status(["calc", "top-up", *LONG, "--margin", "3000", "--target", "50000", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["amount"] == pytest.approx(2_100.0)


def test_a_contract_brings_its_tiers_and_their_source(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--side", "short", "--entry", "60000", "--size", "0.5", "--leverage", "10", "--symbol", "BTCUSDT"]
    assert status(["calc", "liquidation", *words, "--json"]) == 0
    assert "2025-09-29" in json.loads(capsys.readouterr().out)["tiers"]
    assert status(["calc", "liquidation", *words, "--date", "2023-01-01", "--json"]) == 0
    assert "2025-09-29" not in json.loads(capsys.readouterr().out)["tiers"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([*LONG, "--symbol", "BTCUSDT", "--leverage", "3"], "give one of --symbol"),
        (LONG, "neither leverage nor margin"),
        ([*LONG, "--leverage", "many"], "--leverage is 'many'"),
        ([*LONG, "--leverage", "3", "--date", "2023-01-01"], "--date chooses"),
        (["--side", "up", *LONG[2:], "--leverage", "3"], "side is 'up'"),
    ],
)
def test_options_that_describe_no_position_are_wrong_use(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["calc", "liquidation", *words]) == 2
    assert message in capsys.readouterr().err
