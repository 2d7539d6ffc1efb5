"""What is always true of the ledger: it balances, and no position costs more than its own margin."""

from __future__ import annotations

import numpy as np

from backtest.enums import LedgerKind, Pocket
from tests.properties.running import played, seeds
from tests.properties.worlds import random_world

ACCOUNTS = ("wallet", "margin", "fees", "funding", "pnl", "liquidation_fee", "insurance", "deposit")
ALLOCATING = (
    LedgerKind.DEPOSIT,
    LedgerKind.OPEN,
    LedgerKind.ADD_MARGIN,
    LedgerKind.REMOVE_MARGIN,
    LedgerKind.TOP_UP,
    LedgerKind.LEVERAGE,
    LedgerKind.AUTO_MARGIN,
)
CLOSE_ENOUGH = 1e-9
"""Of the money that went through the row's accounts."""


def test_every_row_sums_to_zero_and_all_rows_sum_to_what_is_left() -> None:
    for seed in seeds(10_000):
        simulation = played(random_world(seed))
        ledger, account, positions = simulation.ledger, simulation.account[0], simulation.positions
        amounts = np.stack([ledger[name] for name in ACCOUNTS])
        turnover = np.abs(amounts).sum()
        assert (np.abs(amounts.sum(0)) <= CLOSE_ENOUGH * np.maximum(1.0, np.abs(amounts).sum(0))).all(), f"seed {seed}"
        assert abs(ledger["wallet"].sum() - account["wallet"]) <= CLOSE_ENOUGH * turnover, f"seed {seed}"
        for leg, position in enumerate(positions):
            rows = ledger[ledger["leg"] == leg]
            assert abs(rows["margin"].sum() - position["margin"]) <= CLOSE_ENOUGH * turnover, f"seed {seed}"
            assert abs(rows["quantity"].sum() - position["quantity"]) <= CLOSE_ENOUGH * turnover, f"seed {seed}"


def test_the_columns_after_an_event_follow_from_those_before_it() -> None:
    for seed in seeds(20_000):
        ledger = played(random_world(seed)).ledger
        scale = CLOSE_ENOUGH * np.abs(ledger["wallet"]).sum()
        assert np.allclose(np.cumsum(ledger["wallet"]), ledger["wallet_after"], rtol=0, atol=scale), f"seed {seed}"
        assert ledger["wallet_after"].min() >= -scale, f"seed {seed}: the wallet is overdrawn"
        for leg in range(int(ledger["leg"].max()) + 1):
            rows = ledger[ledger["leg"] == leg]
            margin = np.cumsum(rows["margin"])
            assert np.allclose(margin, rows["margin_after"], rtol=0, atol=scale), f"seed {seed}"
            assert np.allclose(np.cumsum(rows["quantity"]), rows["position_after"], rtol=0, atol=1e-9), f"seed {seed}"
            flat = rows["position_after"] == 0.0
            assert (rows["margin_after"][flat] == 0.0).all(), f"seed {seed}: margin left without a position"


def test_the_loss_of_a_position_is_confined_to_its_own_margin() -> None:
    liquidations = partials = 0
    for seed in seeds(30_000):
        world = random_world(seed)
        ledger = played(world).ledger
        # only what is put into a position leaves the wallet; what happens to the position never takes more,
        # but for funding where the venue takes it from the wallet first
        apart = ALLOCATING if world.rules["funding_pocket"] == Pocket.MARGIN else [*ALLOCATING, LedgerKind.FUNDING]
        suffered = ledger[~np.isin(ledger["kind"], apart)]
        assert (suffered["wallet"] >= 0.0).all(), f"seed {seed}: an event reached into the wallet"
        closed = ledger[ledger["kind"] == LedgerKind.LIQUIDATION]
        liquidations += len(closed)
        assert (closed["margin_after"] == 0.0).all(), f"seed {seed}"
        # all that was in it is the realised loss, the fees and what came back
        lost = closed["pnl"] + closed["liquidation_fee"] + closed["fees"] + closed["wallet"]
        assert np.allclose(-closed["margin"], lost, rtol=0, atol=1e-9), f"seed {seed}"
        parts = ledger[ledger["kind"] == LedgerKind.PARTIAL_LIQUIDATION]
        partials += len(parts)
        assert (parts["wallet"] == 0.0).all(), f"seed {seed}: a part gave something back"
        assert (parts["position_after"] != 0.0).all(), f"seed {seed}: a part was all of it"
        # the fund pays only where a reduction found no margin left
        paid = ledger[ledger["insurance"] < -1e-9]
        assert (paid["kind"] == LedgerKind.CLOSE).all(), f"seed {seed}"
        assert (paid["wallet"] == 0.0).all(), f"seed {seed}"
        assert (paid["margin_after"] <= 0.0).all(), f"seed {seed}"
    assert liquidations > 100
    assert partials > 50
