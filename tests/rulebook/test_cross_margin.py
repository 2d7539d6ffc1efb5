"""Rules 8.1 to 8.5: one wallet for all positions, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from backtest.broker.extremes import Extremes
from backtest.broker.simulation import Simulation, Stop, Wake
from backtest.enums import CommandKind, Holes, LedgerKind, NoticeKind, Reason, Side
from tests.rulebook.scene import ONE_PERCENT, Scene, Symbol, flat


def played(scene: Scene, cash: float = 1_000.0, **settings: object) -> Simulation:
    simulation = Simulation(cash=cash, cross=True, schedule=scene.schedule(), **scene.market(), **settings)  # type: ignore[arg-type]
    while simulation.advance() != Stop.END:
        pass
    return simulation


def of_kind(simulation: Simulation, kind: LedgerKind) -> np.ndarray:
    return simulation.ledger[simulation.ledger["kind"] == kind]


def test_an_opening_leaves_the_wallet_whole_but_for_the_fee() -> None:
    scene = Scene(symbols=[Symbol(bars=[flat(100.0)] * 3, taker=0.001)]).buy(0, quantity=50, leverage=10)
    simulation = played(scene)
    # 50 x 100 x 0.1 % = 5; nothing is locked
    assert simulation.account[0]["wallet"] == pytest.approx(995.0)
    assert simulation.positions[0]["margin"] == 0.0
    assert simulation.account[0]["equity"] == pytest.approx(995.0)


def test_a_position_lives_on_the_whole_wallet() -> None:
    """Isolated at 10x this long dies near 90; with 1,000 behind 50 it dies where 1000 + 50(p - 100) = 0.5 p."""
    low = 4_000.0 / 49.5  # 80.8080...
    bars = [flat(100.0), flat(100.0), (100.0, 100.0, 81.0, 90.0), (90.0, 90.0, 80.0, 85.0)]
    simulation = played(Scene(bars=bars).buy(0, quantity=50, leverage=10))
    row = of_kind(simulation, LedgerKind.LIQUIDATION)
    assert len(row) == 1
    assert row[0]["bar"] == 3
    assert row[0]["price"] == pytest.approx(low, rel=1e-12)
    assert simulation.account[0]["wallet"] == pytest.approx(1_000.0 + 50.0 * (low - 100.0))


def test_a_profit_elsewhere_keeps_a_position_alive() -> None:
    fall = [flat(100.0), flat(100.0), (100.0, 100.0, 75.0, 75.0), flat(75.0)]
    scene = Scene(symbols=[Symbol(bars=fall), Symbol(bars=fall)])
    scene.buy(0, quantity=50, leverage=10, leg=0).sell(0, quantity=40, leverage=10, leg=1)
    simulation = played(scene)
    # balance at 75: 1000 - 1250 + 1000 = 750, requirement (50 + 40) x 0.75 = 67.5
    assert len(of_kind(simulation, LedgerKind.LIQUIDATION)) == 0
    assert simulation.account[0]["equity"] == pytest.approx(750.0)


def test_the_largest_requirement_is_closed_first_and_the_rest_kept_when_it_suffices() -> None:
    """Both fall in step: 1000 + 38(p-100) = 0.1 x 38 p, so p = 2800/34.2. Closing the 30 leaves the 8 safe."""
    fall = [flat(100.0), flat(100.0), (100.0, 100.0, 80.0, 80.0), flat(80.0)]
    tiers = ((0.0, np.inf, 0.1, 0.0, 50.0),)
    scene = Scene(symbols=[Symbol(bars=fall, tiers=tiers), Symbol(bars=fall, tiers=tiers)])
    scene.buy(0, quantity=8, leverage=10, leg=0).buy(0, quantity=30, leverage=10, leg=1)
    simulation = played(scene)
    rows = of_kind(simulation, LedgerKind.LIQUIDATION)
    price = 2_800.0 / 34.2
    assert [int(row["leg"]) for row in rows] == [1]
    assert rows[0]["price"] == pytest.approx(price, rel=1e-12)
    assert simulation.positions[0]["quantity"] == 8.0
    assert simulation.account[0]["wallet"] == pytest.approx(1_000.0 + 30.0 * (price - 100.0))


def test_a_gap_beyond_everything_is_the_insurance_funds() -> None:
    bars = [flat(100.0), flat(100.0), flat(60.0)]
    simulation = played(Scene(bars=bars).buy(0, quantity=50, leverage=10))
    row = of_kind(simulation, LedgerKind.LIQUIDATION)[0]
    # 1000 - 50 x 40 = -1000
    assert row["insurance"] == pytest.approx(-1_000.0)
    assert simulation.account[0]["wallet"] == 0.0


def test_a_gap_that_two_positions_cause_is_made_good_with_the_last_one() -> None:
    fall = [flat(100.0), flat(100.0), flat(60.0)]
    scene = Scene(symbols=[Symbol(bars=fall), Symbol(bars=fall)])
    scene.buy(0, quantity=30, leverage=10, leg=0).buy(0, quantity=20, leverage=10, leg=1)
    simulation = played(scene)
    rows = of_kind(simulation, LedgerKind.LIQUIDATION)
    assert [int(row["leg"]) for row in rows] == [0, 1]
    assert [float(row["insurance"]) for row in rows] == [0.0, pytest.approx(-1_000.0)]
    assert rows[0]["wallet_after"] == pytest.approx(-200.0)
    assert simulation.account[0]["wallet"] == 0.0


def test_the_liquidation_fee_takes_no_more_than_the_account_has() -> None:
    bars = [flat(100.0), flat(100.0), flat(80.5)]
    symbol = Symbol(bars=bars, liquidation_fee=0.05)
    simulation = played(Scene(symbols=[symbol]).buy(0, quantity=50, leverage=10))
    # balance 1000 - 975 = 25 below the requirement 40.25; 5 % of 4,025 would be 201.25
    row = of_kind(simulation, LedgerKind.LIQUIDATION)[0]
    assert row["liquidation_fee"] == pytest.approx(25.0)
    assert simulation.account[0]["wallet"] == pytest.approx(0.0, abs=1e-12)


def test_funding_comes_out_of_the_wallet_and_can_end_the_account() -> None:
    symbol = Symbol(bars=[flat(100.0)] * 5, funding=[(2, 0.19), (3, 0.002)])
    simulation = played(Scene(symbols=[symbol]).buy(0, quantity=50, leverage=10))
    # 950 of 1,000 at the first stamp: 50 left, exactly the requirement of 1 % of 5,000
    assert [int(row["bar"]) for row in of_kind(simulation, LedgerKind.LIQUIDATION)] == [2]


def test_an_open_profit_can_be_margin_for_the_next_position() -> None:
    rise = [flat(100.0), flat(100.0), flat(150.0), flat(150.0), flat(150.0)]
    scene = Scene(symbols=[Symbol(bars=rise), Symbol(bars=[flat(100.0)] * 5)])
    scene.buy(0, quantity=100, leverage=10, leg=0).buy(2, quantity=449, leverage=10, leg=1)
    simulation = played(scene)
    # free: 1000 + 5000 - 1500 = 4500 against 4490; isolated the wallet would be empty
    assert simulation.positions[1]["quantity"] == 449.0
    refused = played(
        Scene(symbols=[Symbol(bars=rise), Symbol(bars=[flat(100.0)] * 5)])
        .buy(0, quantity=100, leverage=10, leg=0)
        .buy(2, quantity=451, leverage=10, leg=1)
    )
    assert refused.positions[1]["quantity"] == 0.0
    assert Reason.INSUFFICIENT_MARGIN in refused.notices["reason"]


def test_a_resting_order_is_asked_of_the_free_balance() -> None:
    scene = Scene(symbols=[Symbol(bars=[flat(100.0)] * 4), Symbol(bars=[flat(100.0)] * 4)])
    scene.buy(0, quantity=90, leverage=10, leg=0)
    scene.command(1, CommandKind.ORDER, leg=1, side=Side.BUY, order_kind=1, size=11.0, price=99.0, leverage=10)
    simulation = played(scene)
    # 1000 - 900 = 100 free against 108.9
    assert Reason.INSUFFICIENT_MARGIN in simulation.notices["reason"]


def test_turning_a_position_round_realises_into_the_wallet() -> None:
    bars = [flat(100.0), flat(100.0), flat(90.0), flat(90.0), flat(90.0)]
    simulation = played(Scene(bars=bars).buy(0, quantity=50, leverage=10).sell(2, quantity=60, leverage=10))
    assert simulation.positions[0]["quantity"] == -10.0
    assert simulation.account[0]["wallet"] == pytest.approx(500.0)


def test_commands_on_a_margin_of_its_own_are_refused() -> None:
    scene = Scene(bars=[flat(100.0)] * 5).buy(0, quantity=10, leverage=10)
    scene.add_margin(1, 10.0).remove_margin(1, 10.0).top_up(1, level=0.5, amount=10.0, budget=100.0)
    simulation = played(scene)
    refused = simulation.notices[simulation.notices["kind"] == NoticeKind.REJECTION]
    assert [Reason(int(each)) for each in refused["reason"]] == [Reason.NOT_IN_CROSS_MARGIN] * 3


def test_leverage_changes_as_far_as_the_free_balance_covers_it() -> None:
    scene = Scene(bars=[flat(100.0)] * 6).buy(0, quantity=90, leverage=20)
    scene.set_leverage(1, 10.0).set_leverage(2, 5.0).set_leverage(3, 50.0)
    simulation = played(scene)
    # 9,000 at 20x holds 450; 10x holds 900 of 1,000; 5x would hold 1,800
    assert Reason.INSUFFICIENT_MARGIN in simulation.notices["reason"]
    assert simulation.positions[0]["leverage"] == 50.0


def test_orders_are_cancelled_and_a_stop_that_comes_first_saves_the_account() -> None:
    bars = [flat(100.0), flat(100.0), (100.0, 100.0, 70.0, 75.0), flat(75.0)]
    saved = played(Scene(bars=bars).buy(0, quantity=50, leverage=10, stop=85.0))
    assert len(of_kind(saved, LedgerKind.LIQUIDATION)) == 0
    assert saved.account[0]["wallet"] == pytest.approx(250.0)
    dead = played(Scene(bars=bars).buy(0, quantity=50, leverage=10, stop=75.0))
    assert len(of_kind(dead, LedgerKind.LIQUIDATION)) == 1
    assert Reason.POSITION_LIQUIDATED in dead.notices["reason"]


def test_the_account_s_ratio_gives_margin_calls_at_decisions_once() -> None:
    # at 82: balance 100, requirement 41; at 81: 50 and 40.5, a ratio of 0.81; at 100 it comes into force again
    prices = [100.0, 100.0, 82.0, 81.0, 81.0, 100.0, 81.0, 81.0]
    simulation = played(Scene(bars=[flat(price) for price in prices]).buy(0, quantity=50, leverage=10))
    calls = simulation.notices[simulation.notices["kind"] == NoticeKind.MARGIN_CALL]
    assert list(calls["bar"]) == [3, 6]
    assert calls[0]["value"] == pytest.approx(40.5 / 50.0)


@pytest.mark.parametrize("blocks", [(1, 1), (8, 128)])
def test_a_symbol_without_a_bar_stands_at_its_last_mark(blocks: tuple[int, int]) -> None:
    gone = (np.nan,) * 4
    first = [flat(100.0), flat(100.0), flat(100.0), flat(100.0), flat(5.0)]
    second = [flat(100.0), flat(100.0), gone, flat(100.0), gone]
    scene = Scene(symbols=[Symbol(bars=first), Symbol(bars=second)])
    scene.buy(0, quantity=10, leverage=10, leg=0).buy(0, quantity=1, leverage=10, leg=1)
    market = scene.market() | {"holes": Holes.HOLD}
    simulation = Simulation(
        cash=955.0, cross=True, schedule=scene.schedule(), extremes=Extremes(market["prices"], blocks),
        decision_every=0, **market,
    )  # type: ignore[arg-type]  # fmt: skip
    while simulation.advance() != Stop.END:
        pass
    # 955 - 950 = 5, and the second one, at 100 all the time, needs 1 beside 0.5: nothing dies
    assert len(of_kind(simulation, LedgerKind.LIQUIDATION)) == 0
    assert simulation.account[0]["equity"] == pytest.approx(5.0)


def test_a_fill_on_the_path_can_leave_the_account_due_at_once() -> None:
    """The stop sells at a last of 80 while the mark stands at 100: the short's loss is there from its first instant."""
    last = [flat(100.0), flat(100.0), (100.0, 100.0, 80.0, 80.0), flat(100.0)]
    symbol = Symbol(bars=last, marks=[flat(100.0)] * 4)
    scene = Scene(symbols=[symbol])
    scene.command(0, CommandKind.ORDER, side=Side.SELL, order_kind=2, size=30.0, trigger=80.0, leverage=20)
    # needs 120 and the open loss of 600; 735 - 600 = 135 is above 1 % of 3,000
    simulation = played(scene, cash=735.0)
    assert [int(row["bar"]) for row in of_kind(simulation, LedgerKind.OPEN)] == [2]
    assert len(of_kind(simulation, LedgerKind.LIQUIDATION)) == 0
    dying = played(
        Scene(symbols=[Symbol(bars=last, marks=[flat(100.0)] * 4, tiers=((0.0, np.inf, 0.05, 0.0, 125.0),))]).command(
            0, CommandKind.ORDER, side=Side.SELL, order_kind=2, size=30.0, trigger=80.0, leverage=20
        ),
        cash=735.0,
    )
    # 735 - 600 = 135 is below 5 % of 3,000
    assert [int(row["bar"]) for row in of_kind(dying, LedgerKind.LIQUIDATION)] == [2]


def test_the_driver_is_woken_by_the_account_s_liquidation() -> None:
    bars = [flat(100.0), flat(100.0), (100.0, 100.0, 70.0, 75.0), flat(75.0)]
    scene = Scene(bars=bars).buy(0, quantity=50, leverage=10)
    simulation = Simulation(
        cash=1_000.0,
        cross=True,
        schedule=scene.schedule(),
        decision_every=0,
        wakes=[Wake.LIQUIDATION],
        **scene.market(),
    )  # type: ignore[arg-type]
    assert simulation.advance() == Stop.EVENT
    assert simulation.advance() == Stop.END


@pytest.mark.parametrize("seed", range(40))
def test_the_blocks_of_the_search_never_change_a_byte(seed: int) -> None:
    rng = np.random.default_rng(seed)
    symbols = []
    for _ in range(3):
        closes = np.round(100.0 * np.exp(np.cumsum(rng.normal(0, 0.02, 200))), 2)
        opens = np.append(100.0, closes[:-1])
        highs = np.round(np.maximum(opens, closes) * (1 + rng.random(200) * 0.01), 2)
        lows = np.round(np.minimum(opens, closes) * (1 - rng.random(200) * 0.01), 2)
        symbols.append(Symbol(bars=list(zip(opens, highs, lows, closes, strict=True)), tiers=ONE_PERCENT))
    scene = Scene(symbols=symbols)
    for bar in sorted(rng.integers(0, 199, 12)):
        act = scene.buy if rng.random() < 0.5 else scene.sell
        act(int(bar), quantity=float(rng.integers(5, 40)), leverage=10.0, leg=int(rng.integers(0, 3)))
    market = scene.market()
    ledgers = []
    for blocks in ((1, 1), (8, 128)):
        simulation = Simulation(
            cash=1_000.0, cross=True, schedule=scene.schedule(), decision_every=0,
            extremes=Extremes(market["prices"], blocks), **market,
        )  # fmt: skip  # type: ignore[arg-type]
        while simulation.advance() != Stop.END:
            pass
        ledgers.append(simulation.ledger.tobytes())
        rows = simulation.ledger
        moved = sum(
            rows[name] for name in ("wallet", "margin", "fees", "pnl", "liquidation_fee", "insurance", "deposit")
        )
        assert np.abs(moved).max() < 1e-9
    assert ledgers[0] == ledgers[1]
