"""What a validation writes: tables as Parquet, figures as SVG, one JSON document on stdout."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backtest.clock import interval_text, time_text
from backtest.market.history import MarketHistory

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def written(folder: Path, tables: Mapping[str, pd.DataFrame], figures: Mapping[str, Figure]) -> list[str]:
    """Write `NAME.parquet` and `NAME.svg` files into a folder; their paths."""
    from backtest.report.svg import svg  # matplotlib is loaded only for a picture

    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    for name, figure in figures.items():
        (folder / f"{name}.svg").write_text(svg(figure), encoding="utf-8")
    return [str(folder / f"{name}.parquet") for name in tables] + [str(folder / f"{name}.svg") for name in figures]


def printed(document: Mapping[str, Any]) -> str:
    """A document as JSON; null for what could not be worked out."""
    return json.dumps(_plain(document), indent=2, allow_nan=False)


def records_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as plain values."""
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def market_of(history: MarketHistory) -> dict[str, Any]:
    """What a history is of."""
    return {
        "venue": history.venue,
        "symbols": list(history.symbols),
        "timeframe": interval_text(history.timeframe_ns),
        "interval": interval_text(history.interval_ns),
        "start": time_text(history.start_ns),
        "end": time_text(history.end_ns),
        "synthetic": history.synthetic,
        "fingerprint": history.fingerprint,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
