"""Inverse contracts from the import of their history to every command: money is coin, and says so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backtest.cli.main import status

Told = Callable[..., str]
BITCOIN = ("--venue", "binance-coin", "-s", "BTC/USD:BTC", "-q")

STRATEGY = """
import backtest as bt


class Coins(bt.Strategy):
    leverage = bt.Param(2, low=1, high=20)

    def next(self):
        symbol = self.symbols[0]
        if not self.position(symbol):
            self.buy(symbol, margin=0.2 * self.equity, leverage=self.leverage)
        elif self.bar % 24 == 0:
            self.close_position(symbol)
"""


@pytest.fixture
def told(workspace: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    """Runs a command line that must succeed, in a workspace with ten days of imported inverse bars of four venues."""

    def run(*words: str) -> str:
        capsys.readouterr()
        code = status(words)
        found = capsys.readouterr()
        assert code == 0, found.err
        return found.out

    close = 40_000.0 * np.exp(np.cumsum(np.random.default_rng(3).normal(0.0, 0.004, 240)))
    stamps = np.arange("2024-01-01", "2024-01-11", dtype="datetime64[h]")
    lines = [
        f"{at}:00Z,{a:.1f},{max(a, b) + 20:.1f},{min(a, b) - 20:.1f},{b:.1f},50"
        for at, a, b in zip(stamps, [close[0], *close[:-1]], close, strict=True)
    ]
    (workspace / "bars.csv").write_text("\n".join(["time,open,high,low,close,volume", *lines]) + "\n")
    rates = [f"{at}:00Z,0.0001" for at in stamps[::8]]
    (workspace / "rates.csv").write_text("\n".join(["time,rate", *rates]) + "\n")
    (workspace / "strategies").mkdir()
    (workspace / "strategies" / "coins.py").write_text(STRATEGY)
    for venue in ("binance-coin", "bybit", "okx", "bitmex"):
        kept = ("--venue", venue, "--symbol", "BTC/USD:BTC", "--kind")
        for kind in ("ohlcv", "mark"):
            run("data", "import", "bars.csv", *kept, kind, "--timeframe", "1h")
        run("data", "import", "rates.csv", *kept, "funding")
    return run


@pytest.mark.parametrize("venue", ["binance-coin", "bybit", "okx", "bitmex"])
def test_a_run_is_told_in_coin_and_its_ledger_balances(told: Told, venue: str) -> None:
    out = told("run", "coins", "--venue", venue, "-s", "BTC/USD:BTC", "--cash", "2", "--slippage", "2bps", "-q")
    assert re.search(r"Equity +2\.00000000 → \d\.\d{8} BTC", out)
    assert re.search(r"Net PnL +[+-]0\.\d{8}  BTC", out)
    run = out.split("Run ")[1].split(":")[0]
    assert "balanced" in told("audit", run)
    assert " BTC" in told("runs", "list") and "BTC" in told("runs", "show", run)
    page = (Path("runs") / run / "report.html").read_text(encoding="utf-8")
    assert "Money is told in BTC." in page and "quote currency" not in page


def test_without_a_deposit_a_coin_is_taken_and_said(told: Told) -> None:
    found = json.loads(told("run", "coins", *BITCOIN, "--no-report", "--json"))
    assert found["config"]["cash"] == 1.0
    assert "the deposit is 1 BTC, for none was given (cash)" in found["notes"]
    named = json.loads(told("run", "coins", *BITCOIN, "--no-report", "--json", "--cash", "BTC=1"))
    assert named["metrics"] == found["metrics"]


def test_the_other_commands_tell_coin_too(told: Told) -> None:
    run = told("run", "coins", *BITCOIN, "--no-report").split("Run ")[1].split(":")[0]
    assert "money in BTC" in told("compare", run)
    assert "of 1.00000000 BTC at a bar's close" in told("montecarlo", run, "--paths", "4", "--block", "1d", "-q")
    assert "2/2 runs" in told("sweep", "coins", *BITCOIN, "-p", "leverage=2,5")
    walked = told("walk-forward", "coins", *BITCOIN, "--train", "5d", "--test", "2d", "-p", "leverage=2,5")
    assert "begins with 1 BTC" in walked


def test_a_sweeps_figures_of_an_inverse_contract_are_those_of_a_run(told: Told) -> None:
    told("sweep", "coins", *BITCOIN, "-p", "leverage=5,6", "--slippage", "2bps", "--out", "swept")
    run = json.loads(told("run", "coins", *BITCOIN, "-p", "leverage=5", "--slippage", "2bps", "--no-report", "--json"))
    import pandas as pd

    row = pd.read_parquet(next(Path("swept").glob("*/results.parquet"))).set_index("leverage").loc[5]
    for name in ("equity", "fees", "funding_net", "slippage", "turnover", "max_drawdown", "sharpe"):
        assert row[name] == pytest.approx(run["metrics"][name], rel=1e-9), name


@pytest.mark.parametrize(
    ("cash", "said"),
    [
        ("USDT=100", "the contracts are settled in BTC alone"),
        ("BTC=0", "cash of BTC is 0.0; it must be above 0"),
        ("BTC=1,BTC=2", "name each currency once"),
    ],
)
def test_a_deposit_in_another_currency_is_refused(
    told: Told, capsys: pytest.CaptureFixture[str], cash: str, said: str
) -> None:
    assert status(("run", "coins", *BITCOIN, "--cash", cash)) == 2
    assert said in capsys.readouterr().err
