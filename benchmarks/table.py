"""Figures and how they are shown: Markdown tables that say the bar a figure is held to and whether it is met."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Something timed or worked out, in its unit, beside the bar it is held to. `least`: the bar is a lower one."""

    name: str
    unit: str
    value: float
    fastest: float | None = None
    slowest: float | None = None
    bar: float | None = None
    least: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the bar is met; empty where there is none."""
        if self.bar is None:
            return ""
        return "met" if (self.value >= self.bar if self.least else self.value <= self.bar) else "MISSED"

    @property
    def held_to(self) -> str:
        """The bar in words."""
        return "" if self.bar is None else f"{'≥' if self.least else '≤'} {self.bar:g}"


def figure(name: str, unit: str, values: Sequence[float], *, bar: float | None = None, note: str = "") -> Figure:
    """The median of several values, and their spread."""
    return Figure(
        name=name,
        unit=unit,
        value=statistics.median(values),
        fastest=min(values),
        slowest=max(values),
        bar=bar,
        note=note,
    )


def number(value: float) -> str:
    """Three digits, without an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def rows(head: Sequence[str], body: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A Markdown table; the columns in `right` are set to the right."""
    rule = ["---:" if column in right else "---" for column in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *body))


def figures(found: Sequence[Figure], kept: dict[str, float] | None = None) -> str:
    """A table of figures; with the last release's kept ones, the ratio to them."""
    head = ["what", "median", "fastest..slowest", "unit", "bar", "", "note"]
    body = []
    for each in found:
        spread = "" if each.fastest is None else f"{number(each.fastest)}..{number(each.slowest or 0.0)}"
        row = [each.name, number(each.value), spread, each.unit, each.held_to, each.verdict, each.note]
        if kept is not None:
            before = kept.get(each.name)
            row.insert(2, "" if not before else f"× {each.value / before:.2f}")
        body.append(row)
    if kept is not None:
        head.insert(2, "to last release")
    return rows(head, body, right=(1, 2) if kept is not None else (1,))
