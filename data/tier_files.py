"""Leverage tiers out of a file: a table of rungs, in JSON or CSV, under the names that exchanges and ccxt use.

JSON: a list of rungs, or {"BTC/USDT:USDT": [rungs]}, or that under "tiers", beside an optional "date" or "valid_from".
CSV: one rung a line, with an optional column valid_from, so that one file may hold tables of several dates.
A rung needs the cap of its notional, its maintenance rate and its highest leverage; floor and amount follow from them.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path

from backtest.clock import moment_ns
from backtest.errors import MarketDataError, UsageError, near
from backtest.market.contract import TierTable

CAP = ("cap", "maxNotional", "notional_cap", "notionalCap", "bracketNotionalCap")
RATE = ("rate", "maintenanceMarginRate", "mmr", "maintMarginRatio", "maintenance_rate")
LEVERAGE = ("leverage", "maxLeverage", "max_leverage", "initialLeverage")
DATE = ("valid_from", "date")

Rung = tuple[float, float, float]


def tables(path: Path, symbol: str, valid_from_ns: int | None) -> tuple[TierTable, ...]:
    """The dated tables of a file, for one symbol; `valid_from_ns` dates what states no date itself."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    rows: Sequence[Mapping[str, object]] = []
    stated = ""
    if path.suffix.lower() == ".json":
        rows, stated = _json(text, symbol)
    else:
        rows = list(csv.DictReader(text.splitlines()))
    found: dict[int, list[Rung]] = {}
    for number, row in enumerate(rows, 1):
        when = _first(row, DATE) or stated
        at_ns = moment_ns(str(when)) if when else valid_from_ns
        if at_ns is None:
            raise UsageError("the file does not say from when its tiers hold; add --valid-from 2024-02-29")
        found.setdefault(at_ns, []).append(_rung(row, number))
    if not found:
        raise MarketDataError("there is no tier in it")
    return tuple(TierTable.from_rungs(when, sorted(rungs), path.name) for when, rungs in sorted(found.items()))


def _json(text: str, symbol: str) -> tuple[Sequence[Mapping[str, object]], str]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise MarketDataError(f"it is no JSON: {error}") from error
    stated = ""
    while isinstance(document, dict):
        stated = str(_first(document, DATE) or stated)
        if symbol in document:
            document = document[symbol]
        elif "tiers" in document:
            document = document["tiers"]
        else:
            known = [name for name in document if "/" in name]
            raise MarketDataError(
                f"it has no tiers of {symbol}; {near(symbol, known)}it has {', '.join(known) or 'none'}"
            )
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise MarketDataError("its tiers are no list of rungs")
    return document, stated


def _rung(row: Mapping[str, object], number: int) -> Rung:
    values = []
    for names in (CAP, RATE, LEVERAGE):
        said = _first(row, names)
        if said is None:
            if names is CAP and any(name in row for name in CAP):
                values.append(inf)
                continue
            raise MarketDataError(f"tier {number} has no {names[0]}; it has {', '.join(row)}")
        try:
            values.append(float(str(said)))
        except ValueError as error:
            raise MarketDataError(f"tier {number}: {names[0]} '{said}' is no number") from error
    cap, rate, leverage = values
    return (inf if cap > 1e18 else cap), rate, leverage


def _first(row: Mapping[str, object], names: Sequence[str]) -> object | None:
    return next((row[name] for name in names if row.get(name) not in (None, "")), None)
