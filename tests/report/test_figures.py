"""Figures say what they show, in readable type, within the paper."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure

from backtest.enums import LedgerKind
from backtest.report.figures import MARKS, figures
from backtest.report.svg import inline_svg, svg
from backtest.result import Result
from tests.builders import Book, CoinFlipper, history, one_long_history, one_long_result, result, simulate, wandering


@pytest.fixture(scope="module")
def busy() -> Result:
    market = history(wandering(900, seed=7, step=0.03), wandering(900, seed=8, step=0.03), spread=0.3)
    return simulate(market, CoinFlipper(seed=4, chance=0.4))


@pytest.fixture(scope="module")
def drawn(busy: Result) -> dict[str, Figure]:
    return figures(busy)


def test_every_figure_a_run_needs(drawn: dict[str, Figure]) -> None:
    assert list(drawn) == ["equity", "price-BTC/USDT:USDT", "price-ETH/USDT:USDT", "margin", "leverage"]


def test_every_panel_has_a_title_a_unit_and_utc(drawn: dict[str, Figure]) -> None:
    for figure in drawn.values():
        for axes in figure.axes:
            assert axes.get_title(loc="left")
            assert axes.get_ylabel()
        assert figure.axes[-1].get_xlabel() == "time (UTC)"


def test_no_text_leaves_the_paper_or_covers_another(drawn: dict[str, Figure]) -> None:
    for figure in drawn.values():
        figure.canvas.draw()
        renderer = figure.canvas.get_renderer()
        paper = figure.bbox
        for axes in figure.axes:
            title = axes._left_title.get_window_extent(renderer)
            legend = axes.get_legend()
            boxes = [title] + ([legend.get_window_extent(renderer)] if legend else [])
            for box in boxes:
                assert box.x0 >= 0.0
                assert box.x1 <= paper.x1
                assert box.y1 <= paper.y1
                assert box.y0 >= axes.bbox.y1 - 1.0
            if legend:
                assert boxes[1].y1 <= title.y0 + 1.0
            ticks = [tick for tick in axes.get_yticklabels() if tick.get_text()]
            assert len(ticks) >= 2
            extents = sorted((tick.get_window_extent(renderer) for tick in ticks), key=lambda box: box.y0)
            inside = [box for box in extents if axes.bbox.y0 - 5 <= (box.y0 + box.y1) / 2 <= axes.bbox.y1 + 5]
            assert all(lower.y1 <= upper.y0 + 1.0 for lower, upper in pairwise(inside))
            assert min(box.x0 for box in inside) >= 0.0


def test_many_marks_are_thinned_and_that_is_said() -> None:
    book = Book(1e6)
    for bar in range(400):
        book.write(
            LedgerKind.OPEN, bar, price=100.0, quantity=1.0, wallet=-10.0, margin=10.0, entry=100.0, leverage=10.0
        )
        book.write(LedgerKind.CLOSE, bar, price=100.0, quantity=-1.0, wallet=10.0, margin=-10.0)
    run = result(history(np.full(400, 100.0), spread=1.0), book.ledger(), cash=1e6)
    (axes,) = figures(run)["price-BTC/USDT:USDT"].axes
    _, names = axes.get_legend_handles_labels()
    assert f"buy ({MARKS} of 400 shown)" in names


def test_wide_price_ranges_are_logarithmic() -> None:
    closes = np.geomspace(10.0, 1000.0, 50)
    run = result(history(closes), Book(100.0).ledger(), cash=100.0)
    drawn = figures(run)
    assert drawn["price-BTC/USDT:USDT"].axes[0].get_yscale() == "log"


def test_a_run_without_a_position_can_be_drawn() -> None:
    assert len(figures(result(one_long_history(), Book(100.0).ledger(), cash=100.0))) == 4


def test_the_same_figure_gives_the_same_bytes() -> None:
    one, two = (svg(figures(one_long_result())["equity"]) for _ in range(2))
    assert one == two
    assert "<dc:date>" not in one


def test_an_inline_picture_follows_the_page() -> None:
    text = inline_svg(figures(one_long_result())["equity"], "f1", "equity")
    assert text.startswith("<svg")
    assert 'role="img"' in text
    assert "var(--fig-blue)" in text
    assert "<metadata" not in text
    assert 'id="f1-' in text
