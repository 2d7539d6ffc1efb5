"""`backtest run`: one test an exit code, one JSON document, and every option does what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from backtest import compiling
from backtest.cli.main import status

JANUARY = ("-r", "2024-01-01..2024-02-01", "--no-report")
Told = Callable[..., tuple[int, str, str]]


@pytest.fixture
def told(lab: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    """Runs a command line in the lab and returns its exit code, stdout and stderr."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = status(words)
        found = capsys.readouterr()
        return code, found.out, found.err

    return run


def document(told: Told, *words: str) -> dict[str, object]:
    """The JSON document of a run that succeeds."""
    code, out, err = told("run", *words, *JANUARY, "--json")
    assert code == 0, err
    found: dict[str, object] = json.loads(out)
    return found


def test_a_run_ends_in_a_summary_its_folder_and_exit_code_0(told: Told, lab: Path) -> None:
    code, out, err = told("run", "hold", *JANUARY)
    assert code == 0, err
    assert out.startswith("Hold(leverage=3)\nBTC/USDT:USDT ETH/USDT:USDT SOL/USDT:USDT  sample, synthetic market")
    assert "2024-01-01 00:00 .. 2024-02-01 00:00 UTC" in out
    folder = lab / "runs" / out.split("Run ")[1].split(":")[0]
    assert {"ledger.parquet", "metrics.json", "manifest.json"} <= {path.name for path in folder.iterdir()}
    assert not (folder / "report.html").exists()


def test_the_report_is_one_file_that_loads_nothing(told: Told, lab: Path) -> None:
    code, out, _ = told("run", "hold", "-s", "BTC/USDT:USDT", "-r", "2024-01-01..2024-01-08")
    assert code == 0
    page = lab / out.split("Report: ")[1].strip()
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert 'src="http' not in text and 'href="http' not in text


def test_json_is_one_document_with_a_schema_version_and_nothing_else_on_stdout(told: Told) -> None:
    found = document(told, "reckless", "-s", "BTC/USDT:USDT")
    assert found["schema_version"] == 1
    assert {"run_id", "folder", "strategy", "market", "config", "metrics", "notes", "gates"} <= set(found)
    assert found["metrics"]["liquidations"] > 0  # type: ignore[index]
    assert found["market"]["synthetic"] is True  # type: ignore[index]


def test_the_same_inputs_give_the_same_run(told: Told) -> None:
    assert document(told, "hold")["run_id"] == document(told, "hold")["run_id"]
    assert document(told, "hold")["run_id"] != document(told, "hold", "-p", "leverage=2")["run_id"]


def test_settings_come_from_flags_over_the_file_over_the_defaults(told: Told, lab: Path) -> None:
    (lab / "backtest.toml").write_text('[run]\ncash = 500\nsymbols = ["ETH/USDT:USDT"]\nfunding = "zero"\n')
    found = document(told, "hold")
    assert found["market"]["symbols"] == ["ETH/USDT:USDT"]  # type: ignore[index]
    assert (found["config"]["cash"], found["config"]["funding"]) == (500.0, "zero")  # type: ignore[index]
    assert found["metrics"]["funding_net"] == 0  # type: ignore[index]
    found = document(told, "hold", "--cash", "700", "--funding", "history")
    assert found["config"]["cash"] == 700.0  # type: ignore[index]
    assert found["metrics"]["funding_net"] != 0  # type: ignore[index]


def test_fees_and_slippage_cost_what_they_say(told: Told) -> None:
    plain = document(told, "hold", "--fees", "taker=0%", "--funding", "zero")["metrics"]
    costly = document(told, "hold", "--fees", "taker=0.1%", "--funding", "zero", "--slippage", "10bps")["metrics"]
    assert plain["fees"] == 0  # type: ignore[index]
    # 15,000 of notional were asked for; 10 bps of slippage and 0.1 % of fee are 15 each, to a lot and a tick
    assert costly["fees"] == pytest.approx(15.0, rel=5e-3)  # type: ignore[index]
    assert costly["pnl_slippage"] == pytest.approx(-15.0, rel=5e-3)  # type: ignore[index]


def test_both_paths_are_reported_side_by_side(told: Told) -> None:
    code, out, _ = told("run", "reckless", "--path", "both", *JANUARY)
    assert code == 0
    assert "adverse-first" in out and "favourable-first" in out and "they are not bounds" in out
    assert out.count("Run ") == 2
    found = document(told, "reckless", "--path", "both")
    assert [one["config"]["path"] for one in found["runs"]] == ["adverse-first", "favourable-first"]  # type: ignore[attr-defined,index]


def test_a_finer_detail_timeframe_walks_finer_bars(told: Told) -> None:
    code, out, err = told("run", "hold", "--timeframe", "4h", "--detail-timeframe", "1h", *JANUARY)
    assert code == 0, err
    assert "4h (fills and margin on 1h)" in out


def test_judging_on_last_is_said(told: Told) -> None:
    assert any("last" in note for note in document(told, "hold", "--judge", "last")["notes"])  # type: ignore[attr-defined]


def test_the_first_run_says_that_it_compiles(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "is_warm", lambda: False)
    assert "compiling the broker's kernels" in told("run", "hold", *JANUARY)[2]
    assert told("run", "hold", *JANUARY, "--quiet")[2] == ""


def test_in_hedge_mode_a_run_has_legs_and_says_so(told: Told, lab: Path) -> None:
    found = document(told, "hold", "--position-mode", "hedge")
    run = lab / "runs" / str(found["run_id"])
    assert json.loads((run / "manifest.json").read_text())["config"]["position_mode"] == "hedge"
    assert set(pd.read_parquet(run / "ledger.parquet")["position_side"]) == {"", "long"}
    assert told("audit", str(found["run_id"]))[0] == 0


def test_an_order_that_cannot_be_filled_is_a_recorded_refusal_not_an_error(told: Told, lab: Path) -> None:
    found = document(told, "refused")
    assert found["metrics"]["rejections"] == 1  # type: ignore[index]
    orders = pd.read_parquet(lab / "runs" / str(found["run_id"]) / "orders.parquet")
    assert len(orders) == 1 and set(orders["status"]) == {"rejected"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("gradual-leverge",), "there is no strategy 'gradual-leverge'; did you mean 'gradual-leverage'?"),
        (("./strategies/hold.py:Hodl",), "has no strategy 'Hodl'; did you mean 'Hold'?"),
        (("./strategies/hodl.py",), "did you mean 'hold.py'?"),
        (("hold", "-p", "levrage=3"), "has no parameter 'levrage'; did you mean 'leverage'?"),
        (("hold", "-p", "leverage=99"), "outside its bounds: 1 ≤ leverage ≤ 20"),
        (("hold", "-s", "BTCC/USDT:USDT"), "did you mean 'BTC/USDT:USDT'?"),
        (("hold", "--path", "adverse"), "did you mean 'adverse-first'?"),
        (("hold", "--position-mode", "hedged"), "did you mean 'hedge'?"),
        (("hold", "--margin-mode", "crossed"), "margin_mode is 'crossed'; did you mean 'cross'"),
        (("hold", "--timeframe", "1x"), "'1x' is no interval"),
        (("hold", "-r", "2024-02-01..2024-01-01"), "is empty"),
        (("hold", "--fees", "taker"), "'taker' is no fee"),
        (("hold", "--fail-if", "liquidations"), "is no gate"),
        (("hold", "--fail-if", "liquidation>0"), "did you mean 'liquidations'?"),
        (("hold", "--cash", "-5"), "cash is -5.0; it must be above 0"),
    ],
)
def test_wrong_use_gives_exit_code_2_and_the_near_name(told: Told, words: tuple[str, ...], message: str) -> None:
    code, out, err = told("run", *words)
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("hold", "--venue", "binance"), "no history of 'binance' is stored"),
        (("hold", "--venue", "binance", "-s", "BTC/USDT:USDT"), "backtest data import"),
    ],
)
def test_missing_history_gives_exit_code_3_and_the_command_that_mends_it(
    told: Told, words: tuple[str, ...], message: str
) -> None:
    code, out, err = told("run", *words)
    assert (code, out) == (3, "")
    assert message in err


def test_a_strategy_that_raises_gives_exit_code_4_with_its_own_frames_and_the_bars_time(told: Told, lab: Path) -> None:
    code, out, err = told("run", "raising", *JANUARY)
    assert (code, out) == (4, "")
    assert "Raising raised KeyError: 'absent' (at 2024-01-02 07:00" in err  # the close of bar 30
    file = lab / "strategies" / "raising.py"
    assert f"{file}:7 in next" in err and f"{file}:9 in helper" in err
    assert "engine.py" not in err and "click" not in err


def test_a_strategy_file_that_is_no_python_gives_exit_code_4_with_its_line(told: Told) -> None:
    code, _, err = told("run", "./strategies/broken.py")
    assert code == 4
    assert "broken.py, line 1: SyntaxError" in err


def test_a_gate_that_holds_gives_exit_code_6_after_the_summary(told: Told) -> None:
    code, out, err = told("run", "reckless", "-s", "BTC/USDT:USDT", "--fail-if", "liquidations>0", *JANUARY)
    assert code == 6
    assert "Liquidations cost" in out and "gate failed: liquidations>0, for it is" in err
    assert told("run", "hold", "--fail-if", "liquidations>100", *JANUARY)[0] == 0


def test_ctrl_c_in_mid_run_gives_exit_code_130_with_the_partial_run_saved_and_marked(told: Told, lab: Path) -> None:
    code, out, err = told("run", "impatient", *JANUARY)
    assert code == 130
    assert "! interrupted: this is the part up to then" in out
    assert "interrupted; the part up to then is kept and marked in" in err
    listed = json.loads(told("runs", "list", "--json")[1])["runs"]
    assert [run["interrupted"] for run in listed] == [True]
    assert listed[0]["end"] < "2024-01-06"
    assert told("audit", listed[0]["run_id"])[0] == 0


def test_an_internal_failure_gives_exit_code_1_and_a_hint(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backtest.engine.run", lambda *_, **__: 1 / 0)
    code, out, err = told("run", "hold", *JANUARY)
    assert (code, out) == (1, "")
    assert "internal failure: ZeroDivisionError" in err and "--debug" in err
