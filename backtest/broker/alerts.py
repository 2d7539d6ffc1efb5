"""Watched thresholds that the mark path meets: margin calls and alerts, rule 3.8 of `docs/order-of-events.md`."""

from __future__ import annotations

from backtest.broker.codes import NO_ORDER, NO_REASON, ON_RATIO
from backtest.broker.ledger import note
from backtest.broker.liquidation import requirement
from backtest.broker.valuation import distance, margin_balance, margin_ratio
from backtest.compiling import kernel


@kernel
def give_alert(account, settings, positions, terms, tiers, notices, alerts, leg, row):
    """Give an armed alert and disarm it; arm one that was given."""
    position = positions[leg]
    alert = alerts[row]
    position["stale"] = 1
    alert["armed"] = 1 - alert["armed"]
    if alert["armed"] == 1:
        return
    mark = position["mark_price"]
    value = distance(mark, position["liquidation_price"])
    if alert["threshold"] == ON_RATIO:
        term = terms[leg]
        quantity, entry, margin = position["quantity"], position["entry_price"], position["margin"]
        needed = requirement(quantity, entry, margin, position["leverage"], mark, term, tiers)
        value = margin_ratio(needed, margin_balance(quantity, entry, margin, mark, term["inverse"]))
    note(
        account, settings, position, notices, leg, alert["kind"], NO_REASON, NO_ORDER, alert["number"], 0, value,
        alert["level"],
    )  # fmt: skip
