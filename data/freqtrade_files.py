"""Files of freqtrade's data folder: `XRP_USDT_USDT-1h-futures.feather`, `-mark`, `-index`, `-funding_rate`.

The name says symbol, interval and kind. A funding file has the rate in its `open` column and stamps that carry some
milliseconds of jitter, which are floored to the minute. Left out: spot files, which have no leverage.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from pyarrow import feather

from backtest.clock import interval_ns
from backtest.errors import MarketDataError, UsageError
from backtest.market.loader import Delivery, FileRequest
from backtest.market.series import SeriesKind
from data.table_files import table_series

KINDS = {
    "futures": SeriesKind.OHLCV,
    "mark": SeriesKind.MARK,
    "index": SeriesKind.INDEX,
    "funding_rate": SeriesKind.FUNDING,
}
_NAME = re.compile(
    r"^(?P<base>[A-Z0-9]+)_(?P<quote>[A-Z0-9]+)_(?P<settle>[A-Z0-9]+)-(?P<tf>\d+[mhdw])-(?P<kind>\w+)\.feather$"
)


class FreqtradeFiles:
    """Loader of freqtrade's feather files."""

    summary = "freqtrade's feather files; symbol, kind and interval are read from the file's name"

    def recognises(self, path: Path) -> bool:
        """Whether the file is a feather file."""
        return path.suffix == ".feather"

    def read(self, path: Path, request: FileRequest) -> Delivery:
        """The series of a file."""
        named = _NAME.match(path.name)
        if named is None or named["kind"] not in KINDS:
            raise UsageError(
                f"{path.name} is no name of freqtrade's futures data; it would be "
                f"XRP_USDT_USDT-1h-futures.feather, ending in {', '.join(KINDS)}"
            )
        symbol, kind = f"{named['base']}/{named['quote']}:{named['settle']}", KINDS[named["kind"]]
        length = None if kind is SeriesKind.FUNDING else interval_ns(named["tf"])
        for ours, said in ((symbol, request.symbol), (kind, request.kind), (length, request.interval_ns)):
            if said is not None and said != ours:
                raise UsageError(f"{path.name}: the name says {ours}, the command {said}; leave the option out")
        whole = replace(request, symbol=symbol, kind=kind, interval_ns=length)
        if kind is SeriesKind.FUNDING and "rate" not in whole.columns:
            whole = replace(whole, columns={**whole.columns, "rate": "open"})
        try:
            return table_series(feather.read_table(path), path.name, whole, kind)
        except FileNotFoundError as error:
            raise UsageError(f"there is no file {path}") from error
        except (pa.ArrowException, OSError) as error:
            raise MarketDataError(f"{path.name} cannot be read as feather: {error}") from error
        except MarketDataError as error:
            raise MarketDataError(f"{path.name}: {error}") from error
