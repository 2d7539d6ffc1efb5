"""Texts that `backtest init` and `backtest strategies new` write, with $names to fill in."""

from __future__ import annotations

from importlib.resources import files
from string import Template


def filled(name: str, **names: str) -> str:
    """The template file `name` with its $names filled in."""
    return Template((files(__name__) / f"{name}.txt").read_text(encoding="utf-8")).substitute(names)
