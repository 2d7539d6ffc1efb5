"""The screen that ends a run."""

from __future__ import annotations

import math
from dataclasses import replace

from backtest.enums import LedgerKind
from backtest.report.numbers import money, percent, price
from backtest.report.summary import summary
from tests.builders import Book, history, one_long_history, one_long_result, result


def test_the_screen_of_a_run() -> None:
    run = one_long_result()
    lines = repr(run).splitlines()
    assert lines[0] == "by-hand(leverage=10)"
    assert lines[1] == "BTC/USDT:USDT  binance  1h  isolated"
    assert lines[2] == "2020-01-01 00:00 .. 2020-01-01 06:00 UTC  (0.2 days)"
    assert lines[4].split()[:4] == ["Net", "PnL", "-115.20", "USDT"]
    assert "paid 1.10, received 0.00" in repr(run)
    assert "Liquidations cost 210.00 USDT of margin" in repr(run)
    assert "Orders 4, filled 3; refusals 1; ambiguous bars 0" in repr(run)


def test_columns_are_aligned() -> None:
    lines = repr(one_long_result()).splitlines()
    second = ("Equity ", "Max drawdown ", "Sharpe ", "Buy and hold", "Trades ", "Margin calls ", "Leverage ")
    starts = [line.index(name) for name in second for line in lines if name in line]
    assert len(starts) == len(second)
    assert len(set(starts)) == 1


def test_detail_bars_notes_and_early_ends_are_named() -> None:
    run = one_long_result()
    heading = replace(
        run.heading, interval="1m", notes=("no mark series",), interrupted=True, stopped="a hole", synthetic=True
    )
    text = summary(heading, run.metrics)
    assert "1h (fills and margin on 1m)" in text
    assert "! no mark series" in text
    assert "! interrupted" in text
    assert "! stopped: a hole" in text
    assert "synthetic market" in text


def test_a_strategy_that_never_traded_is_told_so() -> None:
    text = repr(result(one_long_history(), Book(100.0).ledger(), cash=100.0))
    assert "gave no order" in text


def test_ruin_is_told() -> None:
    book = Book(100.0)
    book.write(LedgerKind.OPEN, 0, price=100.0, quantity=10.0, wallet=-100.0, margin=100.0, entry=100.0, leverage=10.0)
    book.write(LedgerKind.LIQUIDATION, 1, price=90.0, quantity=-10.0, margin=-100.0, pnl=100.0)
    assert "ruined" in repr(result(history((100.0, 90.0)), book.ledger(), cash=100.0))


def test_numbers_for_a_reader() -> None:
    assert money(-0.001) == "0.00"
    assert money(math.nan) == "–"
    assert percent(math.inf) == "∞"
    assert percent(math.nan) == "–"
    assert price(math.nan) == "–"
    assert price(3.14159) == "3.1416"
