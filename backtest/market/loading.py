"""From the store to the history of a run: `load`, exported as `backtest.load`.

Bars that are stored at a finer interval only are joined into longer ones (whole bars only). What is missing and has a
stand-in is named in the history's notes; what is missing and has none is an error that says what is stored instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from backtest import extensions, venues
from backtest.clock import Moment, interval_ns, interval_text, moment_ns, span, time_text
from backtest.enums import PriceSource
from backtest.errors import MarketDataError, UsageError, near
from backtest.market import alignment, snapshots
from backtest.market.catalogue import catalogue
from backtest.market.contract import Contract
from backtest.market.conversion import references
from backtest.market.history import MarketHistory
from backtest.market.key import SeriesKey
from backtest.market.loader import MarketRequest, Tiers
from backtest.market.series import FundingRates, SeriesKind
from backtest.market.store import Store
from backtest.market.stored_bars import StoredBars
from backtest.venues.symbols import canonical
from backtest.venues.venue import changed_rules, held_at


def load(
    venue: str,
    symbols: str | Sequence[str],
    timeframe: str,
    *,
    start: Moment | timedelta | None = None,
    end: Moment | None = None,
    detail_timeframe: str | None = None,
    store: Store | Path | str | None = None,
    judge: PriceSource = PriceSource.MARK,
    strict_tiers: bool = False,
    report_currency: str | None = None,
) -> MarketHistory:
    """The history of some symbols of a venue, out of the store.

    `venue` is the id of one whose rules ship with the project, or the path of a venue file (docs/venues.md). A strategy
    decides every `timeframe`; fills and liquidations walk bars of `detail_timeframe` (the timeframe itself unless
    given). `start` and `end` (exclusive) are text read as UTC, aware datetimes or nanoseconds; a `start` of "90d" is
    that long before the end. `store` is the workspace's unless given. `judge` LAST liquidates on the last price, for
    comparison. With `strict_tiers` leverage tiers that are not of the range's own time are an error. Where contracts
    are settled in several currencies, marks of further symbols are read along if `report_currency` needs them.

        history = load("sample", ["BTC/USDT:USDT"], "1h", start="2024-01-01", end="2024-07-01")
    """
    place = Store.of_workspace() if store is None else store if isinstance(store, Store) else Store(root=Path(store))
    names = [canonical(name, venue) for name in ([symbols] if isinstance(symbols, str) else symbols)]
    frame_ns = interval_ns(timeframe)
    base_ns = frame_ns if detail_timeframe is None else interval_ns(detail_timeframe)
    kept = venues.history_of(venue)
    contracts = [snapshots.contract(place, venue, name, kept=kept) for name in names]
    _make_at_first_use(place, kept, names, base_ns)
    start_ns, end_ns = _range(place, kept, names, base_ns, start, end)
    bars: list[StoredBars] = []
    funding: list[FundingRates] = []
    for name in names:
        bars += _bars(place, kept, name, base_ns, start_ns, end_ns, judge)
        rates = place.funding(kept, name, start_ns, end_ns)
        funding += [] if rates is None else [rates]
    history = MarketHistory.from_series(
        contracts, bars, funding, timeframe_ns=frame_ns, start_ns=start_ns, end_ns=end_ns, judge=judge
    )
    dated = tuple(snapshots.contract(place, venue, name, kept=kept, at_ns=history.start_ns) for name in names)
    history = replace(history, contracts=dated)
    if len(history.currencies) > 1:
        history = _referring(place, kept, history, report_currency)
    return history.noting(*_contract_notes(history, strict_tiers))


def _referring(store: Store, venue: str, history: MarketHistory, told_in: str | None) -> MarketHistory:
    """The history with the marks of what else its currencies are told by."""
    kinds = (SeriesKind.MARK, SeriesKind.OHLCV)
    stored = {line.key.symbol for line in catalogue(store) if line.key.venue == venue and line.key.kind in kinds}
    found = {}
    for symbol in references(history.symbols, told_in, stored - set(history.symbols)):
        parts = _bars(store, venue, symbol, history.interval_ns, history.start_ns, history.end_ns, PriceSource.MARK)
        block = np.empty((2, history.length))
        alignment.place(block, parts[-1], history.clock, ("open", "close"))
        found[symbol] = block
    return replace(history, references=found)


def _range(
    store: Store,
    venue: str,
    symbols: Sequence[str],
    base_ns: int,
    start: Moment | timedelta | None,
    end: Moment | None,
) -> tuple[int | None, int | None]:
    end_ns = None if end is None else moment_ns(end)
    length = span(start) if isinstance(start, str) else start if isinstance(start, timedelta) else None
    if length is None:
        start_ns = None if start is None or isinstance(start, timedelta) else moment_ns(start)
        if start_ns is not None and end_ns is not None and end_ns <= start_ns:
            raise UsageError(f"the range {time_text(start_ns)}..{time_text(end_ns)} is empty; its end is exclusive")
        return start_ns, end_ns
    if end_ns is None:
        found = [_extent(store, venue, symbol, base_ns) for symbol in symbols]
        end_ns = min((extent[1] for extent in found if extent is not None), default=None)
    if end_ns is None:
        return None, None
    return end_ns - int(length.total_seconds()) * 1_000_000_000, end_ns


def _extent(store: Store, venue: str, symbol: str, base_ns: int) -> tuple[int, int] | None:
    stored = _stored_interval(store, venue, symbol, SeriesKind.OHLCV, base_ns)
    if stored is None:
        return None
    return store.extent(SeriesKey(venue=venue, symbol=symbol, kind=SeriesKind.OHLCV, interval_ns=stored))


def _stored_interval(
    store: Store,
    venue: str,
    symbol: str,
    kind: SeriesKind,
    base_ns: int,
    start_ns: int | None = None,
    end_ns: int | None = None,
) -> int | None:
    """The longest stored interval that makes whole bars of `base_ns` and has as much of the range as any."""
    fits = [length for length in store.intervals(venue, symbol, kind) if base_ns % length == 0]
    if len(fits) < 2:
        return fits[-1] if fits else None

    def covered_ns(length: int) -> int:
        extent = store.extent(SeriesKey(venue=venue, symbol=symbol, kind=kind, interval_ns=length))
        if extent is None:
            return 0
        low = extent[0] if start_ns is None else max(extent[0], start_ns)
        high = extent[1] if end_ns is None else min(extent[1], end_ns)
        return max(0, high - low)

    covered = {length: covered_ns(length) for length in fits}
    enough = max(covered.values()) - base_ns  # an unfinished bar of the finer interval does not count
    return max(length for length in fits if covered[length] >= enough)


def _bars(
    store: Store,
    venue: str,
    symbol: str,
    base_ns: int,
    start_ns: int | None,
    end_ns: int | None,
    judge: PriceSource,
) -> list[StoredBars]:
    """The last price and what it is judged by: the mark price, or the index price where there is none."""
    found: list[StoredBars] = []
    kinds = (SeriesKind.OHLCV, *(() if judge is PriceSource.LAST else (SeriesKind.MARK, SeriesKind.INDEX)))
    for kind in kinds:
        length = _stored_interval(store, venue, symbol, kind, base_ns, start_ns, end_ns)
        if length is None or (kind is SeriesKind.INDEX and len(found) == 2):
            continue
        key = SeriesKey(venue=venue, symbol=symbol, kind=kind, interval_ns=length)
        part = StoredBars.find(store, key, base_ns, start_ns, end_ns)
        found += [] if part is None else [part]
    if not found or found[0].kind is not SeriesKind.OHLCV:
        raise MarketDataError(_absent(store, venue, symbol, base_ns, start_ns, end_ns))
    return found


def _absent(store: Store, venue: str, symbol: str, base_ns: int, start_ns: int | None, end_ns: int | None) -> str:
    lines = [line for line in catalogue(store) if line.key.venue == venue]
    what = f"{symbol}: no {interval_text(base_ns)} bars of {venue} are stored in {store.root}"
    mend = f"import them: backtest data import FILE --venue {venue} --symbol {symbol} --kind ohlcv"
    if not lines:
        others = sorted({line.key.venue for line in catalogue(store)})
        return f"{what}, which holds {', '.join(others) or 'nothing'}; {mend}"
    held = [line for line in lines if line.key.symbol == symbol and line.key.kind is SeriesKind.OHLCV]
    if not held:
        known = sorted({line.key.symbol for line in lines})
        return f"{what}; {near(symbol, known)}stored are {', '.join(known)}; {mend}"
    stored = "; ".join(
        f"{interval_text(line.key.interval_ns or 0)} {time_text(line.first_ns)}..{time_text(line.end_ns)}"
        for line in held
    )
    asked = f" for {'' if start_ns is None else time_text(start_ns)}..{'' if end_ns is None else time_text(end_ns)}"
    return f"{what}{asked if start_ns is not None or end_ns is not None else ''}; stored are {stored}"


def _make_at_first_use(store: Store, venue: str, symbols: Sequence[str], base_ns: int) -> None:
    missing = [
        symbol for symbol in symbols if _stored_interval(store, venue, symbol, SeriesKind.OHLCV, base_ns) is None
    ]
    loader = extensions.market_loader(venue) if missing else None
    if loader is None:
        return
    unknown = [symbol for symbol in missing if symbol not in loader.symbols(venue)]
    if unknown:
        known = loader.symbols(venue)
        raise UsageError(
            f"the {venue} market has no '{unknown[0]}'; {near(unknown[0], known)}it has {', '.join(known)}"
        )
    for delivery in loader.series(MarketRequest(venue=venue, symbols=tuple(missing), interval_ns=base_ns)):
        if isinstance(delivery.series, Tiers):
            store.write_tiers(delivery.series.venue, delivery.series.symbol, delivery.series.tables)
        else:
            store.write(delivery.series)


def _contract_notes(history: MarketHistory, strict_tiers: bool) -> list[str]:
    notes = []
    for contract in history.contracts:
        other = _tiers_note(contract, history)
        if other and strict_tiers:
            raise MarketDataError(f"{other}; {_known_dates(contract)}, or run without --strict")
        notes += [other] if other else []
        if not history.synthetic:
            notes += [f"{contract.symbol}: {said}" for said in contract.sources if ": assumed, " in said]
    return [*notes, *_rule_notes(history)]


def _tiers_note(contract: Contract, history: MarketHistory) -> str:
    """What is to be said where the leverage tiers that the range begins with are not known to be of its time."""
    table = contract.tiers_at(history.start_ns)
    if table.assumed:
        return f"{contract.symbol}: no leverage tiers of {contract.venue} are known, assumed are {table.assumed}"
    first_ns, last_ns = table.first_seen_ns, None if table.seen_ns is None else table.seen_ns[1]
    if first_ns > history.start_ns:
        until = time_text(min(first_ns, history.end_ns))
        return (
            f"{contract.symbol}: leverage tiers of {time_text(first_ns)[:10]}, the earliest known, stand in for those "
            f"of {time_text(history.start_ns)}..{until}"
        )
    if last_ns is not None and last_ns < history.start_ns and table is contract.tier_tables[-1]:
        return f"{contract.symbol}: leverage tiers of {time_text(last_ns)[:10]}, the latest known, are taken to hold on"
    return ""


def _known_dates(contract: Contract) -> str:
    """Of which dates leverage tiers are known, as a way to mend."""
    known = [table for table in contract.tier_tables if not table.assumed]
    dates = [time_text(table.first_seen_ns)[:10] for table in known]
    if not dates:
        return "import the venue's own (`backtest data import FILE --kind tiers`)"
    return f"tables are known of {', '.join(dict.fromkeys(dates))}; choose a range from then on, import others"


def _rule_notes(history: MarketHistory) -> list[str]:
    """What a venue file says of its venue, and the changes of rules within the range that the run does not make."""
    sets = history.contracts[0].rules
    if not sets:
        return []
    held = held_at(sets, history.start_ns)
    notes = [f"{held.name}: {note}" for note in held.notes]
    for later in sets:
        when = later.valid_from_ns
        if when is None or not history.start_ns < when < history.end_ns:
            continue
        if later.marginal != held.marginal:
            notes.append(f"{held.name}: leverage tiers are marginal from {time_text(when)} on, for open positions too")
        changed = changed_rules(held, later)
        if changed:
            notes.append(
                f"{held.name} changed its rules on {time_text(when)}, within the range ({', '.join(changed)}); "
                "those of the range's start hold throughout"
            )
    return notes
