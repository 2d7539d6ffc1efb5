"""`backtest doctor`: is the installation whole, are the plugins found, can the workspace be used?"""

from __future__ import annotations

import json
import platform
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata

import click

from backtest import compiling, extensions, plugins
from backtest.cli.request import RunRequest
from backtest.errors import BacktestError, UsageError
from backtest.market.catalogue import catalogue
from backtest.market.store import Store
from backtest.workspace import Workspace

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing looked at: `level` is ok, warn or fail."""

    level: str
    subject: str
    text: str


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def doctor(as_json: bool) -> None:
    """Check the installation, the plugins, the workspace's settings and its market history."""
    checks = [*_installation(), *_plugins(), *_workspace()]
    failed = [check for check in checks if check.level == "fail"]
    if as_json:
        click.echo(json.dumps({"schema_version": SCHEMA_VERSION, "checks": [asdict(check) for check in checks]}))
    else:
        for check in checks:
            click.echo(f"{check.level:<4}  {check.subject:<12}  {check.text}")
    if failed:
        raise UsageError(f"{len(failed)} of {len(checks)} checks failed; the lines marked 'fail' say how to mend them")


def _installation() -> Iterator[Check]:
    yield Check(level="ok", subject="python", text=f"{platform.python_version()} at {sys.executable}")
    for requirement in metadata.requires("isomargin") or []:
        found = re.match(r"^([\w.-]+)>=([\d.]+)$", requirement)
        if found is None:
            continue
        name, least = found[1], found[2]
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Check(level="fail", subject=name, text=f"is not installed; pip install '{name}>={least}'")
            continue
        if _numbers(version) < _numbers(least):
            text = f"{version} is older than {least}; pip install '{name}>={least}'"
            yield Check(level="fail", subject=name, text=text)
        else:
            yield Check(level="ok", subject=name, text=version)
    warm = "compiled" if compiling.is_warm() else "will be compiled by the next run"
    yield Check(level="ok", subject="kernels", text=f"{warm}, in {compiling.cache_folder()}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _plugins() -> Iterator[Check]:
    for kind, found in (("source", extensions.sources()), ("strategy", plugins.strategies())):
        for plugin in found:
            level, text = ("fail", plugin.problem) if plugin.problem else ("ok", f"{plugin.name}  ({plugin.where})")
            yield Check(level=level, subject=kind, text=text)


def _workspace() -> Iterator[Check]:
    workspace = Workspace.find()
    try:
        RunRequest.resolve({}, workspace.run_defaults())
    except BacktestError as error:
        yield Check(level="fail", subject="settings", text=str(error))
    else:
        said = f"{workspace.config_file}" if workspace.configured else f"no backtest.toml at or above {workspace.root}"
        yield Check(level="ok", subject="settings", text=said)
    try:
        series = catalogue(Store(root=workspace.store))
    except BacktestError as error:
        yield Check(level="fail", subject="store", text=str(error))
        return
    gaps = sum(line.gaps for line in series)
    level = "warn" if gaps else "ok"
    yield Check(level=level, subject="store", text=f"{len(series)} series, {gaps} gaps, in {workspace.store}")
