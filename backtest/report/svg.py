"""Matplotlib figures as SVG: the same bytes for the same figure, small, and able to follow a page's colours."""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING

from matplotlib import rc_context

from backtest.report.figures import BLUE, GREEN, GREY, GRID, INK, ORANGE, RED, STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PAGE_COLORS = {
    INK: "var(--fig-ink)",
    GRID: "var(--fig-grid)",
    BLUE: "var(--fig-blue)",
    ORANGE: "var(--fig-orange)",
    RED: "var(--fig-red)",
    GREEN: "var(--fig-green)",
    GREY: "var(--fig-grey)",
    "#ffffff": "var(--fig-edge)",
}
_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_NUMBER = re.compile(r"-?\d+\.\d{2,}")
_PATH = re.compile(r' d="([^"]*)"')


def svg(figure: Figure) -> str:
    """The figure as an SVG document, without a date and with two decimals."""
    text = StringIO()
    with rc_context(STYLE):
        figure.savefig(text, format="svg", metadata=_METADATA, transparent=True)
    return _PATH.sub(lambda path: f' d="{_NUMBER.sub(_rounded, path[1])}"'.replace("\n", ""), text.getvalue())


def inline_svg(figure: Figure, name: str, description: str) -> str:
    """The figure as an SVG element: its colours follow the page, its ids begin with `name`, it can be read aloud."""
    text = svg(figure)
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', text)
    text = text.replace("url(#", f"url(#{name}-")
    for color, variable in _PAGE_COLORS.items():
        text = text.replace(f": {color}", f": {variable}")
    head, _, rest = text.partition(">")
    head = re.sub(r' (width|height)="[^"]*"', "", head)
    return f'{head} role="img" aria-label="{description}">{rest}'


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}"
