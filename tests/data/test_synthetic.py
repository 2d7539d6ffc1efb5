"""The sample market is the same for everyone, and behaves like the recorded one it is calibrated on."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from backtest import venues
from backtest.clock import DAY_NS, HOUR_NS, MINUTE_NS, moment_ns
from backtest.errors import UsageError
from backtest.market.loader import MarketRequest
from backtest.market.series import Bars, FundingRates
from data import market_model as model
from data.synthetic import SampleMarket

SYMBOLS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT")
Series = dict[str, tuple[Bars, Bars, FundingRates]]


def made(venue: str, interval_ns: int, symbols: tuple[str, ...] = SYMBOLS) -> Series:
    parts = [
        delivery.series
        for delivery in SampleMarket().series(MarketRequest(venue=venue, symbols=symbols, interval_ns=interval_ns))
    ]
    return {symbol: tuple(parts[3 * i : 3 * i + 3]) for i, symbol in enumerate(symbols)}  # type: ignore[misc]


@pytest.fixture(scope="module")
def hourly() -> Series:
    return made("sample", HOUR_NS)


@pytest.fixture(scope="module")
def minutes() -> Series:
    return made("sample", MINUTE_NS, SYMBOLS[1:2])


def returns(bars: Bars) -> NDArray[np.float64]:
    return np.diff(np.log(bars.close))


def autocorrelation(values: NDArray[np.float64], lag: int) -> float:
    return float(np.corrcoef(values[:-lag], values[lag:])[0, 1])


def test_two_hourly_years_and_sixty_days_of_minutes(hourly: Series, minutes: Series) -> None:
    for last, mark, _ in hourly.values():
        assert len(last) == len(mark) == 731 * 24
        assert last.gaps == mark.gaps == ()
    last, mark, _ = minutes[SYMBOLS[1]]
    assert len(last) == len(mark) == 60 * 1440


def test_every_series_says_that_it_is_synthetic(hourly: Series) -> None:
    for series in hourly.values():
        for part in series:
            assert part.synthetic
            assert part.source == "synthetic market, seed 7: no real prices"


def test_the_same_seed_gives_the_same_market_whatever_is_asked_for(hourly: Series) -> None:
    alone = made("sample", HOUR_NS, SYMBOLS[2:])[SYMBOLS[2]]
    for one, other in zip(alone[:2], hourly[SYMBOLS[2]][:2], strict=True):
        assert np.array_equal(one.close, other.close)
        assert np.array_equal(one.high, other.high)
    assert np.array_equal(alone[2].rate, hourly[SYMBOLS[2]][2].rate)
    seeded = made("sample-11", HOUR_NS, SYMBOLS[2:])[SYMBOLS[2]][0]
    assert not np.array_equal(seeded.close, alone[0].close)


def test_the_hours_are_made_of_the_minutes(hourly: Series, minutes: Series) -> None:
    for fine, coarse in zip(minutes[SYMBOLS[1]][:2], hourly[SYMBOLS[1]][:2], strict=True):
        joined, whole = fine.resampled(HOUR_NS), coarse.between(int(fine.time_ns[0]), fine.end_ns)
        for name in ("time_ns", "open", "high", "low", "close"):
            assert np.array_equal(getattr(joined, name), getattr(whole, name))


def test_prices_are_on_the_tick_of_their_contract(hourly: Series) -> None:
    for symbol, (last, _, _) in hourly.items():
        tick = venues.contract("sample", symbol).tick
        for column in (last.open, last.high, last.low, last.close):
            assert np.abs(column / tick - np.round(column / tick)).max() < 1e-6


def test_returns_have_the_tails_and_the_clusters_of_recorded_ones(hourly: Series) -> None:
    for symbol, (last, _, _) in hourly.items():
        moved = returns(last)
        largest = np.sort(np.abs(moved))[::-1][: moved.size // 100 + 1]
        assert 2.2 < 1 / np.mean(np.log(largest[:-1] / largest[-1])) < 4.2, symbol
        assert 10 < np.mean((moved - moved.mean()) ** 4) / moved.var() ** 2 < 120, symbol
        assert 0.15 < autocorrelation(np.abs(moved), 1) < 0.45, symbol
        assert 0.04 < autocorrelation(np.abs(moved), 24) < 0.30, symbol
        assert abs(autocorrelation(moved, 1)) < 0.08, symbol


def test_volatility_and_correlation_are_as_set(hourly: Series) -> None:
    moved = np.array([returns(last) for last, _, _ in hourly.values()])
    yearly = moved.std(axis=1) * np.sqrt(8760)
    assert np.abs(yearly / [0.60, 0.80, 1.00] - 1).max() < 0.12
    correlation = np.corrcoef(moved)
    assert 0.74 < correlation[0, 1] < 0.92
    assert 0.60 < correlation[0, 2] < 0.85
    assert 0.60 < correlation[1, 2] < 0.85


def test_the_mark_stays_near_the_last_price_and_moves_less(hourly: Series) -> None:
    for last, mark, _ in hourly.values():
        spread = np.log(last.close / mark.close)
        assert 3e-4 < spread.std() < 9e-4
        assert abs(spread.mean()) < 1e-4
        assert 0.85 < np.mean(np.log(mark.high / mark.low)) / np.mean(np.log(last.high / last.low)) < 0.99


def test_funding_settles_every_eight_hours_and_rests_at_the_interest(hourly: Series) -> None:
    for _, _, rates in hourly.values():
        assert set(np.diff(rates.time_ns)) == {8 * HOUR_NS}
        assert not (rates.time_ns % (8 * HOUR_NS)).any()
        assert 1e-4 < rates.rate.mean() < 4e-4
        assert 0.30 < np.mean(rates.rate == 0.0001) < 0.75
        assert 0.02 < np.mean(rates.rate < 0) < 0.20
        assert np.abs(rates.rate).max() <= 0.003


def test_funding_follows_the_premium_by_the_clamp_rule() -> None:
    # premium 0.2 % for 8 h: 0.002 + clamp(0.0001 − 0.002, ±0.0005) = 0.0015; at 0.03 % the clamp leaves the interest
    premium = np.zeros(model.HOURS)
    premium[:8], premium[8:16], premium[16:24], premium[24:32] = 0.002, 0.0003, -0.002, 0.01
    assert model._funding(premium)[:4].tolist() == [0.0015, 0.0001, -0.0015, 0.003]


def test_funding_is_high_after_prices_rose(hourly: Series) -> None:
    for last, _, rates in hourly.values():
        rows = np.searchsorted(last.time_ns, rates.time_ns)
        known = rows > 72
        trend = np.log(last.close[rows[known] - 1] / last.close[rows[known] - 73])
        assert np.corrcoef(trend, rates.rate[known])[0, 1] > 0.2


def test_there_is_one_crash(hourly: Series) -> None:
    for last, mark, _ in hourly.values():
        row = int(np.searchsorted(last.time_ns, model.CRASH_NS // HOUR_NS * HOUR_NS))
        fall = mark.low[row : row + 3].min() / mark.open[row] - 1
        assert fall < -0.18
        two_hours = np.log(mark.close[2:] / mark.close[:-2])
        assert row - 1 <= int(np.argmin(two_hours)) <= row + 1


def test_in_one_split_the_last_price_falls_alone(minutes: Series) -> None:
    last, mark, _ = minutes[SYMBOLS[1]]
    apart = np.flatnonzero(last.low / mark.low < 0.95)
    assert 3 <= apart.size <= 7
    when = last.time_ns[apart]
    assert when[0] >= model.SPLIT_NS and when[-1] < model.SPLIT_NS + 10 * MINUTE_NS
    assert (last.low / mark.low).min() < 0.84
    row = int(np.searchsorted(mark.time_ns, model.SPLIT_NS))
    assert mark.low[row : row + 10].min() / mark.open[row] > 0.96


def test_the_crash_and_the_split_lie_inside_the_minutes() -> None:
    for event in (model.CRASH_NS, model.SPLIT_NS):
        assert model.MINUTES_FROM_NS + DAY_NS < event < model.MINUTES_TO_NS - DAY_NS
    assert moment_ns("2024-01-01") == model.START_NS


def test_a_bridge_does_not_leave_its_ends_behind(hourly: Series) -> None:
    for last, mark, _ in hourly.values():
        for part in (last, mark):
            assert (part.high >= np.maximum(part.open, part.close)).all()
            assert (part.low <= np.minimum(part.open, part.close)).all()


def test_the_venues_name_is_the_seed() -> None:
    market = SampleMarket()
    assert market.serves("sample") and market.serves("sample-11")
    assert not market.serves("sampler") and not market.serves("binance")
    with pytest.raises(UsageError, match="did you mean 'BTC/USDT:USDT'"):
        next(market.series(MarketRequest(venue="sample", symbols=("BTC/USDT:USD",), interval_ns=HOUR_NS)))
