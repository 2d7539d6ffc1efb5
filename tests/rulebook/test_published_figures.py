"""Every figure of isolated margin that a venue published or an account showed, each by the project's own functions.

`published_positions.json` holds the positions, with the columns of `backtest calc batch`: id, source, row, what is
expected and how near. What is no position (tiers, funding, fees, cross margin) stands below, with its source. Figures
that do not follow from their venue's own formula are listed at the end, with what the formula gives.
"""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backtest import calculator as calc
from backtest.broker import funding, liquidation, tiers, valuation
from backtest.broker.rounding import round_down, round_up
from backtest.calculator.batch import COLUMNS, answer, position_of
from backtest.enums import LedgerKind
from backtest.errors import MarketDataError
from backtest.market.contract import TierTable
from tests.rulebook.kernel_positions import FIRST_MARK, in_kernel, liquidations

HERE = Path(__file__).parent
FIGURES: list[dict[str, Any]] = json.loads((HERE / "published_positions.json").read_text(encoding="utf-8"))
for each in FIGURES:
    if each["row"]["venue"].endswith(".toml"):
        each["row"]["venue"] = str(HERE / "venues" / each["row"]["venue"])

LIQUIDATED = [each for each in FIGURES if "liquidation_price" in each["expect"] or "printed" in each]


def name_of(figure: dict[str, Any]) -> str:
    return f"{figure['id']} {Path(figure['row']['venue']).stem}"


def tolerance(figure: dict[str, Any], column: str, value: float) -> float:
    if "price" in column and "relative_price" in figure:
        return float(figure["relative_price"] * value)
    return float(figure["within"] if "within" in figure else figure["relative"] * value)


@pytest.mark.parametrize("figure", FIGURES, ids=name_of)
def test_the_calculator_gives_each_published_figure(figure: dict[str, Any]) -> None:
    answered = answer(figure["row"])
    for column, value in figure["expect"].items():
        assert answered[column] == pytest.approx(value, rel=0, abs=tolerance(figure, column, value)), column


def test_the_whole_table_is_answered_from_one_file(tmp_path: Path) -> None:
    file = tmp_path / "positions.csv"
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows({"id": each["id"], **each["row"]} for each in FIGURES)
    found = calc.answers(file)
    assert found.errors == ()
    assert list(found.positions) == [{"id": each["id"], **answer(each["row"])} for each in FIGURES]


@pytest.mark.parametrize("figure", LIQUIDATED, ids=name_of)
def test_the_kernel_liquidates_where_the_venue_says(figure: dict[str, Any]) -> None:
    position = position_of(figure["row"])
    price = calc.liquidation_price(position)
    assert price is not None
    step = 1e-6 * price if position.quantity > 0.0 else -1e-6 * price
    ledger = in_kernel([position], np.array([[price + step, price - step]]))
    held = ledger[ledger["kind"] != LedgerKind.DEPOSIT][-2]
    expected = figure["expect"].get("liquidation_price", price)
    within = tolerance(figure, "liquidation_price", expected) if expected != price else 1e-9 * price
    assert held["margin_after"] == pytest.approx(position.margin, rel=1e-6)
    assert held["liquidation_after"] == pytest.approx(expected, rel=0, abs=within + 1e-6 * abs(price - expected))
    assert [row["bar"] for row in liquidations(ledger)] == [FIRST_MARK + 1]


@pytest.mark.parametrize("figure", [each for each in FIGURES if "tick" in each], ids=name_of)
def test_the_printed_price_is_rounded_as_the_venue_rounds(figure: dict[str, Any]) -> None:
    position = position_of(figure["row"])
    contract = position.terms.contract.copy()
    contract["tick"] = figure["tick"]
    listed = replace(position, terms=replace(position.terms, contract=contract))
    shown = calc.printed_price(listed, calc.liquidation_price(listed))
    assert shown == pytest.approx(figure["printed"], rel=1e-8)
    bankruptcy = calc.bankruptcy_price(listed)
    assert bankruptcy is not None
    if "bankruptcy_up" in figure:
        assert round_up(bankruptcy, figure["tick"]) == pytest.approx(figure["bankruptcy_up"], abs=1e-9)
    if "bankruptcy_down" in figure:
        assert round_down(bankruptcy, figure["tick"]) == pytest.approx(figure["bankruptcy_down"], abs=1e-9)


# Tiers: (cap, rate) and the maintenance amounts that follow, amount_n = amount_{n-1} + floor_n x (rate_n - rate_{n-1}).
AMOUNTS = {
    # gist.github.com/highfestiva/b71e76f51eed84d56c1be8ebbcc286b5
    "BN-07 BTCUSDT, March 2021": (
        [(50e3, 0.004), (250e3, 0.005), (1e6, 0.01), (10e6, 0.025), (math.inf, 0.05)],
        [0.0, 50.0, 1_300.0, 16_300.0, 266_300.0],
    ),
    # Binance FAQ on liquidation (kept in freqtrade's test_liquidation_price_binance, c9ae5e1e9ff2): 135,365
    "ETHUSDT of the FAQ": (
        [(10e3, 0.005), (100e3, 0.0065), (500e3, 0.01), (1e6, 0.02), (2e6, 0.05), (math.inf, 0.1)],
        [0.0, 15.0, 365.0, 5_365.0, 35_365.0, 135_365.0],
    ),
    # FAQ ceccfcfb4e3a45e3b48b0b1bb1a8ae46 of 2021-02-05: 1.81 BTC at level 5, from 50 BTC on; the rungs are those of
    # BTCUSD Quarterly 0625 before its adjustment (announcement 9c6a1766be424fccacd2549db3d61a3f of 2021-04-05)
    "BNC-02 BTCUSD quarterly": (
        [(10.0, 0.004), (20.0, 0.005), (30.0, 0.01), (50.0, 0.025), (100.0, 0.05)],
        [0.0, 0.01, 0.11, 0.56, 1.81],
    ),
}


@pytest.mark.parametrize(("rungs", "amounts"), AMOUNTS.values(), ids=AMOUNTS.keys())
def test_each_maintenance_amount_follows_from_the_tier_before(
    rungs: list[tuple[float, float]], amounts: list[float]
) -> None:
    table = TierTable.from_rungs(0, [(*rung, 100.0 - row) for row, rung in enumerate(rungs)], "as published")
    assert [tier.amount for tier in table.tiers] == pytest.approx(amounts, abs=1e-9)
    altered = replace(table.tiers[2], amount=amounts[2] + 1.0)
    with pytest.raises(MarketDataError, match="amount"):
        replace(table, tiers=(*table.tiers[:2], altered, *table.tiers[3:]))


def test_a_tier_holds_up_to_and_with_its_cap() -> None:
    """BY-10: BTCUSDT at Bybit, captured in 2026 (GitHub code index id 68395030723): 300k 0.33 %, 800k 0.5 %, 2M 1 %."""
    rungs = [(300e3, 0.0033, 150.0), (800e3, 0.005, 100.0), (2e6, 0.01, 50.0)]
    table = TierTable.from_rungs(0, rungs, "as captured")
    terms = terms_with(table)
    rows = [int(tiers.tier_of(terms.tiers, 0, 3, notional)) + 1 for notional in (300_000.0, 300_001.0)]
    assert rows == [1, 2]
    position = calc.Position.opened("long", 2.0, 100_000.0, terms=terms, leverage=10)
    assert calc.maintenance_margin(position) == pytest.approx(660.0, abs=1e-9)  # 200,000 x 0.33 %


def test_maintenance_is_what_the_brackets_below_and_above_each_ask_for() -> None:
    # summed bracket by bracket, as a tax: each part of the notional at the rate of its own bracket
    for rungs, _ in (AMOUNTS["BN-07 BTCUSDT, March 2021"], AMOUNTS["ETHUSDT of the FAQ"]):
        table = TierTable.from_rungs(0, [(*rung, 100.0 - row) for row, rung in enumerate(rungs)], "as published")
        floors = [0.0, *(cap for cap, _ in rungs)]
        for notional in (1_000.0, 9_999.0, 60_000.0, 750_000.0, 1_500_000.0, 7_000_000.0, 25_000_000.0):
            summed = sum(
                (min(notional, cap) - floor) * rate
                for floor, (cap, rate) in zip(floors, rungs, strict=False)
                if notional > floor
            )
            position = calc.Position.opened("long", notional / 100.0, 100.0, terms=terms_with(table), leverage=5)
            assert calc.maintenance_margin(position) == pytest.approx(summed, abs=1e-6)


def test_a_cross_position_has_what_the_wallet_and_the_others_leave_it() -> None:
    """bin-faq-eth-cross: freqtrade test_liquidation_price_binance (c9ae5e1e9ff2), the example of Binance's FAQ."""
    eth, btc = (
        calc.Position.opened(
            "long",
            quantity,
            entry,
            terms=calc.Terms.of(venue="binance", maintenance_rate=rate, maintenance_amount=amount),
            margin=1.0,
        )
        for quantity, entry, rate, amount in (
            (3683.979, 1456.84, 0.1, 135_365.0),
            (109.488, 32_481.98, 0.025, 16_300.0),
        )
    )
    others = [calc.Held(position=btc, mark_price=31_967.27)]
    price = calc.liquidation_price(calc.cross_position(eth, 1_535_443.01, others))
    assert price == pytest.approx(1153.26, rel=5e-6)


def test_a_cross_position_at_dydx() -> None:
    """DX-02: dydxprotocol/v4-documentation, concepts/trading/liquidations.mdx: 1,000 deposited, 1.5 ETH sold at 3,000
    (5 %) and 1,000 STRK bought at 1.75 (10 %): (1000 + 4500 - 175) / 1.575.
    """
    eth = calc.Position.opened(
        "short", 1.5, 3_000.0, terms=calc.Terms.of(venue="dydx", maintenance_rate=0.05), margin=1.0
    )
    strk = calc.Position.opened(
        "long", 1_000.0, 1.75, terms=calc.Terms.of(venue="dydx", maintenance_rate=0.1), margin=1.0
    )
    others = [calc.Held(position=strk, mark_price=1.75)]
    assert calc.liquidation_price(calc.cross_position(eth, 1_000.0, others)) == pytest.approx(3380.95, abs=0.005)


def test_the_equity_at_the_liquidation_price_of_dydx_is_the_maintenance_margin() -> None:
    """DX-01: 476.2 at 3,174.6."""
    figure = next(each for each in FIGURES if each["id"] == "DX-01")
    position = position_of(figure["row"])
    assert calc.margin_balance(position, calc.liquidation_price(position)) == pytest.approx(476.2, abs=0.05)


@pytest.mark.parametrize(
    ("balance", "liquidatable"),
    [
        pytest.param(-4_000.0, False, id="DX-03"),
        pytest.param(-4_500.0, False, id="equal, which is safe"),
        pytest.param(-4_501.0, True, id="DX-05"),
    ],
)
def test_dydx_liquidates_below_the_maintenance_margin_and_not_at_it(balance: float, liquidatable: bool) -> None:
    """dydxprotocol/v4-chain liquidations_test.go @84d4664 TestIsLiquidatable: 0.1 BTC at 50,000, maintenance 10 %."""
    assert calc.is_liquidated(dydx_position(0.1, balance)) is liquidatable


@pytest.mark.parametrize(
    ("quantity", "balance", "value"),
    [pytest.param(0.1, -4_501.0, 4_501.0, id="DX-10"), pytest.param(-0.1, 5_499.0, -5_499.0, id="DX-11")],
)
def test_the_bankruptcy_value_is_what_the_quote_balance_pays(quantity: float, balance: float, value: float) -> None:
    """dydxprotocol/v4-chain liquidations_test.go @84d4664 TestGetBankruptcyPriceInQuoteQuantums."""
    price = calc.bankruptcy_price(dydx_position(quantity, balance))
    assert price is not None
    assert quantity * price == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize(
    ("quantity", "bankruptcy", "fill", "rate", "fee"),
    [
        pytest.param(0.1, 5_100.0, 5_610.0, 0.005, 28.05, id="DX-20"),
        pytest.param(0.1, 5_100.0, 5_610.0, 0.025, 140.25, id="DX-21"),
        pytest.param(-0.1, 4_900.0, 4_410.0, 0.005, 22.05, id="DX-23"),
        pytest.param(0.1, 5_100.0, 5_105.1, 0.005, 5.1, id="DX-25, no more than what is left"),
    ],
)
def test_the_liquidation_fee_goes_to_the_insurance_fund(
    quantity: float, bankruptcy: float, fill: float, rate: float, fee: float
) -> None:
    """dydxprotocol/v4-chain liquidations_test.go @84d4664 TestGetLiquidationInsuranceFundDelta (values of 0.1 BTC)."""
    left = valuation.unrealised_pnl(quantity, bankruptcy / 0.1, fill / 0.1, 0)
    assert liquidation.liquidation_fee(rate, quantity, fill / 0.1, left, 0) == pytest.approx(fee, abs=1e-6)


def test_funding_is_the_notional_at_the_mark_times_the_rate() -> None:
    # BN-09 binance.bh square (FundingRate): 10,000 at 1.0, 20x, 0.05 % in 8 h: 5, 15 a day, 495 in 33 days
    paid = funding.payment(-10_000.0, 1.0, -0.0005, 0)
    assert [paid, 3 * paid, 99 * paid] == pytest.approx([5.0, 15.0, 495.0], abs=1e-6)
    # KC-05 kucoin.com/vi/support/26686295987353: 10,000 USD at a mark of 5,000 and 0.025 %
    assert funding.payment(10_000.0, 5_000.0, 0.00025, 1) == pytest.approx(0.0005, abs=1e-12)


def test_funding_alone_liquidates_before_it_has_taken_the_whole_margin() -> None:
    """BN-09: the post has the 500 of margin last 33 days; with 0.5 % of maintenance they last until 450 are paid."""
    position = calc.Position.opened(
        "short", 10_000.0, 1.0, leverage=20, terms=calc.Terms.of(venue="binance", maintenance_rate=0.005)
    )
    assert calc.endurance(position, -0.0005).intervals == pytest.approx(90.0)


def test_okx_of_old_reduced_a_position_to_the_first_tier(tmp_path: Path) -> None:
    """OK-03: supdljgzdhc.okx.com/hc/en-us/articles/360020411711: of 15,000 contracts (100 USD) 13,000 are closed, down
    to the 2,000 of tier 1. The page does not print the rates; those here leave the position below what tier 3 asks.
    """
    venue = tmp_path / "okx-of-old.toml"
    text = 'extends = "okx"\n[rules]\npartial = "tiers"\npartial_from_tier = 3\npartial_tiers = 99\n'
    venue.write_text(text, encoding="utf-8")
    rungs = [(2_000 * 100.0, 0.005, 100.0), (10_000 * 100.0, 0.01, 50.0), (20_000 * 100.0, 0.015, 33.0)]
    terms = calc.Terms.of(venue=str(venue), inverse=True, maintenance_rate=0.01)
    table = TierTable.from_rungs(0, rungs, "as given", marginal=False)
    terms = replace(terms, tiers=terms_with(table).tiers)
    position = calc.Position.opened("long", 15_000 * 100.0, 10_000.0, terms=terms, leverage=10)
    price = calc.liquidation_price(position)
    assert price is not None
    rows = liquidations(in_kernel([position], np.array([[price * (1 - 1e-9)]])))
    assert LedgerKind(int(rows[0]["kind"])) is LedgerKind.PARTIAL_LIQUIDATION
    assert abs(rows[0]["quantity"]) / 100.0 == pytest.approx(13_000, rel=1e-9)


def test_at_gate_the_trader_loses_the_margin_and_a_better_fill_is_the_insurance_funds() -> None:
    """GI-01: gate.tv/en/help/futures/logical/22081: bankruptcy price 10,000, filled at 10,100: 100 a unit."""
    terms = calc.Terms.of(venue="gate", maintenance_rate=0.005)
    position = calc.Position.opened("long", 1.0, 10_500.0, terms=terms, margin=500.0)
    bankruptcy = calc.bankruptcy_price(position)
    assert bankruptcy == 10_000.0
    assert valuation.unrealised_pnl(1.0, bankruptcy, 10_100.0, 0) == 100.0
    price = calc.liquidation_price(position)
    assert price is not None
    (row,) = liquidations(in_kernel([position], np.array([[price - 0.01]])))
    assert (row["wallet"], row["margin"], row["price"]) == (0.0, pytest.approx(-500.0), pytest.approx(10_000.0))


def test_flipster_keeps_a_position_above_its_maintenance_margin() -> None:
    """FL-01: 0.1 BTC bought at 30,000 with 300, maintenance 1 %: kept at 28,000, liquidated at 26,000."""
    terms = calc.Terms.of(venue=str(HERE / "venues" / "flipster.toml"), maintenance_rate=0.01)
    position = calc.Position.opened("long", 0.1, 30_000.0, terms=terms, leverage=10)
    assert position.margin == 300.0
    assert [calc.is_liquidated(position, mark) for mark in (28_000.0, 26_000.0)] == [False, True]
    assert [row["bar"] for row in liquidations(in_kernel([position], np.array([[28_000.0, 26_000.0]])))] == [
        FIRST_MARK + 1
    ]


# What is published but does not follow from the venue's own formula, or is cut or ambiguous: id, row, column, the
# figure that is printed, and what the formula gives.
NEGATIVES = [
    pytest.param(
        # affmiss.com/binance-futures-liquidation (December 2025): the shortcut with maintenance on the entry notional
        {"venue": "binance", "quantity": 1, "entry_price": 100_000, "leverage": 20, "maintenance_rate": 0.005},
        95_500.0,
        95_477.38693467337,
        id="BN-08",
    ),
    pytest.param(
        # Gate API docs, /futures/{settle}/liquidates: 0.28 off; the rate and fee of January 2019 are not known
        {
            "venue": "gate",
            "contract_type": "inverse",
            "quantity": 600,
            "entry_price": 3536.123,
            "margin": 0.006705256878,
            "maintenance_rate": 0.005,
            "taker_fee": 0.00075,
            "date": "2019-01-01",
        },
        3_421.54,
        3_421.2555945718336,
        id="GT-02",
    ),
    pytest.param(
        # nautilus_trader, bitmex test_data/http_get_positions.json: a hand-made fixture
        {
            "venue": "bitmex",
            "contract_type": "inverse",
            "quantity": 100,
            "entry_price": 98_390.88,
            "margin": 1308e-8,
            "leverage": 10,
            "maintenance_rate": 0.005,
        },
        49_195.44,
        None,
        id="BX-04",
    ),
]


@pytest.mark.parametrize(("row", "printed", "computed"), NEGATIVES)
def test_a_figure_that_does_not_follow_from_the_venues_formula(
    row: dict[str, Any], printed: float, computed: float | None
) -> None:
    price = answer({"side": "long", **row})["liquidation_price"]
    assert price != pytest.approx(printed, rel=1e-5)
    if computed is not None:
        assert price == pytest.approx(computed, rel=1e-9)


def test_the_example_that_prints_one_price_before_and_after_margin_is_added() -> None:
    """KC-06: kucoin.zendesk.com 8664870317849 prints 4,938 for 25,000 USD at 5,000, 100x, before and after 0.05 BTC are
    added; maintenance of 0.5 % on the mark, without a fee, gives 4,975.2 and 4,926.5.
    """
    terms = calc.Terms.of(maintenance_rate=0.005, inverse=True)
    before = calc.Position.opened("long", 25_000.0, 5_000.0, terms=terms, leverage=100)
    prices = [calc.liquidation_price(each) for each in (before, before.adding(0.05))]
    assert prices == [pytest.approx(4_975.2, abs=0.06), pytest.approx(4_926.5, abs=0.06)]


def test_the_marginal_tiers_of_gate_are_the_stated_ones_only_by_inference() -> None:
    """GT-03 (ambiguous): a post of July 2025 has 6,000 before and 4,900 after for 1.2M of BTC; 1M at 0.40 % and the
    rest at 0.45 % make 4,900, but the post does not state them.
    """
    flat = calc.Terms.of(venue="gate", maintenance_rate=0.005, date="2025-07-01")
    table = TierTable.from_rungs(0, [(1e6, 0.004, 125.0), (2e6, 0.0045, 111.0)], "inferred")
    tiered = calc.Terms.of(venue="gate", maintenance_rate=0.004, date="2025-08-01")
    tiered = replace(tiered, tiers=terms_with(table).tiers)
    found = [
        calc.maintenance_margin(calc.Position.opened("long", 12.0, 100_000.0, terms=terms, leverage=10))
        for terms in (flat, tiered)
    ]
    assert found == pytest.approx([6_000.0, 4_900.0], abs=1e-6)


def test_the_cut_example_of_bitmex_has_the_bust_price_of_its_formula() -> None:
    """BX-03 (cut before its results): 200,000 USD at 10,000, 20x: value 20 XBT, bust at Q / (Q/E + IM) = 9,523.81."""
    position = calc.Position.opened("long", 200_000.0, 10_000.0, terms=calc.Terms.of(venue="bitmex"), leverage=20)
    assert position.notional(10_000.0) == 20.0
    assert calc.bankruptcy_price(position) == pytest.approx(9_523.81, abs=0.005)


# OK-02 (a sample of OKX's documentation mixes coin- and USDT-margined fields) and KX-01 (KCEX: figures that no leverage
# of 5 can give, -5.7 % to liquidation) describe no position at all.


def dydx_position(quantity: float, balance: float) -> calc.Position:
    """0.1 BTC at an oracle price of 50,000, as an account with this quote balance holds it."""
    terms = calc.Terms.of(venue="dydx", maintenance_rate=0.1)
    side = "long" if quantity > 0.0 else "short"
    return calc.Position.opened(side, abs(quantity), 50_000.0, terms=terms, margin=balance + quantity * 50_000.0)


def terms_with(table: TierTable) -> calc.Terms:
    """No venue's rules with a table of tiers."""
    plain = calc.Terms.of(maintenance_rate=0.1)
    rows = np.zeros(len(table.tiers), plain.tiers.dtype)
    for row, tier in zip(rows, table.tiers, strict=True):
        for name in rows.dtype.names or ():
            row[name] = getattr(tier, name)
    return replace(plain, tiers=rows)
