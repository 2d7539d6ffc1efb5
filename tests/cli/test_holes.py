"""A hole in the stored history, from the store to the report: refused under a position, or carried over and listed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backtest.cli.main import status
from backtest.market.series import SeriesKind
from backtest.market.store import Store
from tests.market.making import BTC, bars, funding

HOURS = [hour for hour in range(120) if hour not in (40, 41, 42, 70)]
RUN = ["run", "buy-and-hold", "--venue", "binance", "-s", BTC, "--timeframe", "1h", "-r", "2024-03-01..2024-03-06"]
LISTED = "BTC/USDT:USDT: 4 ohlcv bars are missing in 2 stretches: 2024-03-02 16:00 (3 bars), 2024-03-03 22:00 (1 bar)"


@pytest.fixture
def holed(workspace: Path) -> Path:
    store = Store(root=workspace / "store")
    prices = [100.0 + hour % 5 for hour in range(120)]
    store.write(bars([prices[hour] for hour in HOURS], hours=HOURS))
    store.write(bars(prices, kind=SeriesKind.MARK))
    store.write(funding(range(0, 120, 8)))
    return workspace


def test_a_hole_under_a_position_ends_the_run_with_exit_code_3(holed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(RUN) == 3
    said = capsys.readouterr().err
    assert "BTC/USDT:USDT has no prices for 3 bars from 2024-03-02 16:00 while a position is open" in said
    assert "--holes hold" in said


def test_held_over_the_holes_are_listed_in_the_result_and_on_the_report(
    holed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status([*RUN, "--holes", "hold", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    notes = json.dumps(document, ensure_ascii=False)
    assert LISTED in notes
    assert "2 holes under an open position were carried over" in notes
    report = (holed / "runs" / document["run_id"] / "report.html").read_text(encoding="utf-8")
    assert LISTED in report
    assert "2 holes under an open position were carried over" in report
