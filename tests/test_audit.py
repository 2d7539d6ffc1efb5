"""The auditor balances honest ledgers and names the row of a dishonest one."""

from __future__ import annotations

import numpy as np
import pytest

from backtest.audit import audit
from backtest.enums import LedgerKind
from backtest.errors import UsageError
from tests.builders import Book, CoinFlipper, history, one_long, one_long_result, simulate, wandering


def test_a_ledger_by_hand_balances() -> None:
    report = audit(one_long().ledger())
    assert report.ok
    assert report.rows == 7
    # 1,000 + 1,100 + 2,000 + 1,808
    assert report.turnover == pytest.approx(5908.0)
    assert report.wallet == pytest.approx(9884.8)
    assert report.margin == pytest.approx(0.0, abs=1e-9)
    assert "balanced" in str(report)


def test_table_and_records_are_audited_alike() -> None:
    run = one_long_result()
    assert audit(run.ledger) == audit(run.records) == audit(run.records.ledger)


def test_a_real_run_balances_to_a_billionth_of_its_turnover() -> None:
    market = history(
        wandering(600, seed=3), wandering(600, seed=4), spread=0.4, funding=[(b, b % 2, 3e-4) for b in range(8, 600, 8)]
    )
    run = simulate(market, CoinFlipper(seed=2, chance=0.25), slippage=0.0005)
    report = audit(run.records)
    assert {"open", "close", "liquidation", "funding", "add-margin", "remove-margin", "top-up"} <= set(
        run.ledger["kind"]
    )
    assert report.ok, str(report)
    assert report.relative_residual < 1e-9
    assert report.wallet + report.margin == pytest.approx(
        float(run.equity["wallet"].iloc[-1] + run.equity["margin"].iloc[-1]), rel=1e-12
    )


OFF = [
    (1, "fees", 0.01, "sum to zero"),
    (1, "margin", 0.01, "initial margin"),
    (1, "leverage_after", 5.0, "initial margin"),
    (1, "wallet_after", 0.01, "wallet_after"),
    (2, "margin_after", 0.01, "margin_after"),
    (2, "fees", 0.5, "moves no fees"),
    (2, "quantity", 1.0, "leaves the position"),
    (3, "pnl", 0.01, "realised PnL"),
    (3, "price", 1.0, "realised PnL"),
    (3, "quantity", -1.0, "not larger"),
    (3, "wallet", 0.01, "the wallet gets"),
    (4, "entry_after", 1.0, "entry_after"),
    (4, "position_after", 0.5, "position_after"),
    (5, "margin", 1.0, "moves between the wallet"),
    (6, "margin", 1.0, "takes the whole margin"),
    (6, "quantity", 1.0, "closes the whole position"),
    (6, "liquidation_fee", -20.0, "fee is not negative"),
]


@pytest.mark.parametrize(("row", "column", "by", "phrase"), OFF)
def test_a_tampered_row_is_named_with_what_is_off(row: int, column: str, by: float, phrase: str) -> None:
    ledger = one_long().ledger()
    ledger[column][row] += by
    report = audit(ledger)
    assert not report.ok
    assert report.findings[0].row == row
    assert any(phrase in finding.check for finding in report.findings if finding.row == row)
    assert f"row {row}" in str(report)


def test_a_liquidation_may_not_cost_the_wallet_anything() -> None:
    ledger = one_long().ledger()
    ledger["wallet"][6] -= 5.0
    ledger["liquidation_fee"][6] += 5.0
    assert any("costs the wallet nothing" in finding.check for finding in audit(ledger).findings)


def test_an_error_is_named_once_where_it_arose_not_where_it_is_carried() -> None:
    ledger = one_long().ledger()
    ledger["wallet_after"][2:] += 1.0
    findings = [finding for finding in audit(ledger).findings if "wallet_after" in finding.check]
    assert [finding.row for finding in findings] == [2]
    assert findings[0].off == pytest.approx(1.0)


def test_a_figure_that_is_no_number_is_off() -> None:
    ledger = one_long().ledger()
    ledger["wallet"][3] = np.nan
    report = audit(ledger)
    assert report.findings[0].row == 3
    assert report.residual == np.inf


def test_a_reduction_beyond_the_margin_is_paid_by_the_insurance_fund() -> None:
    book = Book(1000.0)
    # buy 10 at 100, 10x: margin 100. Sell 5 at 85: released 50, pnl −75 → −25 out of the remaining 50 → margin 25
    book.write(LedgerKind.OPEN, 0, price=100.0, quantity=10.0, wallet=-100.0, margin=100.0, entry=100.0, leverage=10.0)
    book.write(LedgerKind.CLOSE, 1, price=85.0, quantity=-5.0, wallet=0.0, margin=-75.0, pnl=75.0)
    # sell 5 at 90: released 25, pnl −50 → 25 short, paid by the fund
    book.write(LedgerKind.CLOSE, 2, price=90.0, quantity=-5.0, wallet=0.0, margin=-25.0, pnl=50.0, insurance=-25.0)
    assert audit(book.ledger()).ok


def test_a_position_that_grows_has_the_average_entry_price() -> None:
    book = Book(1000.0)
    book.write(LedgerKind.OPEN, 0, price=100.0, quantity=-1.0, wallet=-50.0, margin=50.0, entry=100.0, leverage=2.0)
    # 1 at 100 and 3 at 120: 460 / 4 = 115
    book.write(LedgerKind.OPEN, 1, price=120.0, quantity=-3.0, wallet=-180.0, margin=180.0, entry=115.0)
    book.write(LedgerKind.LEVERAGE, 2, leverage=5.0)
    book.write(LedgerKind.REMOVE_MARGIN, 2, wallet=20.0, margin=-20.0)
    book.write(LedgerKind.ADD_MARGIN, 3, wallet=-5.0, margin=5.0)
    book.write(LedgerKind.TIERS, 4)
    assert audit(book.ledger()).ok
    grown = book.ledger()
    grown["quantity"][2] = 3.0
    assert any("does not shrink" in finding.check for finding in audit(grown).findings)
    taken = book.ledger()
    taken["kind"][4] = int(LedgerKind.ADD_MARGIN)
    assert any("direction" in finding.check for finding in audit(taken).findings)


def test_many_findings_are_cut_short_in_print() -> None:
    ledger = one_long().ledger()
    for name in ("fees", "funding", "pnl", "insurance", "liquidation_fee", "deposit", "wallet", "margin"):
        ledger[name] += 1.0
    assert "and " in str(audit(ledger)).splitlines()[-1]


def test_what_is_no_ledger_is_said_so() -> None:
    with pytest.raises(UsageError, match="no ledger"):
        audit(one_long_result().equity)
    table = one_long_result().ledger.assign(kind="gift")
    with pytest.raises(UsageError, match="'gift' is no ledger kind"):
        audit(table)
