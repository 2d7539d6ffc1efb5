"""How likely a price is met: a normal distribution from tables, and windows counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from backtest import calculator as calc
from backtest.clock import DAY_NS, HOUR_NS
from backtest.errors import UsageError
from backtest.market.history import MarketHistory
from backtest.market.loading import load
from backtest.market.store import Store


def test_the_probability_of_a_touch() -> None:
    # ln(100/90) = 0.1053605; 60 % a year is 3.1404 % a day: 3.355 sigma, 2 x 0.0003968
    assert calc.touch_probability(100.0, 90.0, 0.6, DAY_NS) == pytest.approx(0.000793, abs=2e-6)
    # a level one standard deviation away: 2 x 0.158655
    level = 100.0 * float(np.exp(0.6 / 365**0.5))
    assert calc.touch_probability(100.0, level, 0.6, DAY_NS) == pytest.approx(0.31731, abs=1e-5)
    assert calc.touch_probability(100.0, 100.0, 0.6, DAY_NS) == 1.0


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> MarketHistory:
    return load("sample", "BTC/USDT:USDT", "1h", end="2024-03-01", store=Store(root=tmp_path_factory.mktemp("store")))


def test_the_share_of_a_history_counts_every_window(history: MarketHistory) -> None:
    prices = history.prices[history.leg("BTC/USDT:USDT")]
    opens, highs, lows = prices[5], prices[6], prices[7]
    for side in ("long", "short"):
        found = calc.touched_share(history, "BTC/USDT:USDT", side, 0.02, 24 * HOUR_NS)
        touched = 0
        for bar in range(prices.shape[1] - 23):
            window = slice(bar, bar + 24)
            away = 1 - lows[window].min() / opens[bar] if side == "long" else highs[window].max() / opens[bar] - 1
            touched += bool(away >= 0.02)
        assert (found.touched, found.starts) == (touched, prices.shape[1] - 23)
        assert 0.0 < found.share < 1.0
        assert found.worst > 0.02


def test_a_time_longer_than_the_history_is_wrong_use(history: MarketHistory) -> None:
    with pytest.raises(UsageError, match="no number of bars"):
        calc.touched_share(history, "BTC/USDT:USDT", "long", 0.02, 10_000 * DAY_NS)
