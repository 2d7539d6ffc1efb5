"""Both wings are found by entry point, by path and in the workspace; a shadowed one is reported and breaks nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from backtest import extensions, plugins
from backtest.errors import StrategyError, UsageError
from backtest.market.loader import FileLoader, MarketLoader

MINE = """
import backtest as bt

class Mine(bt.Strategy):
    def next(self):
        pass
"""
TWO = MINE + MINE.replace("Mine", "Other")


def script(folder: Path, code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def test_the_loaders_of_the_data_wing_are_found() -> None:
    assert {plugin.name for plugin in plugins.sources()} >= {"files", "freqtrade", "sample"}
    assert isinstance(plugins.source("files"), FileLoader)
    assert isinstance(plugins.source("sample"), MarketLoader)


def test_a_file_finds_its_loader_by_its_name() -> None:
    assert type(extensions.file_loader(Path("a.csv"))).__name__ == "TableFiles"
    assert type(extensions.file_loader(Path("X_USDT_USDT-1h-mark.feather"))).__name__ == "FreqtradeFiles"
    with pytest.raises(UsageError, match=r"no loader reads a\.xlsx"):
        extensions.file_loader(Path("a.xlsx"))


def test_unknown_plugins_are_answered_with_the_near_name(workspace: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'freqtrade'"):
        plugins.source("freqtrad")
    with pytest.raises(UsageError, match="did you mean 'buy-and-hold'"):
        plugins.strategy("buy-and-hodl")


def test_a_strategy_is_found_by_path(workspace: Path) -> None:
    path = workspace / "my_strategy.py"
    path.write_text(TWO, encoding="utf-8")
    assert plugins.strategy("./my_strategy.py:Mine").__name__ == "Mine"
    assert plugins.strategy(f"{path}:Other") is plugins.strategy("my_strategy.py:Other")
    with pytest.raises(UsageError, match="has no strategy 'Mne'; did you mean 'Mine'"):
        plugins.strategy("./my_strategy.py:Mne")
    with pytest.raises(UsageError, match="holds several strategies"):
        plugins.strategy("./my_strategy.py")
    with pytest.raises(UsageError, match=r"did you mean 'my_strategy\.py'"):
        plugins.strategy("./my_strategey.py:Mine")


def test_a_file_in_the_workspaces_folder_is_found_by_name(workspace: Path) -> None:
    (workspace / "strategies").mkdir()
    (workspace / "strategies" / "my_idea.py").write_text(MINE, encoding="utf-8")
    (workspace / "strategies" / "pair.py").write_text(TWO, encoding="utf-8")
    assert plugins.strategy("my-idea").__name__ == "Mine"
    assert plugins.strategy("pair:Other").__name__ == "Other"
    names = [plugin.name for plugin in plugins.strategies()]
    assert {"buy-and-hold", "my-idea", "pair:Mine", "pair:Other"} <= set(names)


def test_a_file_that_raises_is_named_with_its_line_and_breaks_no_other(workspace: Path) -> None:
    (workspace / "strategies").mkdir()
    (workspace / "strategies" / "broken.py").write_text("import backtest\n\n1 / 0\n", encoding="utf-8")
    (workspace / "strategies" / "good.py").write_text(MINE, encoding="utf-8")
    with pytest.raises(StrategyError, match=r"broken.py, line 3: ZeroDivisionError"):
        plugins.strategy("./strategies/broken.py")
    with pytest.raises(StrategyError, match=r"broken.py, line 3: ZeroDivisionError"):
        plugins.strategy("broken")
    assert plugins.strategy("good").__name__ == "Mine"


def test_a_file_without_a_strategy_is_said_so(workspace: Path) -> None:
    (workspace / "empty.py").write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(UsageError, match="holds no subclass"):
        plugins.strategy("./empty.py")


def test_a_plugin_whose_package_is_shadowed_is_reported_and_breaks_no_other(tmp_path: Path) -> None:
    site, work = tmp_path / "site", tmp_path / "work"
    (site / "wing").mkdir(parents=True)
    (site / "wing" / "loaders.py").write_text("class Mine:\n    pass\n", encoding="utf-8")
    (site / "wing" / "__init__.py").write_text("", encoding="utf-8")
    (site / "wing-1.0.dist-info").mkdir()
    (site / "wing-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: wing\nVersion: 1.0\n")
    entries = "[backtest.data]\nmine = wing.loaders:Mine\n[backtest.strategies]\nidea = wing.ideas:Idea\n"
    (site / "wing-1.0.dist-info" / "entry_points.txt").write_text(entries, encoding="utf-8")
    (work / "wing").mkdir(parents=True)
    (work / "wing" / "__init__.py").write_text("", encoding="utf-8")
    code = (
        f"import sys, json\nsys.path[:0] = [{str(work)!r}, {str(site)!r}]\n"
        "from backtest import plugins\nfrom backtest.errors import UsageError\n"
        "found = {plugin.name: plugin.problem for plugin in (*plugins.sources(), *plugins.strategies())}\n"
        "try:\n    plugins.source('mine')\nexcept UsageError as error:\n    found['asked'] = str(error)\n"
        "print(json.dumps(found))"
    )
    said = json.loads(script(tmp_path, code))
    place = work / "wing" / "__init__.py"
    assert (
        said["mine"]
        == said["asked"]
        == (
            f"'mine' (wing.loaders:Mine of wing) is shadowed: the package 'wing' found first is {place}; "
            "rename that folder, or work in another one"
        )
    )
    assert "is shadowed" in said["idea"]
    assert said["files"] == said["sample"] == ""


def test_folders_of_a_workspace_named_data_and_strategies_shadow_nothing(tmp_path: Path) -> None:
    for name in ("data", "strategies"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.py").write_text("", encoding="utf-8")
    said = script(tmp_path, "from backtest import plugins\nprint(sorted({p.problem for p in plugins.sources()}))")
    assert said.strip() == "['']"


def test_the_core_imports_no_wing_by_itself(tmp_path: Path) -> None:
    code = (
        "import sys\nimport backtest.market.loading, backtest.plugins\n"
        "print([name for name in sys.modules if name.partition('.')[0] in ('data', 'strategies')])"
    )
    assert script(tmp_path, code).strip() == "[]"


def test_the_loader_of_the_venues_own_name_is_asked_before_others_are_imported(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom backtest.extensions import market_loader\n"
        "print(type(market_loader('sample')).__name__, [name for name in sys.modules if name.startswith('data.')])"
    )
    said = script(tmp_path, code)
    assert said.startswith("SampleMarket")
    assert "data.table_files" not in said and "data.loopback" not in said
