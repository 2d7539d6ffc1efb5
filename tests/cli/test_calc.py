"""The calculator's commands, against figures worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backtest.cli.main import status

POSITION = ["--entry", "60000", "--size", "0.5"]
RATE = ["--maintenance-rate", "0.4%", "--taker", "0.05%"]
LONG = [*POSITION, *RATE]


def document(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert status(["calc", *words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["schema_version"] == 1
    return found


def lines(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert status(["calc", *words]) == 0
    return capsys.readouterr().out


def test_liquidation_of_a_tenfold_long(capsys: pytest.CaptureFixture[str]) -> None:
    # margin 3,000; (30,000 - 3,000) / (0.5 x 0.996) = 54,216.867...; bankruptcy 60,000 - 3,000 / 0.5 = 54,000
    found = document(["liquidation", *LONG, "--leverage", "10x"], capsys)
    assert found["liquidation_price"] == pytest.approx(54_216.867469879518, abs=1e-9)
    assert (found["bankruptcy_price"], found["maintenance_margin"]) == (54_000.0, 120.0)
    assert found["break_even_price"] == pytest.approx(60_060.03, abs=0.005)
    text = lines(["liquidation", *LONG, "--leverage", "10"], capsys)
    assert "Liquidation 54,216.87 (-9.64 %)   bankruptcy 54,000.00   break-even incl. fees 60,060.03" in text
    assert "at 0.01 % 960 settlements, at 0.10 % 96 settlements" in text


def test_two_numbers_are_enough(capsys: pytest.CaptureFixture[str]) -> None:
    found = document(["liquidation", "--entry", "60000", "--leverage", "10"], capsys)
    assert found["liquidation_price"] == pytest.approx(54_216.867469879518)
    assert (found["venue"], found["symbol"]) == ("binance", None)
    assert "no symbol is given" in found["notes"][0]


def test_a_position_past_its_liquidation_has_no_ratio_and_the_document_stays_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["liquidation", *LONG, "--leverage", "10", "--mark", "50000"]
    assert document(words, capsys)["margin_ratio"] is None
    assert "LIQUIDATED at this mark" in lines(words, capsys)


def test_the_formula_with_the_figures_put_in(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["liquidation", *LONG, "--leverage", "10", "--explain"]
    formula = "liquidation price = (s·q·E − M) / (q·(s − m)) = (+1·0.5·60000 − 3000) / (0.5·(+1 − 0.004)) = 54216.867"
    assert lines(words, capsys).endswith(f"{formula}\n")
    assert document(words, capsys)["explanation"][-1] == formula


def test_a_contract_brings_its_tiers_and_their_source(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["liquidation", "--side", "short", *POSITION, "--leverage", "10", "--symbol", "BTCUSDT"]
    assert "2025-09-29" in document(words, capsys)["tiers"]
    assert "2025-09-29" not in document([*words, "--date", "2023-01-01"], capsys)["tiers"]


def test_a_venue_brings_its_reserve_and_its_rounding(capsys: pytest.CaptureFixture[str]) -> None:
    # Bybit: 60,000 x 0.9 / 0.995 = 54,271.356..., shown up to the next 0.1; fee to close 0.055 % of 27,000
    words = ["liquidation", *POSITION, "--leverage", "10", "--venue", "Bybit", "--symbol", "BTCUSDT"]
    found = document([*words, "--date", "2026-06-01"], capsys)
    assert found["fee_reserve"] == pytest.approx(14.85)
    assert found["liquidation_price"] == pytest.approx(54_000.0 / 0.995)
    assert "shown as 54,271.40" in lines([*words, "--date", "2026-06-01"], capsys)


def test_an_inverse_contract_counts_in_coin(capsys: pytest.CaptureFixture[str]) -> None:
    # Q (1 + m) / (M + Q/E) = 10,000 x 1.005 / 1.1
    words = ["liquidation", "--entry", "10000", "--size", "10000", "--leverage", "10", "--contract-type", "inverse"]
    found = document([*words, "--maintenance-rate", "0.5%"], capsys)
    assert (found["initial_margin"], found["liquidation_price"]) == (0.1, pytest.approx(10_050.0 / 1.1))


def test_a_top_up_for_a_wanted_liquidation_price(capsys: pytest.CaptureFixture[str]) -> None:
    # 30,000 - 0.5 x 0.996 x 50,000 = 5,100 of margin, of which 3,000 are there
    words = ["top-up", *LONG, "--margin", "3000", "--target-liq", "50000"]
    assert document(words, capsys)["amount"] == pytest.approx(2_100.0)
    said = "Add 2,100.00 → margin 5,100.00, effective leverage 5.88x, liquidation 50,000.00 (-16.67 %)"
    assert said in lines(words, capsys)
    assert "To spare: 390.00" in lines(["top-up", *LONG, "--margin", "3000", "--target", "55000"], capsys)
    assert document(["top-up", *LONG, "--leverage", "10", "--distance", "10%"], capsys)["amount"] == pytest.approx(
        108.0
    )


def test_the_highest_leverage_before_a_stop(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["max-leverage", *POSITION, "--symbol", "BTCUSDT", "--stop", "57000", "--buffer", "1%"]
    text = lines(words, capsys)
    assert "15x (exact 15.81): liquidation 56,224.90, 1.36 % beyond the stop\n16x would leave 0.92 %" in text
    assert document(words, capsys)["leverage"] == 15.0
    near = ["max-leverage", *POSITION, "--symbol", "BTCUSDT", "--stop", "59990"]
    assert "The tier allows no more than 150x" in lines(near, capsys)


def test_what_opening_costs_and_which_margin_a_price_needs(capsys: pytest.CaptureFixture[str]) -> None:
    # 3,000 + 15 + 0.5 x (60,000 - 59,900)
    found = document(["margin", *LONG, "--leverage", "10", "--mark", "59900"], capsys)
    assert (found["opening_fee"], found["open_loss"], found["needed"]) == (15.0, 50.0, 3_065.0)
    assert "Opening needs 3,065.00" in lines(["margin", *LONG, "--leverage", "10", "--mark", "59900"], capsys)
    assert document(["margin", *LONG, "--target", "50000"], capsys)["margin"] == pytest.approx(5_100.0)
    assert "A margin of 3,108.00" in lines(["margin", *LONG, "--distance", "10%"], capsys)


def test_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    entry = ["size", "--entry", "60000", *RATE]
    assert document([*entry, "--margin", "3000", "--leverage", "10"], capsys)["quantity"] == pytest.approx(0.5)
    assert document([*entry, "--risk", "500", "--stop", "57000"], capsys)["quantity"] == pytest.approx(1 / 6)
    kept = document([*entry, "--margin", "3000", "--target", "50000"], capsys)
    assert (kept["quantity"], kept["liquidation_price"]) == (pytest.approx(3_000 / 10_200), pytest.approx(50_000.0))
    risked = lines([*entry, "--risk", "500", "--stop", "57000", "--leverage", "10"], capsys)
    assert "Quantity 0.16666667   notional 10,000.00   margin 1,000.00   leverage 10x" in risked


def test_what_may_be_removed(capsys: pytest.CaptureFixture[str]) -> None:
    # at 66,000: 3,000 + 3,000 - 3,300; then (30,000 - 300) / 0.498
    words = ["remove", *LONG, "--leverage", "10", "--mark", "66000"]
    found = document(words, capsys)
    assert (found["removable_margin"], found["liquidation_price"]) == (2_700.0, pytest.approx(29_700 / 0.498))
    assert "Removable 2,700.00 of 3,000.00; liquidation moves from 54,216.87 to 59,638.55" in lines(words, capsys)


def test_break_even(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Break-even 60,060.03 (+0.10 %)" in lines(["break-even", *LONG], capsys)
    words = ["break-even", *LONG, "--funding", "30", "--closing-fee", "0"]
    assert document(words, capsys)["break_even_price"] == pytest.approx(30_045.0 / 0.5)


def test_profit_and_the_price_of_a_profit(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["pnl", *LONG, "--leverage", "10"]
    found = document([*words, "--exit", "66000"], capsys)
    assert (found["pnl"], found["net"], found["roe"]) == (3_000.0, 2_968.5, pytest.approx(0.9895))
    assert document([*words, "--roe", "98.95%"], capsys)["price"] == pytest.approx(66_000.0)
    assert document([*words, "--profit", "2968.5"], capsys)["price"] == pytest.approx(66_000.0)
    assert "Net 2,968.50   ROE +98.95 %" in lines([*words, "--exit", "66000"], capsys)


def test_the_entry_that_outlives_a_price(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["entry", "--size", "0.5", *RATE, "--leverage", "10x", "--target", "54000"]
    assert document(words, capsys)["entry_price"] == pytest.approx(54_000 * 0.996 / 0.9)
    assert "Entry 59,760.00 (+10.67 %) puts the liquidation price at 54,000.00" in lines(words, capsys)


def test_how_likely_the_liquidation_price_is_met(capsys: pytest.CaptureFixture[str], workspace: Path) -> None:
    # ln(60000 / 54216.87) = 0.101352; 60 % a year: 3.1404 % a day, 3.2274 sigma, 2 x 0.000625
    words = ["risk", *LONG, "--leverage", "10"]
    found = document([*words, "--volatility", "60%"], capsys)
    assert found["touch_probability"] == pytest.approx(0.00125, abs=1e-5)
    assert "3.07 σ of 24h" in lines([*words, "--volatility", "60%"], capsys)
    stored = document([*words, "--history", "sample", "--range", "30d", "--within", "4h"], capsys)
    assert stored["history"]["starts"] == 30 * 24 - 3
    assert stored["volatility"] == stored["history"]["volatility"]


def test_how_long_the_margin_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["funding", *LONG, "--leverage", "10"]
    text = lines(words, capsys)
    assert "0.0100 %: 3 a settlement   +6.0241 price a settlement   lasts 960.00 settlements (320.0 d)" in text
    found = document([*words, "--rate", "0.1%", "--interval", "1h"], capsys)["rates"][0]
    assert (found["intervals"], found["days"], found["settlements"]) == (pytest.approx(96.0), pytest.approx(4.0), 96.0)
    assert "lasts for ever" in lines([*words, "--rate", "-0.01%"], capsys)
    wallet = [*words, "--venue", "bybit", "--date", "2022-06-01", "--wallet", "300", "--rate", "0.01%"]
    assert "of which the wallet pays 100.00" in lines(wallet, capsys)
    # Binance liquidates below the requirement: the settlement after the one that meets it
    strict = document([*words, "--venue", "binance", "--rate", "0.1%"], capsys)["rates"][0]
    assert strict["settlements"] == 97.0


def test_the_ladder(capsys: pytest.CaptureFixture[str]) -> None:
    text = lines(["ladder", *POSITION, "--symbol", "BTCUSDT", "--leverages", "2x,10,200"], capsys)
    assert "10x                  3,000.00    54,216.87    9.64 %   54,000.00                     1.0 %" in text
    assert "200x (not offered)" in text
    rungs = document(["ladder", *POSITION, "--symbol", "BTCUSDT"], capsys)["rungs"]
    assert [rung["leverage"] for rung in rungs] == [1, 2, 3, 5, 10, 20, 25, 50, 75, 100, 125]


def test_the_part_that_restores_a_distance(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["close", *LONG, "--leverage", "10", "--mark", "56000"]
    found = document([*words, "--distance", "5%"], capsys)
    assert (found["quantity"], found["liquidation_price"]) == (pytest.approx(506.4 / 2_984.8), pytest.approx(53_200.0))
    # half of it: 3,000 x 0.5 released, 1,000 lost, 7 of fee
    text = lines([*words, "--quantity", "0.25"], capsys)
    assert "realised -1,000.00, set free 493.00" in text
    assert "Taken to the wallet instead: liquidation 54,216.87" in text


def test_averaging_in(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["average", *LONG, "--leverage", "10", "--at", "56000"]
    assert document([*words, "--add", "0.2"], capsys)["entry_price"] == pytest.approx(41_200 / 0.7)
    assert document([*words, "--to-entry", "58000"], capsys)["added"] == pytest.approx(0.5)
    assert "entry 60,000.00 → 58,857.14, margin 3,000.00 → 4,120.00" in lines([*words, "--add", "0.2"], capsys)


def test_a_sequence_of_options_and_of_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    steps = ["open long 0.5 @ 60000 10x", "top-up 2100", "close 100% @ 60000"]
    found = document(["sequence", *RATE, *(word for step in steps for word in ("--step", step))], capsys)["steps"]
    assert [step.get("liquidation_price") for step in found] == [
        pytest.approx(54_216.87),
        pytest.approx(50_000.0),
        None,
    ]
    assert found[-1]["wallet_change"] == pytest.approx(-30.0)
    file = tmp_path / "steps.txt"
    file.write_text(
        "# a life\n\n" + "\n".join(steps[:2]) + "  # 3,000 were there\nmark 49000\nmark 60000\n", encoding="utf-8"
    )
    text = lines(["sequence", str(file), *RATE], capsys)
    assert "top-up 2100" in text
    assert "Liquidated at this mark: 1 of 4 steps are not reached" in text


def test_isolated_beside_cross(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["cross", *LONG, "--leverage", "10", "--wallet", "10000"]
    (row,) = document(words, capsys)["positions"]
    assert row["cross_liquidation_price"] == pytest.approx(40_160.64, abs=0.005)
    # the other has lost 100 and needs 0.4 % of 1,900
    other = ["--other", "side=long,size=1,entry=2000,mark=1900,leverage=5,maintenance_rate=0.4%"]
    rows = document([*words, *other], capsys)["positions"]
    assert rows[0]["cross_margin"] == pytest.approx(10_000 - 100 - 7.6)
    assert rows[1]["margin"] == 400.0
    assert "long 1 " in lines([*words, *other], capsys)


def test_a_size_above_the_tier_is_said_and_has_no_price_where_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["size", "--entry", "60000", "--venue", "binance", "--date", "2026-01-01", "--margin", "3000"]
    # 1,500,000 at 0.65 %: 75x at most
    assert "leverage 500x (the tier allows 75x)" in lines([*words, "--leverage", "500"], capsys)
    assert "leverage 10x   liquidation 54,216.87" in lines([*words, "--leverage", "10"], capsys)
    assert document([*words, "--leverage", "1"], capsys)["liquidation_price"] is None


def test_nothing_is_no_minus_and_an_infinite_leverage_no_word(capsys: pytest.CaptureFixture[str]) -> None:
    text = lines(["liquidation", *LONG, "--side", "short", "--margin", "0"], capsys)
    assert "unrealised 0.00" in text
    assert "Effective leverage ∞" in text


def test_a_batch_with_a_bad_row(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "positions.csv"
    file.write_text(
        "id,venue,side,quantity,entry_price,leverage,maintenance_rate\n"
        "good,binance,long,0.5,60000,10,0.004\n"
        "bad,binance,long,0.5,,10,0.004\n",
        encoding="utf-8",
    )
    assert status(["calc", "batch", str(file), "--json"]) == 2
    output = capsys.readouterr()
    found = json.loads(output.out)
    assert found["schema_version"] == 1
    assert [each["id"] for each in found["positions"]] == ["good"]
    assert found["errors"] == [{"line": 3, "id": "bad", "error": "entry_price is blank; a position has one"}]
    assert f"{file}, line 3: entry_price is blank" in output.err
    assert status(["calc", "batch", str(file)]) == 2
    assert "good    54,216.87   54,000.00        3,000.00       120.00  3,000.00  4.0 %" in capsys.readouterr().out
    file.write_text("\n".join(file.read_text(encoding="utf-8").splitlines()[:2]), encoding="utf-8")
    assert status(["calc", "batch", str(file), "--json"]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["liquidation", *LONG], "neither leverage nor margin"),
        (["liquidation", *LONG, "--leverage", "many"], "--leverage is 'many'"),
        (["liquidation", *LONG, "--leverage", "3", "--date", "2023-01-01"], "name one of them"),
        (["liquidation", "--side", "up", *LONG, "--leverage", "3"], "side is 'up'"),
        (["liquidation", *LONG, "--margin", "3000", "--added-margin", "5"], "--added-margin changes"),
        (["top-up", *LONG, "--leverage", "3"], "give one of a wanted"),
        (["size", "--entry", "60000", *RATE, "--margin", "3000"], "give --margin and --leverage"),
        (["size", "--entry", "60000", "--symbol", "BTCUSDT", "--margin", "1", "--leverage", "5"], "less than one lot"),
        (["close", *LONG, "--leverage", "3", "--mark", "59000"], "give one of --distance"),
        (["average", *LONG, "--leverage", "3", "--at", "59000"], "give one of --add"),
        (["pnl", *LONG, "--exit", "5", "--roe", "5%"], "give one of --exit"),
        (["pnl", *LONG, "--side", "short", "--profit", "40000"], "no price brings 40,000"),
        (["risk", *LONG, "--leverage", "3"], "give --volatility"),
        (["risk", *LONG, "--leverage", "1", "--volatility", "60%"], "no liquidation price"),
        (["sequence", *RATE], "give --step options or a FILE"),
        (["sequence", "absent.txt"], "there is no file absent.txt"),
        (["cross", *LONG, "--wallet", "5", "--other", "entyr=5"], "did you mean 'entry'"),
        (["cross", *LONG, "--wallet", "5", "--other", "side=long,size=1"], "names no entry"),
        (["batch", "absent.csv"], "there is no file absent.csv"),
    ],
)
def test_options_that_describe_no_position_are_wrong_use(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["calc", *words]) == 2
    assert message in capsys.readouterr().err


def test_tiers_of_another_date_are_data_that_is_missing_when_strict(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["liquidation", *POSITION, "--leverage", "3", "--symbol", "BTCUSDT", "--date", "2021-01-01"]
    assert "Note: no leverage tiers" in lines(words, capsys)
    assert status(["calc", *words, "--strict"]) == 3
    assert "2022-07-03" in capsys.readouterr().err
