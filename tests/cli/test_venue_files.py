"""Venues on the command line: a file of one's own, a bad one, and tiers of another time under --strict."""

from __future__ import annotations

from pathlib import Path

import pytest

from backtest.cli.main import status

RUN = ("run", "buy-and-hold", "-s", "BTC", "-r", "2025-01-01..2025-01-08", "--no-report", "-q")
OWN = """
extends = "bybit"
history = "sample"
[rules]
trigger_fee = 0.001
[contracts."BTC/USDT:USDT".tiers]
2020-01-01 = [[inf, 0.01, 50]]
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("my_venue.toml")
    path.write_text(OWN, encoding="utf-8")
    return path


def test_a_run_under_a_venue_file_names_it(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status([*RUN, "--venue", "./my_venue.toml", "--strict"]) == 0
    assert "BTC/USDT:USDT  ./my_venue.toml, synthetic market" in capsys.readouterr().out


def test_a_key_that_is_unknown_ends_with_exit_code_2(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own.write_text(OWN.replace("trigger_fee", "trigger_fe"), encoding="utf-8")
    assert status([*RUN, "--venue", "./my_venue.toml"]) == 2
    said = capsys.readouterr().err
    assert said == "error: ./my_venue.toml, [rules]: 'trigger_fe' is no key here; did you mean 'trigger_fee'?\n"


def test_a_file_that_is_not_there_ends_with_exit_code_2(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status([*RUN, "--venue", "./no_venue.toml"]) == 2
    assert "there is no venue file ./no_venue.toml" in capsys.readouterr().err


def test_strict_ends_with_exit_code_3_and_the_dates_there_are(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own.write_text(OWN.replace("2020-01-01", "2025-06-01"), encoding="utf-8")
    assert status([*RUN, "--venue", "./my_venue.toml", "--strict"]) == 3
    said = capsys.readouterr().err
    assert "leverage tiers of 2025-06-01, the earliest known, stand in for those of 2025-01-01" in said
    assert "tables are known of 2025-06-01" in said


def test_bars_are_imported_for_a_venue_file_under_the_name_of_its_history(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own.write_text('extends = "bybit"\n', encoding="utf-8")
    Path("btc.csv").write_text("time,open,high,low,close,volume\n2024-03-01,1,2,1,2,5\n", encoding="utf-8")
    line = ["data", "import", "btc.csv", "--venue", "./my_venue.toml", "--symbol", "BTC", "--kind", "ohlcv"]
    assert status([*line, "--timeframe", "1d"]) == 0
    assert Path("store/bybit/BTCUSDTUSDT/ohlcv-1d").is_dir()
