"""A position's top-up policy acts: rule 6.4 of `docs/order-of-events.md`."""

from __future__ import annotations

import math

from backtest.broker.codes import BUDGET_SPENT, NO_ORDER, NO_REASON, NOTE_TOP_UP_FAILED, ROW_TOP_UP, WALLET_EMPTY
from backtest.broker.ledger import note, post
from backtest.broker.takeover import CRUMB
from backtest.broker.valuation import free_balance
from backtest.compiling import kernel


@kernel
def act_on(account, settings, positions, terms, tiers, ledger, notices, top_ups, leg):
    """Act on the leg's top-up policy: add what its amount, its budget and the wallet allow, and start the cooldown."""
    position = positions[leg]
    top_up = top_ups[leg]
    free = free_balance(account)
    left = top_up["budget"] - top_up["spent"]
    amount = min(top_up["amount"], left, free)
    wait = math.ceil(top_up["cooldown_ns"] / settings["bar_ns"])
    top_up["ready_bar"] = account["bar"] + max(1, int(wait))
    crumb = CRUMB * top_up["amount"]
    if amount <= crumb:
        reason = BUDGET_SPENT if left <= crumb else WALLET_EMPTY
        if left <= crumb:
            top_up["active"] = 0
        position["stale"] = 1
        note(
            account, settings, position, notices, leg, NOTE_TOP_UP_FAILED, reason, NO_ORDER, 0, 0,
            top_up["amount"], top_up["level"],
        )  # fmt: skip
        return
    top_up["spent"] += amount
    post(
        account, settings, position, terms[leg], tiers, ledger, leg, ROW_TOP_UP, NO_ORDER, 0, NO_REASON, 0,
        position["mark_price"], 0.0, 0.0, -amount, amount, 0.0, 0.0, 0.0, 0.0, 0.0,
    )  # fmt: skip
