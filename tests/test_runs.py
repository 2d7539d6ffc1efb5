"""Run folders: the same bytes for the same inputs, whole or not at all, opened again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from backtest import runs
from backtest.audit import audit
from backtest.errors import BacktestError, UsageError
from backtest.result import Result
from tests.builders import one_long_result


@pytest.fixture(scope="module")
def hand() -> Result:
    return one_long_result()


@pytest.fixture(scope="module")
def folder(hand: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return runs.save(hand, tmp_path_factory.mktemp("runs"))


def contents(folder: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def test_a_run_folder_holds_everything(folder: Path) -> None:
    assert set(contents(folder)) == {
        "manifest.json", "metrics.json", "risk_log.jsonl", "report.html",
        "ledger.parquet", "equity.parquet", "positions.parquet", "trades.parquet", "orders.parquet",
    }  # fmt: skip
    assert [each.name for each in folder.parent.iterdir()] == [folder.name]


def test_the_same_inputs_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = runs.save(one_long_result(), tmp_path)
    assert again.name == folder.name
    assert contents(again) == contents(folder)


def test_another_parameter_is_another_run(hand: Result) -> None:
    strategy = replace(hand.strategy, parameters={"leverage": 11})
    assert runs.run_id(replace(hand, strategy=strategy)) != runs.run_id(hand)
    assert runs.run_id(replace(hand, config=replace(hand.config, slippage=0.001))) != runs.run_id(hand)
    assert runs.run_id(replace(hand, bars=5, interrupted=True)) != runs.run_id(hand)


def test_a_saved_run_reads_back_as_it_was(hand: Result, folder: Path) -> None:
    saved = runs.open_run(folder.name, folder.parent)
    for name in (*runs.TABLES, "risk_log"):
        pd.testing.assert_frame_equal(getattr(saved, name), getattr(hand, name))
    assert saved.ledger.attrs == hand.ledger.attrs
    assert repr(saved) == repr(hand)
    assert saved.metrics["net_pnl"] == hand.metrics["net_pnl"]
    assert audit(saved.ledger).ok
    assert saved.damaged() == ()
    assert saved.report == folder / "report.html"


def test_the_manifest_says_what_ran_on_what(hand: Result, folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["schema_version"] == 1
    assert manifest["market"] == hand.history.fingerprint
    assert manifest["strategy_source"] == hand.strategy.source
    assert manifest["config"]["cash"] == 10_000.0
    assert set(manifest["versions"]) >= {"python", "numpy", "numba", "pandas", "isomargin"}


def test_json_holds_null_where_there_is_no_figure(folder: Path) -> None:
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["sharpe"] is None
    assert all(json.loads(line) for line in (folder / "risk_log.jsonl").read_text().splitlines())


def test_the_first_digits_are_enough(folder: Path) -> None:
    assert runs.open_run(folder.name[:5], folder.parent).folder == folder
    assert runs.open_run(str(folder)).folder == folder


def test_an_unknown_or_unclear_id_is_said_so(hand: Result, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run 'abc'"):
        runs.open_run("abc", tmp_path)
    for name in ("aa01", "aa02"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}")
    with pytest.raises(UsageError, match="fits 2 runs"):
        runs.open_run("aa", tmp_path)
    assert [run.id for run in runs.list_runs(tmp_path)] == ["aa01", "aa02"]
    assert runs.list_runs(tmp_path / "nowhere") == ()


def test_a_report_can_be_left_out_and_added_later(hand: Result, tmp_path: Path) -> None:
    short = runs.save(hand, tmp_path, report=False)
    assert runs.SavedRun(short).report is None
    assert runs.save(hand, tmp_path) == short
    assert runs.SavedRun(short).report is not None
    assert [each.name for each in tmp_path.iterdir()] == [short.name]


def test_a_damaged_file_is_named_and_mended_by_saving_again(hand: Result, tmp_path: Path) -> None:
    place = runs.save(hand, tmp_path, report=False)
    (place / "equity.parquet").write_bytes(b"half a file")
    assert runs.SavedRun(place).damaged() == ("equity.parquet",)
    runs.save(hand, tmp_path, report=False)
    assert runs.SavedRun(place).damaged() == ()


def test_a_full_disk_leaves_the_old_run_and_no_rubbish(
    hand: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = runs.save(hand, tmp_path, report=False)
    before = contents(place)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runs, "_write_text", full)
    with pytest.raises(BacktestError, match="No space left on device; nothing was left behind"):
        runs.save(hand, tmp_path)
    assert contents(place) == before
    assert [each.name for each in tmp_path.iterdir()] == [place.name]


def test_a_rename_that_fails_puts_the_old_run_back(
    hand: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = runs.save(hand, tmp_path, report=False)
    before = contents(place)
    calls: list[Path] = []

    def second_fails(source: Path, target: Path) -> None:
        calls.append(Path(target))
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        Path(source).rename(target)

    with runs._temporary(tmp_path) as unfinished:
        (unfinished / "manifest.json").write_text("{}")
        with pytest.raises(OSError, match="Input/output"):
            runs._put_in_place(unfinished, place, second_fails)
    assert contents(place) == before
    assert [each.name for each in tmp_path.iterdir()] == [place.name]


def test_versions_of_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_PACKAGES", ("no-such-package",))
    assert runs.versions()["no-such-package"] == "not installed"
