"""The metrics of a run: attribution, nearness, costs, and the mapping they come in."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from backtest.broker.records import FUNDING
from backtest.errors import UsageError
from backtest.report import margin_use
from backtest.report.benchmark import buy_and_hold
from backtest.report.definitions import DEFINITIONS, GROUPS
from backtest.report.metrics import Metrics
from tests.builders import Book, one_long_history, one_long_result, result


@pytest.fixture(scope="module")
def metrics() -> Metrics:
    return one_long_result().metrics


def test_the_parts_sum_to_the_net_profit(metrics: Metrics) -> None:
    # price 100 − 192, fees 1 + 1.1 + 2, funding 1.1, liquidation fee 18
    assert metrics["pnl_price"] == pytest.approx(-92.0)
    assert metrics["pnl_fees"] == pytest.approx(-4.1)
    assert metrics["pnl_funding"] == pytest.approx(-1.1)
    assert metrics["pnl_liquidation_fees"] == pytest.approx(-18.0)
    assert metrics["net_pnl"] == pytest.approx(-115.2)
    assert metrics["residual"] == pytest.approx(0.0, abs=1e-9)


def test_a_residual_is_shown_not_hidden() -> None:
    run = one_long_result()
    parts = margin_use.attribution(run.ledger, 0.0, -115.2 + 7.0)
    assert parts.residual == pytest.approx(7.0)


def test_liquidations_and_top_ups(metrics: Metrics) -> None:
    assert metrics["liquidations"] == 1
    assert metrics["liquidation_loss"] == pytest.approx(210.0)
    assert metrics["liquidation_share"] == pytest.approx(210.0 / 212.0)
    assert metrics["liquidation_rate"] == 0.5
    assert metrics["top_ups"] == 1
    assert metrics["margin_added"] == pytest.approx(10.0)
    assert metrics["top_up_rescue_rate"] == 0.0
    assert metrics["margin_lost_after_top_up"] == pytest.approx(10.0)
    assert metrics["margin_calls"] == 1
    assert metrics["rejections"] == 1
    assert (metrics["orders"], metrics["orders_filled"]) == (4, 3)


def test_costs(metrics: Metrics) -> None:
    assert metrics["turnover"] == pytest.approx(5908.0)
    assert metrics["fees_taker"] == pytest.approx(4.1)
    assert metrics["fees_maker"] == 0.0
    assert metrics["fee_share"] == pytest.approx(4.1 / 92.0)
    # mean margin at the six closes: (100 + 100 + 98.9 + 0 + 210 + 0) / 6
    assert metrics["fee_on_margin"] == pytest.approx(4.1 / (508.9 / 6.0))
    assert metrics["funding_apr_on_margin"] == pytest.approx(1.1 * 365.0 / (508.9 / 6.0 * 0.25))


def test_nearness_over_bars() -> None:
    found = margin_use.nearness(np.array([[0.2, 0.04, np.nan, 0.1], [np.nan, np.inf, 0.3, 0.02]]))
    assert found.least == 0.02
    assert found.share_below_5 == pytest.approx(2.0 / 5.0)
    assert math.isnan(margin_use.nearness(np.full((1, 3), np.nan)).least)


def test_rescued_positions() -> None:
    closed = pd.DataFrame(
        {
            "margin_added": [5.0, 7.0, 0.0, 1.0],
            "pnl": [2.0, -9.0, 3.0, 0.0],
            "exit_reason": ["order", "liquidation", "order", "stop"],
        }
    )
    found = margin_use.rescue(closed)
    assert found.rate == pytest.approx(2.0 / 3.0)
    assert found.margin_lost == 7.0


def test_funding_is_split_into_paid_and_received() -> None:
    assert margin_use.funding_flow(pd.Series([1.0, -0.4, 2.0])) == pytest.approx((3.0, 0.4, 2.6))


def test_hours_at_each_leverage() -> None:
    hours = margin_use.leverage_hours(np.array([0.0, 1.0, 1.5, 25.0, np.nan]), 4.0)
    assert hours["flat"] == 8.0
    assert hours["up to 1x"] == 4.0
    assert hours["1x to 2x"] == 4.0
    assert hours["above 20x"] == 4.0


def test_buy_and_hold_pays_funding_and_skips_what_is_missing() -> None:
    opens = np.array([[np.nan, 10.0, 10.0, 12.0], [20.0, 20.0, 20.0, 20.0]])
    closes = np.array([[np.nan, 10.0, np.nan, 15.0], [20.0, 20.0, 20.0, 25.0]])
    funding = np.zeros(2, FUNDING)
    funding["bar"], funding["leg"], funding["rate"] = [3, 0], [0, 1], [0.01, 0.5]
    # 500 buy 50 at 10 and 25 at 20; at the end 50 × 5 + 25 × 5 = 375, less 50 × 12 × 0.01 = 6; bar 0 is not held into
    equity = buy_and_hold(opens, closes, funding, 1000.0)
    assert equity.tolist() == pytest.approx([1000.0, 1000.0, 1000.0, 1369.0])
    assert buy_and_hold(np.full((1, 2), np.nan), np.full((1, 2), np.nan), funding[:0], 7.0).tolist() == [7.0, 7.0]


def test_metrics_are_a_mapping_with_definitions(metrics: Metrics) -> None:
    assert list(metrics) == list(DEFINITIONS)
    assert len(metrics) == sum(len(group) for group in GROUPS.values())
    assert metrics.help("sharpe").startswith("mean daily return")
    with pytest.raises(KeyError, match="did you mean 'sharpe'"):
        metrics["sharp"]
    with pytest.raises(UsageError, match="did you mean 'sharpe'"):
        metrics.help("sharp")
    table = metrics.table()
    assert table.loc["net_pnl", "value"] == pytest.approx(-115.2)
    assert set(table["group"]) == set(GROUPS)
    assert "net_pnl" in repr(metrics)
    assert "<table>" in metrics._repr_html_()


def test_a_run_without_a_trade_has_figures_too() -> None:
    flat = result(one_long_history(), Book(100.0).ledger(), cash=100.0).metrics
    assert flat["net_pnl"] == 0.0
    assert flat["trades"] == 0
    assert math.isnan(flat["win_rate"])
    assert math.isnan(flat["fee_share"])
    assert math.isnan(flat["min_distance"])
    assert flat["time_in_market"] == 0.0
