"""The work behind `backtest data list` and `check`: what is stored, and the verdicts on it, as text or documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from backtest.clock import interval_text, time_text
from backtest.errors import UsageError, near
from backtest.market.catalogue import StoredSeries, catalogue
from backtest.market.checks import Level, Verdict
from backtest.market.store import Store
from backtest.venues.symbols import canonical

HEADINGS = ("SYMBOL", "VENUE", "KIND", "TF", "FROM (UTC)", "TO (UTC)", "ROWS", "GAPS", "")


def lines(store: Store, venue: str | None, symbols: Sequence[str]) -> tuple[StoredSeries, ...]:
    """The stored series of a venue and of some symbols (all of them unless given)."""
    found = catalogue(store)
    if not found and (venue or symbols):
        raise UsageError(f"nothing is stored in {store.root}; import something with `backtest data import`")
    if venue is not None:
        known = sorted({line.key.venue for line in found})
        if venue not in known:
            raise UsageError(f"nothing of '{venue}' is stored; {near(venue, known)}stored are {', '.join(known)}")
        found = tuple(line for line in found if line.key.venue == venue)
    if not symbols:
        return found
    wanted: list[StoredSeries] = []
    for symbol in symbols:
        these = [line for line in found if canonical(symbol, line.key.venue) == line.key.symbol]
        if not these:
            known = sorted({line.key.symbol for line in found})
            known_venue = found[0].key.venue
            meant = near(canonical(symbol, venue or known_venue), known)
            raise UsageError(f"nothing of '{symbol}' is stored; {meant}stored are {', '.join(known)}")
        wanted += [line for line in these if line not in wanted]
    return tuple(wanted)


def document(line: StoredSeries) -> dict[str, object]:
    """A stored series as a part of a JSON document."""
    return {
        "venue": line.key.venue,
        "symbol": line.key.symbol,
        "kind": line.key.kind.value,
        "timeframe": _interval(line) or None,
        "from": time_text(line.first_ns),
        "to": time_text(line.end_ns),
        "rows": line.rows,
        "gaps": line.gaps,
        "synthetic": line.synthetic,
        "source": line.source,
    }


def table(found: Sequence[StoredSeries]) -> str:
    """Stored series as a table for people."""
    if not found:
        return "Nothing is stored yet.  Next: backtest data import FILE --venue binance --symbol BTC/USDT:USDT"
    rows = [HEADINGS, *(_row(line) for line in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    right = (6, 7)
    return "\n".join(
        "  ".join(
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def verdict_document(verdict: Verdict) -> dict[str, object]:
    """A verdict as a part of a JSON document."""
    findings = [
        {
            "level": finding.level.name.lower(),
            "rule": finding.rule,
            "text": finding.text,
            "time": None if finding.time_ns is None else time_text(finding.time_ns),
            "bars": finding.bars,
        }
        for finding in verdict.findings
    ]
    return {**document(verdict.series), "verdict": verdict.level.name.lower(), "findings": findings}


def verdict_text(verdicts: Sequence[Verdict]) -> str:
    """Verdicts as lines for people, and a count."""
    if not verdicts:
        return "Nothing is stored yet, so there is nothing to check."
    said = []
    several = len({verdict.series.key.venue for verdict in verdicts}) > 1
    for verdict in verdicts:
        key = verdict.series.key
        name = f"{key.symbol} {key.kind.value} {_interval(verdict.series)}".rstrip()
        name = f"{key.venue} {name}" if several else name
        if not verdict.findings:
            said.append(f"ok    {name}  {verdict.series.rows:,} rows")
        said += [f"{finding.level.name:<4}  {name}  {finding.text}" for finding in verdict.findings]
    counts = Counter(verdict.level for verdict in verdicts)
    parts = ((Level.OK, "ok"), (Level.WARN, "with warnings"), (Level.FAIL, "failed"))
    said.append(f"{len(verdicts)} series: " + ", ".join(f"{counts[level]} {word}" for level, word in parts))
    return "\n".join(said)


def _row(line: StoredSeries) -> tuple[str, ...]:
    bars = line.key.kind.is_bars
    return (
        line.key.symbol,
        line.key.venue,
        line.key.kind.value,
        _interval(line) or "–",
        time_text(line.first_ns),
        time_text(line.end_ns),
        f"{line.rows:,}",
        f"{line.gaps:,}" if bars else "–",
        "damaged: see data check" if line.damaged else "synthetic" if line.synthetic else "",
    )


def _interval(line: StoredSeries) -> str:
    return "" if line.interval_ns is None else interval_text(line.interval_ns)
