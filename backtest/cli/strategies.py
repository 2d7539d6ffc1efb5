"""`backtest strategies list | show | new`."""

from __future__ import annotations

import inspect
import json
import keyword
from typing import TYPE_CHECKING

import click

from backtest import plugins
from backtest.cli.templates import filled
from backtest.errors import UsageError
from backtest.strategy.parameters import parameters_of
from backtest.strategy.protocol import Strategy, overridden
from backtest.workspace import Workspace

if TYPE_CHECKING:
    from backtest.plugins import Plugin

SCHEMA_VERSION = 1


@click.group()
def strategies() -> None:
    """List strategies, show one, start a new one."""


@strategies.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def list_(as_json: bool) -> None:
    """List the strategies of installed packages and of the workspace's strategies/ folder."""
    found = plugins.strategies()
    if as_json:
        click.echo(
            json.dumps({"schema_version": SCHEMA_VERSION, "strategies": [described(each) for each in found]}, indent=2)
        )
        return
    width = max((len(plugin.name) for plugin in found), default=0)
    for plugin in found:
        kind = usable(plugin)
        if kind is None:
            click.echo(f"{plugin.name:<{width}}  cannot be used: {plugin.problem or 'it is no subclass of Strategy'}")
            continue
        click.echo(f"{plugin.name:<{width}}  {first_sentence(kind)}")
        given = "  ".join(f"{name}={each.default}" for name, each in parameters_of(kind).items())
        if given:
            click.echo(f"{'':<{width}}    {given}")


@strategies.command()
@click.argument("name")
@click.option("--source", is_flag=True, help="Print the strategy's source file.")
def show(name: str, source: bool) -> None:
    """Show what strategy NAME does, its parameters with their bounds, and the events it listens to."""
    kind = plugins.strategy(name)
    if source:
        click.echo(inspect.getsource(inspect.getmodule(kind) or kind), nl=False)
        return
    click.echo(f"{name}  ({kind.__module__}:{kind.__name__})\n")
    click.echo(inspect.cleandoc(kind.__doc__ or "It says nothing about itself."))
    declared = parameters_of(kind)
    if declared:
        click.echo("\nParameters")
    width = max((len(each) for each in declared), default=0)
    for each, parameter in declared.items():
        low = "" if parameter.low is None else f"{parameter.low:g} ≤ "
        high = "" if parameter.high is None else f" ≤ {parameter.high:g}"
        bounds = f"{low}{each}{high}" if low or high else ", ".join(parameter.choices)
        click.echo(f"  {each:<{width}}  {parameter.default!s:<8}  {bounds:<32}  {parameter.help}".rstrip())
    events = overridden(kind, list(Strategy.HOOKS.values()))
    if events:
        click.echo(f"\nListens to {', '.join(sorted(set(events)))}")


@strategies.command()
@click.argument("name")
def new(name: str) -> None:
    """Write a strategy NAME of your own into the workspace's strategies/ folder, to start from."""
    module = name.strip().lower().replace("-", "_").removesuffix(".py")
    if not module.isidentifier() or keyword.iskeyword(module):
        raise UsageError(f"'{name}' cannot name a strategy; use letters, digits and hyphens, as in trend-top-up")
    target = Workspace.find().strategies / f"{module}.py"
    if target.exists():
        raise UsageError(f"{target} is there already; choose another name, or edit that file")
    taken = {plugin.name for plugin in plugins.strategies()}
    called = module.replace("_", "-")
    if called in taken:
        raise UsageError(f"there is a strategy '{called}' already, which would hide yours; choose another name")
    target.parent.mkdir(parents=True, exist_ok=True)
    class_name = "".join(part.capitalize() for part in module.split("_"))
    target.write_text(filled("strategy.py", class_name=class_name, summary=f"{class_name}: say what it does."), "utf-8")
    click.echo(f"{target}\nNext: backtest run {called}")


def usable(plugin: Plugin) -> type[Strategy] | None:
    """The strategy class of a plugin, where it is one."""
    found = plugin.found
    return found if found is not None and issubclass(found, Strategy) else None


def first_sentence(kind: type[Strategy]) -> str:
    """The first line of a strategy's docstring."""
    return inspect.cleandoc(kind.__doc__ or "").partition("\n")[0]


def described(plugin: Plugin) -> dict[str, object]:
    """A strategy as plain values."""
    kind = usable(plugin)
    declared = {} if kind is None else parameters_of(kind)
    return {
        "name": plugin.name,
        "where": plugin.where,
        "problem": plugin.problem or None,
        "summary": "" if kind is None else first_sentence(kind),
        "parameters": {
            name: {"default": each.default, "low": each.low, "high": each.high, "choices": list(each.choices)}
            for name, each in declared.items()
        },
    }
