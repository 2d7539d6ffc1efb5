"""The main job on recorded history: import by command line, run by command line, audit by command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backtest.cli.main import status

COINS = ("BTC", "ETH", "XRP")
FILES = {"ohlcv": "ohlcv_1h", "mark": "mark_1h", "funding": "funding"}
STRATEGIES = ("gradual-leverage", "volatility-scaled", "hedged-pairs")

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def imported(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the last prices, mark prices and funding of three Binance perpetuals."""
    folder = tmp_path_factory.mktemp("real")
    (folder / "backtest.toml").write_text('[run]\nvenue = "binance"\n', encoding="utf-8")
    for coin in COINS:
        for kind, name in FILES.items():
            words = ["data", "import", str(real_data / f"binance_{coin}USDT_{name}.parquet"), "--venue", "binance"]
            words += ["--symbol", f"{coin}/USDT:USDT", "--kind", kind, "--store", str(folder / "store")]
            assert status(words + (["--timeframe", "1h"] if kind != "funding" else [])) == 0
    return folder


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_shipped_strategy_runs_on_recorded_history_and_its_ledger_audits(
    strategy: str, imported: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(imported)
    words = [word for coin in COINS for word in ("-s", f"{coin}/USDT:USDT")]
    capsys.readouterr()
    assert status(["run", strategy, *words, "-r", "2020-01-07..2022-05-01", "--no-report", "--json"]) == 0
    run = json.loads(capsys.readouterr().out)
    assert (run["market"]["start"], run["market"]["end"]) == ("2020-01-07 00:00", "2022-05-01 00:00")
    assert not run["market"]["synthetic"]
    for coin in COINS:  # no table so old is known: the nearest is used, and said
        assert any(note.startswith(f"{coin}/USDT:USDT: leverage tiers of 2022-07") for note in run["notes"])
    assert run["metrics"]["trades"] > 0
    assert status(["audit", run["run_id"], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] and found["relative_residual"] < 1e-9


def test_strict_refuses_tiers_of_another_date(
    imported: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(imported)
    assert status(["run", "buy-and-hold", "-s", "BTC/USDT:USDT", "-r", "2021-01-01..2021-02-01", "--strict"]) == 3
    assert "stand in for those of" in capsys.readouterr().err
