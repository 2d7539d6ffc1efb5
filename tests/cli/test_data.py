"""`backtest data import | synth | list | check`: what they print, what they write, how they end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from backtest.cli.main import status

BASE_MS = 1_709_251_200_000  # 2024-03-01 00:00 UTC
HEADER = "ts,o,h,l,c,v"


def csv(folder: Path, hours: range | list[int] = range(4), name: str = "btc.csv") -> str:
    rows = [f"{BASE_MS + hour * 3_600_000},100,102,99,101,5" for hour in hours]
    (folder / name).write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return str(folder / name)


IMPORT = ["--venue", "binance", "--symbol", "BTC/USDT:USDT", "--kind", "ohlcv", "--timeframe", "1h"]


def test_a_file_is_imported_and_listed(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["data", "import", csv(workspace), *IMPORT, "--map", "time=ts,open=o", "--map", "close=c"]
    assert status(line) == 0
    assert capsys.readouterr().out == (
        "BTC/USDT:USDT  ohlcv 1h  4 rows  2024-03-01 00:00 → 2024-03-01 04:00 UTC  0 gaps  "
        "time unit: ms (guessed)  4 new, 0 known: wrote 1 file\n"
    )
    assert (workspace / "store/binance/BTCUSDTUSDT/ohlcv-1h/2024-03.parquet").is_file()
    assert status(["data", "list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed[0].split() == ["SYMBOL", "VENUE", "KIND", "TF", "FROM", "(UTC)", "TO", "(UTC)", "ROWS", "GAPS"]
    assert listed[1].split()[:4] == ["BTC/USDT:USDT", "binance", "ohlcv", "1h"]


def test_a_dry_run_writes_nothing(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["data", "import", csv(workspace), *IMPORT, "--dry-run"]) == 0
    assert "would write 1 file" in capsys.readouterr().out
    assert not (workspace / "store").exists()


def test_json_is_one_document(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["data", "import", csv(workspace, [0, 1, 4]), *IMPORT, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    (line,) = document["imported"]
    assert (line["rows"], line["gaps"], line["added"], line["timeframe"]) == (3, 1, 3, "1h")
    assert status(["data", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["series"][0]["gaps"] == 1
    assert status(["data", "check", "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert document["passed"] is False
    assert document["verdicts"][0]["verdict"] == "fail"


def test_a_second_file_is_added_without_doubling(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status(["data", "import", csv(workspace), *IMPORT])
    assert status(["data", "import", csv(workspace, range(2, 8)), *IMPORT]) == 0
    assert "4 new, 2 known: wrote 1 file" in capsys.readouterr().out


def test_one_bad_file_stops_the_command_before_anything_is_written(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = csv(workspace), csv(workspace, [9, 8], name="bad.csv")
    assert status(["data", "import", good, bad, *IMPORT]) == 3
    assert "error: bad.csv: BTC/USDT:USDT ohlcv 1h: line 3 (2024-03-01 08:00) comes after" in capsys.readouterr().err
    assert not (workspace / "store").exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (["--symbol", "BTC/USTD"], "is no symbol of a perpetual"),
        (["--kind", "ohlc"], "did you mean 'ohlcv'"),
        (["--timeframe", "1x"], "is no interval"),
        (["--map", "open"], "write our name, an equals sign"),
        (["--loader", "fles"], "did you mean 'files'"),
        (["--loader", "sample"], "reads no files"),
        (["--venue", "sample"], "is the synthetic market"),
        (["--venue", "../up"], "is no name of a venue"),
        (["--venue", "binanze"], "'binanze' is no venue that is known here; did you mean 'binance'? known are binance"),
    ],
)
def test_wrong_use_ends_with_exit_code_2(
    workspace: Path, capsys: pytest.CaptureFixture[str], changed: list[str], said: str
) -> None:
    assert status(["data", "import", csv(workspace), *IMPORT, *changed]) == 2
    assert said in capsys.readouterr().err


def test_rows_out_of_order_end_with_exit_code_3_though_no_interval_is_stated(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["data", "import", csv(workspace, [3, 2, 1, 0]), "--venue", "binance", "--symbol", "BTC", "--map"]
    assert status([*line, "time=ts"]) == 3
    assert "btc.csv: BTC/USDT:USDT ohlcv: line 3 (2024-03-01 02:00) comes after" in capsys.readouterr().err


def test_a_symbol_or_venue_without_rules_is_stored_and_said_to_be_without(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["data", "import", csv(workspace), *IMPORT, "--symbol", "XYZ/USDT:USDT"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("XYZ/USDT:USDT of binance cannot be run as it is: ")
    assert status(["data", "import", csv(workspace), *IMPORT, "--venue", "my-recorder", "--any-venue", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["imported"][0]["venue"] == "my-recorder"
    assert document["remarks"][0].startswith("BTC/USDT:USDT of my-recorder cannot be run as it is: ")


def test_a_missing_file_ends_with_exit_code_2(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["data", "import", "none.csv", *IMPORT]) == 2
    assert "there is no file none.csv" in capsys.readouterr().err


def test_tiers_are_imported_and_listed(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (workspace / "tiers.csv").write_text("cap,rate,leverage\n50000,0.01,50\n", encoding="utf-8")
    line = ["data", "import", "tiers.csv", "--venue", "binance", "--symbol", "BNBUSDT", "--kind", "tiers"]
    assert status(line) == 2
    assert "--valid-from" in capsys.readouterr().err
    assert status([*line, "--valid-from", "2024-01-01"]) == 0
    assert "BNB/USDT:USDT  tiers  of 2024-01-01  1 new, 0 known: wrote 1 file" in capsys.readouterr().out
    assert status(["data", "list"]) == 0
    assert "tiers" in capsys.readouterr().out
    assert status(["data", "check", "--strict"]) == 0


def test_warnings_fail_only_when_strict(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status(["data", "import", csv(workspace), *IMPORT])
    assert status(["data", "check", "BTCUSDT"]) == 0
    assert "WARN  BTC/USDT:USDT ohlcv 1h  no mark series" in capsys.readouterr().out
    assert status(["data", "check", "--strict"]) == 3


def test_an_empty_store_says_what_to_do(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["data", "list"]) == 0
    assert "Next: backtest data import" in capsys.readouterr().out
    assert status(["data", "check"]) == 0
    assert status(["data", "check", "BTCUSDT"]) == 2


def test_an_unknown_symbol_or_venue_is_answered(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status(["data", "import", csv(workspace), *IMPORT])
    assert status(["data", "check", "BTC-PERB"]) == 2
    assert status(["data", "list", "--symbol", "BCTUSDT"]) == 2
    assert status(["data", "list", "--venue", "binanze"]) == 2
    said = capsys.readouterr().err
    assert "did you mean 'BTC/USDT:USDT'" in said
    assert "did you mean 'binance'" in said


def test_the_synthetic_market_is_made_and_called_synthetic(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["data", "synth", "--seed", "3", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["venue"] == "sample-3"
    assert len(document["imported"]) == 15
    assert status(["data", "list", "--symbol", "BTCUSDT"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert len(lines) == 5
    assert all(line.endswith("synthetic") for line in lines)
    assert status(["data", "check"]) == 0


def test_the_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from backtest.cli.main import status; assert status(['data', 'import', '--help']) == 0\n"
        "heavy = {'numpy', 'pandas', 'pyarrow', 'numba', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60, stdout=subprocess.DEVNULL)
