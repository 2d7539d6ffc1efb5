"""The ledger's sums in one pass: by trade and by kind of row."""

from __future__ import annotations

from backtest.broker.records import record
from backtest.broker.valuation import notional
from backtest.compiling import kernel
from backtest.enums import LedgerKind

LIQUIDATION, PARTIAL = int(LedgerKind.LIQUIDATION), int(LedgerKind.PARTIAL_LIQUIDATION)

TRADE = record(ints="closed", floats="pnl fees funding liquidation_fee insurance")
"""Sums of one trade (row = its number); `closed` where it came back to flat."""

KIND = record(ints="rows", floats="margin wallet value")
"""Sums of one kind of row; `value` is the notional at the rows' prices."""

TOTAL = record(floats="fees funding_paid funding_received liquidation_fee liquidation_loss slippage insurance_paid")


@kernel
def tally(ledger, inverse, trades, kinds, total):
    """Add up all rows; `trades` has a row for each number from 0 on, `kinds` one for each kind."""
    for k in range(ledger.shape[0]):
        row = ledger[k]
        kind = kinds[row["kind"]]
        kind["rows"] += 1
        kind["margin"] += row["margin"]
        kind["wallet"] += row["wallet"]
        if row["leg"] >= 0 and row["price"] == row["price"]:
            kind["value"] += notional(row["quantity"], row["price"], 1 if inverse[row["leg"]] else 0)
        total["fees"] += row["fees"]
        total["funding_paid"] += max(row["funding"], 0.0)
        total["funding_received"] += max(-row["funding"], 0.0)
        total["liquidation_fee"] += row["liquidation_fee"]
        if row["kind"] == LIQUIDATION or row["kind"] == PARTIAL:
            total["liquidation_loss"] += max(-(row["margin"] + row["wallet"]), 0.0)
        total["insurance_paid"] += max(-row["insurance"], 0.0)
        if row["slippage"] == row["slippage"]:
            total["slippage"] += row["slippage"]
        if row["trade"] > 0:
            trade = trades[row["trade"]]
            trade["pnl"] += row["pnl"]
            trade["fees"] += row["fees"]
            trade["funding"] += row["funding"]
            trade["liquidation_fee"] += row["liquidation_fee"]
            trade["insurance"] += row["insurance"]
            if row["position_after"] == 0.0:
                trade["closed"] = 1
