"""Plugins of installed packages, found by entry point; loaders of market data among them.

The wings' packages are called `data` and `strategies`, names that a user's own folder may bear too. A plugin whose
package turns out to be another one of the same name is reported as shadowed, with what was found and where; the
others go on working.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from backtest.errors import BacktestError, UsageError, near
from backtest.market.loader import FileLoader, MarketLoader, VenueLoader
from backtest.market.serving import VenueServer

DATA_GROUP = "backtest.data"

Source = FileLoader | MarketLoader | VenueLoader | VenueServer


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """One plugin that was found: its name, where it is, and what keeps it from loading ("" for nothing)."""

    name: str
    where: str
    found: type | None = None
    problem: str = ""
    error: BacktestError | None = None
    """The problem as it was raised, where it was."""


def sources() -> tuple[Plugin, ...]:
    """All loaders of market data."""
    return tuple(installed(entry) for entry in entry_points(DATA_GROUP))


def source(name: str) -> Source:
    """The loader of a name."""
    entries = {entry.name: entry for entry in entry_points(DATA_GROUP)}
    if name not in entries:
        known = ", ".join(entries) or "none (is the package installed?)"
        raise UsageError(f"there is no loader '{name}'; {near(name, entries)}known are {known}")
    return _loader(installed(entries[name]))


def file_loader(path: Path) -> FileLoader:
    """The loader that recognises a file by its name."""
    for plugin in sources():
        if plugin.problem:
            continue
        loader = _loader(plugin)
        if isinstance(loader, FileLoader) and loader.recognises(path):
            return loader
    problems = "".join(f"; {plugin.problem}" for plugin in sources() if plugin.problem)
    raise UsageError(
        f"no loader reads {path.name}; write it as CSV or Parquet, or name the loader with --loader{problems}"
    )


def market_loader(venue: str) -> MarketLoader | None:
    """The loader that makes a venue's series by itself at first use, if there is one.

    One of the venue's own name is asked first, so that the others need not be imported.
    """
    for entry in sorted(entry_points(DATA_GROUP), key=lambda entry: entry.name != venue):
        plugin = installed(entry)
        if plugin.problem:
            continue
        loader = _loader(plugin)
        if isinstance(loader, MarketLoader) and loader.automatic and loader.serves(venue):
            return loader
    return None


def venue_loader(name: str) -> VenueLoader:
    """The loader of a name, which connects to venues."""
    loader = source(name)
    if not isinstance(loader, VenueLoader):
        raise UsageError(f"the loader '{name}' connects to no venue")
    return loader


def venue_server(wire: str) -> VenueServer:
    """The plugin that speaks an exchange's interface."""
    found = [_loader(plugin) for plugin in sources() if not plugin.problem]
    servers = [loader for loader in found if isinstance(loader, VenueServer)]
    for server in servers:
        if wire in server.wires:
            return server
    known = [name for server in servers for name in server.wires]
    problems = "".join(f"; {plugin.problem}" for plugin in sources() if plugin.problem)
    raise UsageError(
        f"no plugin speaks as '{wire}' does; {near(wire, known)}known are {', '.join(known) or 'none'}{problems}"
    )


def _loader(plugin: Plugin) -> Source:
    if plugin.found is None:
        raise UsageError(plugin.problem)
    loader = plugin.found()
    if not isinstance(loader, FileLoader | MarketLoader | VenueLoader | VenueServer):
        raise UsageError(
            f"'{plugin.name}' ({plugin.where}) is no loader: it has none of `read`, `series`, `connect`, `open`"
        )
    return loader


def entry_points(group: str) -> list[metadata.EntryPoint]:
    """The entry points of a group, by name."""
    return sorted({entry.name: entry for entry in metadata.entry_points(group=group)}.values(), key=lambda e: e.name)


def installed(entry: metadata.EntryPoint) -> Plugin:
    """What an entry point leads to, or what keeps it from being loaded."""
    try:
        found = entry.load()
    except (ImportError, AttributeError) as error:
        return Plugin(name=entry.name, where=entry.value, problem=_why(entry, error))
    if not isinstance(found, type):
        return Plugin(name=entry.name, where=entry.value, problem=f"'{entry.name}': {entry.value} is no class")
    return Plugin(name=entry.name, where=entry.value, found=found)


def _why(entry: metadata.EntryPoint, error: Exception) -> str:
    package = entry.value.partition(":")[0].partition(".")[0]
    owner = entry.dist.name if entry.dist is not None else "its package"
    places = _places(package)
    missing = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == package
    if places and (missing or isinstance(error, AttributeError)):
        return (
            f"'{entry.name}' ({entry.value} of {owner}) is shadowed: the package '{package}' found first is "
            f"{', '.join(places)}; rename that folder, or work in another one"
        )
    return f"'{entry.name}' ({entry.value} of {owner}) cannot be imported: {error}"


def _places(package: str) -> list[str]:
    module = sys.modules.get(package)
    if module is not None:
        found = getattr(module, "__file__", None)
        return [found] if found else [str(path) for path in getattr(module, "__path__", [])]
    spec = importlib.util.find_spec(package)
    if spec is None:
        return []
    return [spec.origin] if spec.origin else [str(path) for path in spec.submodule_search_locations or []]
