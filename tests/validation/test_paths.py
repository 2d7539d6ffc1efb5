"""Paths made of blocks: what is carried over, what is joined how, what is the same for the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backtest.errors import UsageError
from backtest.market.history import CLOSE, HIGH, MARK_CLOSE, OPEN, VOLUME, MarketHistory
from backtest.validation.paths import Blocks, Bootstrap
from tests import builders
from tests.builders import HOUR_NS


def marked(market: MarketHistory, *factors: float) -> MarketHistory:
    """The history with a mark that is a given multiple of the last price, bar by bar in turn."""
    prices = market.prices.copy()
    spread = np.resize(factors, market.length)
    prices[:, VOLUME + 1 :] = prices[:, :VOLUME] * spread
    return replace(market, prices=prices)


def bootstrap(market: MarketHistory, block: int, blocks: Blocks = Blocks.FIXED, seed: int = 0) -> Bootstrap:
    return Bootstrap(history=market, block_ns=block * HOUR_NS, blocks=blocks, seed=seed)


def test_a_block_as_long_as_the_history_is_the_history() -> None:
    market = marked(builders.history(builders.wandering(50), funding=[(8, 0, 0.001), (16, 0, -0.002)]), 1.0, 1.01, 0.99)
    path = bootstrap(market, 50).path(3)
    assert np.array_equal(path.prices, market.prices)
    assert np.array_equal(path.funding, market.funding)
    assert path.synthetic


def test_a_block_begins_where_the_path_has_come_to() -> None:
    # closes 100, 110, 99; bars 2, 0, 1 in this order. Bar 2 fell from 110 by 10 %: 100 → 90. Bar 0 opened and closed
    # at 100, no move: 90. Bar 1 rose by 10 %: 99.
    market = builders.history((100.0, 110.0, 99.0))
    path = bootstrap(market, 3).joined(np.array([2, 0, 1]), "by hand")
    assert path.prices[0, CLOSE] == pytest.approx([90.0, 90.0, 99.0])
    assert path.prices[0, OPEN] == pytest.approx([100.0, 90.0, 90.0])
    assert path.prices[0, HIGH] == pytest.approx([100.0, 90.0, 99.0])


def test_a_gap_at_the_open_is_kept() -> None:
    # the bar after the close of 100 opens at 105; the path that has come to 200 opens it at 210
    market = builders.history((100.0, 110.0, 200.0))
    prices = market.prices.copy()
    prices[0, [OPEN, VOLUME + 1], 1] = 105.0
    path = bootstrap(replace(market, prices=prices), 3).joined(np.array([0, 2, 1]), "by hand")
    # bar 2 after bar 0: 110 → 200 is × 20/11, so the path stands at 100 × 20/11
    assert path.prices[0, OPEN, 2] == pytest.approx(100.0 * 20.0 / 11.0 * 1.05)


@pytest.mark.parametrize("blocks", list(Blocks))
def test_symbols_move_together_and_the_mark_keeps_its_distance(blocks: Blocks) -> None:
    closes = builders.wandering(400)
    market = marked(builders.history(closes, closes**2 / 100.0), 1.0, 1.01, 0.98)  # the second moves twice as much
    maker = bootstrap(market, 10, blocks)
    source, path = maker.source_bars(5), maker.path(5)
    moves = np.diff(np.log(path.prices[:, CLOSE]), axis=1)
    assert moves[1] == pytest.approx(2.0 * moves[0], abs=1e-9)
    ratio = market.prices[:, MARK_CLOSE] / market.prices[:, CLOSE]
    assert path.prices[:, MARK_CLOSE] / path.prices[:, CLOSE] == pytest.approx(ratio[:, source])
    assert np.array_equal(path.prices[:, VOLUME], market.prices[:, VOLUME][:, source])


def test_funding_settles_at_the_paths_own_stamps_at_the_rate_next_due_in_the_block() -> None:
    # settlements at bars 2 and 5 with rates 0.1 % and 0.5 %. Path bar 2 comes from bar 4 (next due: bar 5), path bar 5
    # from bar 1 (next due: bar 2)
    market = builders.history((100.0,) * 8, funding=[(2, 0, 0.001), (5, 0, 0.005)])
    path = bootstrap(market, 8).joined(np.array([2, 3, 4, 5, 0, 1, 2, 3]), "by hand")
    assert path.funding["bar"].tolist() == [2, 5]
    assert path.funding["rate"].tolist() == [0.005, 0.001]


def test_a_missing_bar_travels_and_the_next_one_goes_on_from_the_last_known_close() -> None:
    market = builders.history((100.0, 110.0, 121.0, 242.0))
    prices = market.prices.copy()
    prices[:, :, 2] = np.nan  # 110 → (missing) → 242: × 2.2 over the two
    path = bootstrap(replace(market, prices=prices), 4).joined(np.array([1, 2, 3, 3]), "by hand")
    assert np.isnan(path.prices[0, :, 1]).all()
    # 100 → 110 (bar 1), missing, × 2.2 = 242, and × 2.2 again
    assert path.prices[0, CLOSE, [0, 2, 3]] == pytest.approx([110.0, 242.0, 532.4])


def test_fixed_blocks_are_rows_of_consecutive_bars() -> None:
    source = bootstrap(builders.history(builders.wandering(100)), 10).source_bars(0).reshape(10, 10)
    assert (np.diff(source, axis=1) == 1).all()


def test_stationary_blocks_have_their_mean_length_and_wrap_around() -> None:
    source = bootstrap(builders.history(builders.wandering(20_000)), 20, Blocks.STATIONARY).source_bars(0)
    joints = (np.diff(source) % 20_000 != 1).sum()
    # about 20,000 / 20 = 1,000 blocks; their number has a standard deviation of some 31
    assert 850 < joints < 1150
    assert source.size == 20_000
    assert source.min() >= 0
    assert source.max() < 20_000


@pytest.mark.parametrize("blocks", list(Blocks))
def test_a_seed_and_a_number_make_a_path(blocks: Blocks) -> None:
    market = builders.history(builders.wandering(60))
    paths = {
        (seed, number): bootstrap(market, 6, blocks, seed).path(number).prices[0, CLOSE].tobytes()
        for seed in (1, 2)
        for number in (0, 1)
    }
    assert len(set(paths.values())) == 4
    assert bootstrap(market, 6, blocks, 2).path(1).prices[0, CLOSE].tobytes() == paths[2, 1]


@pytest.mark.parametrize(("block_ns", "said"), [(HOUR_NS // 2, "no whole number"), (61 * HOUR_NS, "is longer than")])
def test_blocks_that_cannot_be_are_refused(block_ns: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Bootstrap(history=builders.history(builders.wandering(60)), block_ns=block_ns)
