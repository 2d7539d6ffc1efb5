"""`backtest data serve`: a stored venue behind an exchange's own interface, for working offline."""

from __future__ import annotations

from pathlib import Path

from backtest import extensions, venues
from backtest.cli import importing
from backtest.clock import interval_text, time_text
from backtest.market.catalogue import catalogue
from backtest.market.serving import OpenVenue, ServeRequest
from backtest.market.store import Store

ANOTHER = "offline"
"""Folder that the example fetches into: what comes from here is not mixed with what comes from the exchange."""


def opened(
    *, store: Path | None, venue: str | None, wire: str, port: int, fault_seed: int | None, whole_history: bool
) -> OpenVenue:
    """A server that holds its port: of the named venue, else of the wire format's own, else of the sample market."""
    place = importing.place(store)
    stored = {line.key.venue for line in catalogue(place)}
    name = venue or (wire if wire in stored else venues.SAMPLE)
    server = extensions.venue_server(wire)
    if name == venues.SAMPLE and name not in stored:
        _make_sample(place)
    request = ServeRequest(
        store=place, venue=name, wire=wire, port=port, fault_seed=fault_seed, whole_history=whole_history
    )
    return server.open(request)


def command_line(served: OpenVenue) -> str:
    """The line that fetches from a server, in full."""
    symbols = " ".join(f"-s {symbol}" for symbol in served.symbols)
    start, end = (time_text(moment).replace(" ", "T") for moment in _week(served))
    return (
        f"backtest data fetch --venue {served.venue} {symbols} --timeframe {interval_text(served.interval_ns)} "
        f"-r {start}..{end} --kind {','.join(served.kinds)} --base-url {served.url} --store {ANOTHER}"
    )


def text(served: OpenVenue) -> str:
    """What is served, where, and how to fetch it."""
    lines = [f"Serving as {served.venue} at {served.url}", *(f"  {line}" for line in served.series), *served.remarks]
    return "\n".join([*lines, f"Fetch from another terminal:  {command_line(served)}", "Ctrl-C stops."])


def document(served: OpenVenue) -> dict[str, object]:
    """The same as a part of a JSON document."""
    return {
        "url": served.url,
        "venue": served.venue,
        "symbols": list(served.symbols),
        "kinds": list(served.kinds),
        "series": list(served.series),
        "remarks": list(served.remarks),
        "fetch": command_line(served),
    }


def _week(served: OpenVenue) -> tuple[int, int]:
    """The last days of what is served: 7 of hourly or longer bars, fewer of shorter ones."""
    return max(served.start_ns, served.end_ns - 168 * served.interval_ns), served.end_ns


def _make_sample(place: Store) -> None:
    importing.synthesise(place, None)
