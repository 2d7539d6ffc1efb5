"""The reference page is the one that the code would write."""

from __future__ import annotations

from pathlib import Path

from backtest.report.reference import reference_page
from tests.builders import one_long_result

PAGE = Path(__file__).parents[2] / "docs" / "results.md"
TABLES = (
    "equity",
    "positions",
    "trades",
    "orders",
    "rejections",
    "funding",
    "margin_events",
    "risk_log",
    "ledger",
    "notices",
)


def written() -> str:
    """The page as the code writes it; `python -m tests.report.test_reference` puts it in its place."""
    run = one_long_result()
    return reference_page({name: getattr(run, name) for name in TABLES})


def test_the_page_lists_every_table_column_and_metric() -> None:
    assert PAGE.read_text(encoding="utf-8") == written()


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
