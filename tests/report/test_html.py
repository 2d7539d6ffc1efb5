"""The report: one file, nothing loaded, nothing unescaped, everything named."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from backtest.enums import NoticeKind
from backtest.report.html import report_html
from backtest.result import Result
from tests.builders import (
    Book,
    CoinFlipper,
    history,
    notice,
    one_long,
    one_long_history,
    one_long_result,
    result,
    simulate,
    wandering,
)

VOID = {"meta", "br", "path", "use", "line", "rect", "circle", "polyline", "image", "stop"}


class Page(HTMLParser):
    """Collects text, tags, ids and addresses, and checks that tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("src", "href", "xlink:href"):
                self.addresses.append(str(value))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


@pytest.fixture(scope="module")
def hand() -> Result:
    return one_long_result()


@pytest.fixture(scope="module")
def page(hand: Result) -> Page:
    return Page(report_html(hand, run_id="abcd1234", details={"isomargin": "0.1.0"}))


def test_nothing_is_loaded_from_anywhere(page: Page) -> None:
    assert "link" not in page.tags
    assert "img" not in page.tags
    assert all(address.startswith("#") for address in page.addresses)


def test_ids_are_unique(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize(
    "words",
    ["Key figures", "Equity and drawdown", "Nearness to liquidation", "Where the profit came from", "Risk log",
     "breakout",
     "the quantity, rounded down to the lot size, is zero", "What to know before judging", "abcd1234", "0.1.0",
     "mean daily return / standard deviation", "adverse-first", "margin lost 210.00"],
)  # fmt: skip
def test_the_page_says(page: Page, words: str) -> None:
    assert words in page.text


def test_what_users_write_is_escaped(hand: Result) -> None:
    nasty = "<script>alert('x')</script>"
    strategy = replace(hand.strategy, name=nasty, source=nasty, parameters={"a": nasty})
    records = replace(hand.records, tags=("", nasty))
    text = report_html(replace(hand, strategy=strategy, records=records, notes=(nasty,)), run_id=nasty)
    assert nasty not in text
    assert text.count("<script>") == 1


def test_a_synthetic_market_is_said_to_be_synthetic() -> None:
    market = history((100.0, 101.0), synthetic=True, notes=("synthetic market, seed 7",))
    text = report_html(result(market, Book(100.0).ledger(), cash=100.0))
    assert "synthetic market, no real prices" in text
    assert "seed 7" in text
    assert "No position was opened." in text
    assert "The venue refused nothing." in text


def test_ambiguous_bars_are_listed_and_an_unfinished_run_is_marked() -> None:
    notices = [notice(NoticeKind.AMBIGUOUS, bar % 6) for bar in range(70)]
    run = result(one_long_history(), one_long().ledger(), notices=notices, interrupted=True, stopped="a hole")
    text = Page(report_html(run)).text
    assert "In 70 bars the order of two triggers decided the outcome" in text
    assert "and 10 more" in text
    assert "interrupted: part of a run" in text
    assert "Stopped early: a hole" in text


def test_a_ledger_that_does_not_balance_is_said_so(hand: Result) -> None:
    ledger = hand.records.ledger.copy()
    ledger["fees"][1] += 1.0
    assert "ledger does not balance" in report_html(replace(hand, records=replace(hand.records, ledger=ledger)))


def test_a_busy_run_stays_small_and_says_what_it_leaves_out() -> None:
    market = history(wandering(3000, seed=7, step=0.02), wandering(3000, seed=8, step=0.02), spread=0.3)
    text = report_html(simulate(market, CoinFlipper(seed=4, chance=0.9)))
    assert len(text.encode()) < 1_500_000
    assert "The last 400 of" in text
    assert "gravest of" in text
