"""Monte Carlo where the answer is known: certain and impossible liquidation, ruin at a level worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import backtest as bt
from backtest.errors import UsageError
from backtest.report.trading import wilson
from backtest.sweeps.executors import Serial, Threads
from backtest.validation.montecarlo import MonteCarloResult, montecarlo
from tests import builders


class Held(bt.Strategy):
    """Half the deposit as the margin of one long, bought after the first bar."""

    leverage = bt.Param(10, low=1, high=50)

    def plan(self) -> bt.Schedule:
        return bt.Schedule.of_targets([0], [0], margin=[5000.0], leverage=self.leverage)


class Stumbling(bt.Strategy):
    """Raises on a market that has fallen to a third."""

    def next(self) -> None:
        if self.close[self.symbols[0]] < 35.0:
            raise ValueError("too deep")


FALLING = tuple(100.0 * 0.97**bar for bar in range(40))
RISING = tuple(100.0 * 1.01**bar for bar in range(40))


def on(closes: tuple[float, ...], **options: object) -> MonteCarloResult:
    settings: dict[str, object] = {"paths": 20, "block": "5h", "blocks": "fixed", "executor": Serial(), **options}
    return montecarlo(Held, builders.history(closes), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_wilsons(hits: int, trials: int, low: float, high: float) -> None:
    # R. G. Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3
    found = wilson(hits, trials)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_where_every_bar_falls_liquidation_is_certain() -> None:
    row = on(FALLING).table.iloc[0]
    # 20 of 20: the interval's lower end is n / (n + z²) = 20 / (20 + 3.8415)
    assert row["p_liquidation"] == row["p_liquidation_high"] == 1.0
    assert row["p_liquidation_low"] == pytest.approx(20.0 / 23.8415, abs=1e-5)
    assert row["history_liquidations"] == 1


def test_where_every_bar_rises_there_is_none() -> None:
    result = on(RISING)
    row = result.table.iloc[0]
    assert row["p_liquidation"] == row["p_liquidation_low"] == 0.0
    assert row["p_liquidation_high"] == pytest.approx(3.8415 / 23.8415, abs=1e-5)
    assert not result.frame["liquidations"].any()


def test_ruin_is_counted_at_the_level_that_the_arithmetic_gives() -> None:
    # margin 5,000 at 10x with 1 % maintenance: liquidated at E · 0.9 / 0.99 = 0.90909 E, a loss of 50,000 · 0.090909 =
    # 4,545.45; what is left of the margin comes back. Each path ends, and has its lowest, at 5,454.55
    result = on(FALLING)
    assert result.frame["equity"].to_numpy() == pytest.approx(5454.55, abs=0.1)
    assert result.frame["lowest_equity"].to_numpy() == pytest.approx(5454.55, abs=0.1)
    assert result.ruin(0.54)[0].share == 0.0
    assert result.ruin(0.55)[0].share == 1.0
    assert result.table["p_ruin"].item() == 0.0
    assert on(FALLING, ruin="55%").table["p_ruin"].item() == 1.0


def test_settings_meet_the_same_paths_and_are_told_apart() -> None:
    # the market falls by 3 % a bar: 50x dies at once, 1x cannot (a long whose margin covers its value)
    result = on(FALLING, vary={"leverage": [1, 50]})
    assert result.varied == ("leverage",)
    assert result.table["leverage"].tolist() == [1, 50]
    assert result.table["p_liquidation"].tolist() == [0.0, 1.0]
    assert result.frame.groupby("setting")["path"].apply(list).map(len).tolist() == [20, 20]
    assert on(FALLING, vary={"leverage": "1,50"}).table.equals(result.table)


def test_a_block_as_long_as_the_history_gives_what_the_history_gave() -> None:
    wander = tuple(builders.wandering(60, step=0.02))
    result = on(wander, block="60h", paths=3)
    actual = result.history_frame.iloc[0]
    for name in ("equity", "lowest_equity", "max_drawdown", "liquidations"):
        assert (result.frame[name] == actual[name]).all()
    assert actual["equity"] == bt.run(Held, builders.history(wander)).metrics["equity"]


def test_a_seed_reproduces_and_another_one_differs_whatever_does_the_work() -> None:
    wander = tuple(builders.wandering(300, step=0.02))
    first, again = on(wander, paths=25, seed=4), on(wander, paths=25, seed=4, executor=Threads(2))
    assert first.frame.equals(again.frame)
    assert first.curves().equals(again.curves())
    assert not first.frame.equals(on(wander, paths=25, seed=5).frame)
    # the first paths of many are those of few
    assert on(wander, paths=5, seed=4).frame.equals(first.frame.head(5))


def test_what_was_finished_before_a_break_is_not_done_again(tmp_path: Path) -> None:
    wander = tuple(builders.wandering(300, step=0.02))
    asked: dict[str, Any] = {"paths": 40, "seed": 4, "vary": {"leverage": [5, 20]}}

    def break_off(share: float) -> None:
        if share >= 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        on(wander, **asked, out=tmp_path, progress=break_off)
    resumed, whole = on(wander, **asked, out=tmp_path), on(wander, **asked)
    assert (resumed.resumed, whole.resumed) == (20, 0)
    assert resumed.frame.equals(whole.frame)
    assert resumed.curves(1).equals(whole.curves(1))
    assert resumed.table.equals(whole.table)


def test_more_paths_go_on_from_few_and_other_inputs_do_not(tmp_path: Path) -> None:
    wander = tuple(builders.wandering(300, step=0.02))
    for paths, seed, there in ((15, 4, 0), (25, 4, 15), (10, 4, 10), (25, 4, 25), (25, 5, 0)):
        found = on(wander, paths=paths, seed=seed, out=tmp_path)
        assert (found.paths, found.resumed) == (paths, there)
        assert found.frame.equals(on(wander, paths=paths, seed=seed).frame)
    assert len(list(tmp_path.iterdir())) == 2


def test_the_memory_is_estimated_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    on(FALLING, said=said.append)
    assert said[0].startswith("20 runs; memory: about 0.0")
    monkeypatch.setattr("backtest.sweeps.estimate.available", lambda: 1_000_000)
    with pytest.raises(UsageError, match=r"this number of paths needs about .* and 0.00 GB are free"):
        on(FALLING)


def test_by_symbol_only_the_leveraged_one_is_liquidated() -> None:
    result = montecarlo(Held, builders.history(FALLING, FALLING), paths=5, block="5h", executor=Serial())
    by = result.liquidations().set_index("symbol")
    assert by["p_liquidation"].to_dict() == {"BTC/USDT:USDT": 1.0, "ETH/USDT:USDT": 0.0}


def test_the_screen_says_what_it_proves_and_what_not() -> None:
    text = repr(on(FALLING, vary={"leverage": [1, 10]}))
    assert "20 paths of 2020-01-01 00:00 .. 2020-01-02 16:00 UTC" in text
    assert "fixed blocks of 5h" in text
    assert "100.0 % (83.9–100.0)" in text
    assert "Says:" in text
    assert "Does not say:" in text
    assert "largest bar (3.0 %)" in text


def test_the_figure_has_a_fan_and_a_ruin_curve() -> None:
    fan, ruin = on(FALLING, vary={"leverage": [1, 10]}).figure(1).axes
    assert fan.get_title(loc="left") == "Equity on 20 paths: leverage=10"
    assert [line.get_label() for line in ruin.get_lines()][:2] == ["leverage=1", "leverage=10"]
    assert np.all(np.diff(ruin.get_lines()[1].get_ydata()) >= 0.0)  # a higher level is reached more often


def test_an_error_on_a_path_names_the_path() -> None:
    with pytest.raises(bt.errors.StrategyError, match=r"on path \d+ of seed 0"):
        montecarlo(Stumbling, builders.history((100.0, *[90.0, 100.0] * 20)), paths=50, block="1h", executor=Serial())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"paths": 0}, "say nothing"),
        ({"ruin": 1.5}, "ruin is 1.5"),
        ({"vary": {"leverge": [1, 2]}}, "did you mean 'leverage'"),
        ({"vary": {"leverage": [1, 500]}}, "outside its bounds"),
        ({"vary": {"leverage": [1, 2]}, "leverage": 3}, "name each parameter once"),
        ({"blocks": "fixd"}, "did you mean 'fixed'"),
        ({"block": "60h"}, "is longer than the history"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        on(FALLING, **options)
