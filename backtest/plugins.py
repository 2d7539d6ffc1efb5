"""Finds both wings without importing either: strategies by name, by path or in the workspace, and loaders by name.

A strategy file needs no packaging: `./my_strategy.py:MyStrategy`, or a file in the workspace's `strategies/`.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from backtest.errors import BacktestError, StrategyError, UsageError, near
from backtest.extensions import Plugin, entry_points, installed, source, sources
from backtest.strategy.protocol import Strategy
from backtest.workspace import Workspace

__all__ = ["Plugin", "source", "sources", "strategies", "strategy"]

STRATEGY_GROUP = "backtest.strategies"
USER_MODULES = "backtest_user_"
"""How the modules of strategy files begin: no other process can import them by name."""


def strategies() -> tuple[Plugin, ...]:
    """All strategies: those of installed packages, then those of the workspace's `strategies/` folder."""
    packaged = [installed(entry) for entry in entry_points(STRATEGY_GROUP)]
    return (*packaged, *_of_workspace({plugin.name for plugin in packaged}))


def strategy(text: str) -> type[Strategy]:
    """The strategy of a name (`gradual-leverage`) or a path (`./my_strategy.py:MyStrategy`)."""
    path, _, name = text.rpartition(":") if re.search(r"\.py:\w+$", text) else (text, "", "")
    if path.endswith(".py"):
        return _of_file(Path(path), name)
    entries = {entry.name: entry for entry in entry_points(STRATEGY_GROUP)}
    if text in entries:
        return _checked(installed(entries[text]))
    beside = {plugin.name: plugin for plugin in _of_workspace(set(entries))}
    if text in beside:
        return _checked(beside[text])
    known = [*entries, *beside]
    raise UsageError(
        f"there is no strategy '{text}'; {near(text, known)}known are {', '.join(known)}; "
        "a file of your own is named by its path, ./my_strategy.py:MyStrategy"
    )


def _checked(plugin: Plugin) -> type[Strategy]:
    if plugin.found is None:
        raise plugin.error or UsageError(plugin.problem)
    if not issubclass(plugin.found, Strategy):
        raise UsageError(f"'{plugin.name}' ({plugin.where}) is no subclass of backtest.Strategy")
    return plugin.found


def _of_workspace(taken: set[str]) -> Iterable[Plugin]:
    folder = Workspace.find().strategies
    for path in sorted(folder.glob("*.py")) if folder.is_dir() else []:
        name = path.stem.replace("_", "-")
        if name in taken or path.stem.startswith("_"):
            continue
        try:
            classes = _classes(_module(path))
        except BacktestError as error:
            yield Plugin(name=name, where=str(path), problem=str(error), error=error)
            continue
        for found in classes:
            called = name if len(classes) == 1 else f"{name}:{found.__name__}"
            yield Plugin(name=called, where=f"{path}:{found.__name__}", found=found)


def _of_file(path: Path, name: str) -> type[Strategy]:
    if not path.is_file():
        beside = [each.name for each in path.parent.glob("*.py")] if path.parent.is_dir() else []
        raise UsageError(f"there is no file {path}; {near(path.name, beside)}the path is read from {Path.cwd()}")
    classes = {found.__name__: found for found in _classes(_module(path))}
    if name in classes:
        return classes[name]
    if name:
        known = ", ".join(classes) or "none"
        raise UsageError(f"{path} has no strategy '{name}'; {near(name, classes)}it has {known}")
    if len(classes) == 1:
        return next(iter(classes.values()))
    if not classes:
        raise UsageError(f"{path} holds no subclass of backtest.Strategy")
    raise UsageError(f"{path} holds several strategies ({', '.join(classes)}); say which: {path}:{next(iter(classes))}")


def _classes(module: ModuleType) -> list[type[Strategy]]:
    return [
        found
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, Strategy) and found.__module__ == module.__name__
    ]


def _module(path: Path) -> ModuleType:
    """The module of a file, run once for each path; it is listed in sys.modules so that its classes can be pickled."""
    place = path.resolve()
    name = f"{USER_MODULES}{re.sub(r'[^0-9A-Za-z]', '_', str(place))}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(place)]
        line = error.lineno if isinstance(error, SyntaxError) else frames[-1].lineno if frames else None
        raise StrategyError(f"{path}, line {line}: {type(error).__name__}: {error}") from error
    return module
