"""`backtest data fetch | import | synth | list | check | serve`: market history into the store, and what is in it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from backtest.errors import UsageError

SCHEMA_VERSION = 1

_store = click.option("--store", type=click.Path(path_type=Path), help="Folder of the store.  [the workspace's store/]")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def data() -> None:
    """Fetch, import, make, list and check market history."""


@data.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--venue", required=True, help="Venue whose contract this is: binance, bybit, okx, ...")
@click.option("--symbol", help="BTC/USDT:USDT, BTCUSDT or BTC-PERP; freqtrade's files say it themselves.")
@click.option("--kind", help="ohlcv, mark, index, funding or tiers.  [ohlcv]")
@click.option("--timeframe", "--tf", help="Interval of the bars: 1m, 1h, 1d.  [read from the stamps]")
@click.option("--map", "mapping", multiple=True, metavar="OURS=THEIRS,...", help="Column names: time=ts,open=o.")
@click.option("--valid-from", help="Date from which leverage tiers hold, where the file does not say.")
@click.option("--loader", help="Loader plugin that reads the file.  [by the file's name]")
@click.option("--any-venue", is_flag=True, help="Accept a venue that is not known here; it can be stored, not run.")
@click.option("--dry-run", is_flag=True, help="Read and check, write nothing.")
@_store
@_json
def import_(
    files: tuple[Path, ...],
    venue: str,
    symbol: str | None,
    kind: str | None,
    timeframe: str | None,
    mapping: tuple[str, ...],
    valid_from: str | None,
    loader: str | None,
    any_venue: bool,
    dry_run: bool,
    store: Path | None,
    as_json: bool,
) -> None:
    """Read FILE, check it and add it to the store: all of it, or nothing.

    \b
    backtest data import btc.csv --venue binance --symbol BTC/USDT:USDT --kind ohlcv --timeframe 1h
    backtest data import XRP_USDT_USDT-1h-mark.feather --venue binance
    """
    from backtest.cli import importing

    request = importing.request(
        venue=venue,
        symbol=symbol,
        kind=kind,
        timeframe=timeframe,
        columns=_columns(mapping),
        valid_from=valid_from,
        any_venue=any_venue,
    )
    place = importing.place(store)
    done = importing.import_files(place, files, request, loader=loader, dry_run=dry_run)
    remarks = importing.rules_remarks(place, done)
    if as_json:
        _print({"dry_run": dry_run, "imported": [each.document() for each in done], "remarks": remarks})
        return
    for line in (*(each.text() for each in done), *remarks):
        click.echo(line)


@data.command()
@click.option(
    "--venue", required=True, help="binance, binance-coin, bybit, okx, gate, bitget, kucoin, deribit, hyperliquid."
)
@click.option("-s", "--symbol", "symbols", multiple=True, required=True, help="Symbol; BTC is enough. May be repeated.")
@click.option("-r", "--range", "range_", required=True, help="FROM..TO in UTC, the end exclusive, or 90d.")
@click.option("--timeframe", "--tf", default="1m", show_default=True, help="Interval of the bars.")
@click.option("--kind", "kinds", multiple=True, help="ohlcv, mark, index, funding, contracts.  [all but index]")
@click.option("--resume/--restart", default=True, help="Ask for what is missing only, or for all again.  [resume]")
@click.option("--base-url", metavar="URL", help="Another server in place of the venue's: http://127.0.0.1:8787.")
@click.option(
    "--archive", metavar="PATH_OR_URL", help="Read the venue's public archive from there: a folder or address."
)
@click.option("--workers", default=4, show_default=True, type=click.IntRange(min=1), help="Requests under way at once.")
@click.option("--timeout", default=20.0, show_default=True, help="Seconds that one answer may take.")
@click.option("--attempts", default=8, show_default=True, type=click.IntRange(min=1), help="Tries of one request.")
@_store
@_json
def fetch(
    venue: str,
    symbols: tuple[str, ...],
    range_: str,
    timeframe: str,
    kinds: tuple[str, ...],
    resume: bool,
    base_url: str | None,
    archive: str | None,
    workers: int,
    timeout: float,
    attempts: int,
    store: Path | None,
    as_json: bool,
) -> int:
    """Fetch market history from an exchange into the store; an interrupted fetch goes on where it stopped.

    \b
    backtest data fetch --venue binance -s BTC/USDT:USDT -s ETH -r 2024-01-01..2024-02-01
    backtest data fetch --venue okx -s BTC -r 90d --timeframe 1h --kind ohlcv,mark
    """
    from backtest.cli import fetching
    from backtest.market.loader import Access

    place = archive or base_url or os.environ.get("ISOMARGIN_BASE_URL", "")
    asked = fetching.Asked(
        venue=venue,
        symbols=symbols,
        range=range_,
        timeframe=timeframe,
        kinds=kinds,
        restart=not resume,
        address=base_url or "",
        archive=archive or "",
        access=Access(address=place, timeout_s=timeout, attempts=attempts, workers=workers),
        store=store,
        quiet=as_json,
    )
    fetched = fetching.run(asked)
    if as_json:
        _print(fetching.document(fetched))
    else:
        click.echo(fetching.text(fetched))
    return 3 if fetching.failed(fetched) else 0


@data.command()
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the market.  [7: the embedded sample]")
@_store
@_json
def synth(seed: int | None, store: Path | None, as_json: bool) -> None:
    """Make the synthetic market: three perpetuals, hourly for two years and one-minute for sixty days.

    It is stored as venue `sample`, with another seed as `sample-SEED`, and is said to be synthetic wherever it appears.
    """
    from backtest.cli import importing

    venue, done = importing.synthesise(importing.place(store), seed)
    if as_json:
        _print({"venue": venue, "imported": [each.document() for each in done]})
        return
    for each in done:
        click.echo(each.text())
    click.echo(f"Synthetic, no real prices.  Next: backtest run buy-and-hold --venue {venue} -s BTC/USDT:USDT")


@data.command("list")
@click.option("--venue", help="Only this venue.")
@click.option("--symbol", help="Only this symbol.")
@_store
@_json
def list_(venue: str | None, symbol: str | None, store: Path | None, as_json: bool) -> None:
    """List what is stored."""
    from backtest.cli import importing, stored

    lines = stored.lines(importing.place(store), venue, (symbol,) if symbol else ())
    if as_json:
        _print({"series": [stored.document(line) for line in lines]})
        return
    click.echo(stored.table(lines))


@data.command()
@click.argument("symbols", nargs=-1)
@click.option("--venue", help="Only this venue.")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@_store
@_json
def check(symbols: tuple[str, ...], venue: str | None, strict: bool, store: Path | None, as_json: bool) -> int:
    """Check what is stored (all of it, or SYMBOLS): gaps, impossible bars, frozen prices, last far from mark, tiers.

    Nothing is repaired. Ends with exit code 3 where a series fails, with --strict also where one has a warning.
    """
    from backtest.cli import importing, stored
    from backtest.market.checks import Level
    from backtest.market.checks import check as verdicts_of

    place = importing.place(store)
    verdicts = verdicts_of(place, stored.lines(place, venue, symbols))
    bar = Level.WARN if strict else Level.FAIL
    failed = any(verdict.level >= bar for verdict in verdicts)
    if as_json:
        _print({"passed": not failed, "verdicts": [stored.verdict_document(verdict) for verdict in verdicts]})
    else:
        click.echo(stored.verdict_text(verdicts))
    return 3 if failed else 0


@data.command("sql")
@click.argument("query")
@click.option("--csv", "as_csv", is_flag=True, help="Print all rows as CSV.")
@_store
@_json
def sql_(query: str, as_csv: bool, store: Path | None, as_json: bool) -> None:
    """Ask the store a question in SQL (DuckDB's); it reads only.

    Views: ohlcv, mark and index (venue, symbol, timeframe, time, open, high, low, close; ohlcv also volume), funding
    (venue, symbol, time, rate), tiers and contracts. Times are UTC.

    \b
    backtest data sql "select * from ohlcv where symbol='BTC/USDT:USDT' and time >= '2024-01-01' limit 5"
    backtest data sql "select symbol, sum(rate) from funding group by symbol" --json
    """
    from backtest.cli import importing, querying

    if as_csv and as_json:
        raise UsageError("--csv and --json are two ways of printing the rows; give one of them")
    place = importing.place(store)
    if as_csv:
        querying.print_csv(place, query)
    elif as_json:
        _print(querying.document(place, query))
    else:
        click.echo(querying.table(place, query))


@data.command()
@click.option("--venue-format", "wire", default="binance", show_default=True, help="binance, bybit, okx, hyperliquid.")
@click.option("--venue", help="Stored venue to serve.  [that of the format, else the sample market]")
@click.option("--port", default=8787, show_default=True, type=click.IntRange(0, 65535), help="0: any free one.")
@click.option("--faults", "fault_seed", type=click.IntRange(min=0), metavar="SEED", help="Let requests go wrong.")
@click.option("--whole-history", is_flag=True, help="Lift limits on how far back an exchange reaches.")
@_store
@_json
def serve(
    wire: str,
    venue: str | None,
    port: int,
    fault_seed: int | None,
    whole_history: bool,
    store: Path | None,
    as_json: bool,
) -> None:
    """Serve what is stored as an exchange would, on this machine, for working offline; Ctrl-C stops.

    It prints the command that fetches from it. With --faults it shows, by a seed, what real exchanges do on bad days:
    rate limits, errors, time-outs, resets, broken bodies, repeated, overlapping, unordered and empty pages, a clock
    that is off.
    """
    from backtest.cli import serving

    served = serving.opened(
        store=store, venue=venue, wire=wire, port=port, fault_seed=fault_seed, whole_history=whole_history
    )
    if as_json:
        _print(serving.document(served))
    else:
        click.echo(serving.text(served))
    served.serve()


def _columns(mapping: tuple[str, ...]) -> dict[str, str]:
    pairs = [pair for text in mapping for pair in text.split(",") if pair.strip()]
    columns = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not equals or not ours.strip() or not theirs.strip():
            raise UsageError(f"--map {pair}: write our name, an equals sign, the file's name: time=ts,open=o")
        columns[ours.strip().lower()] = theirs.strip()
    return columns


def _print(document: dict[str, object]) -> None:
    click.echo(json.dumps({"schema_version": SCHEMA_VERSION, **document}))
