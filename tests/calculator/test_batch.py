"""A file of positions: what each blank means, and what becomes of a row that cannot be answered."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from backtest import calculator as calc
from backtest.calculator.batch import COLUMNS, answer
from backtest.errors import UsageError

ROW: dict[str, object] = {
    "venue": "Binance USDⓈ-M",
    "contract_type": "linear",
    "side": "long",
    "quantity": 0.5,
    "entry_price": 60_000,
    "leverage": 10,
    "maintenance_rate": 0.004,
}


def test_a_row_with_all_that_it_needs() -> None:
    assert answer(ROW) == {
        "liquidation_price": pytest.approx(54_216.867469879518, abs=1e-9),
        "bankruptcy_price": 54_000.0,
        "initial_margin": 3_000.0,
        "maintenance_margin": 120.0,
        "margin_balance": 3_000.0,
        "margin_ratio": 0.04,
        "margin": 3_000.0,
    }


def test_what_stands_in_for_a_blank_is_noted_where_it_matters() -> None:
    assert answer({**ROW, "maintenance_rate": ""})["notes"] == [
        "no symbol is given: tiers and fees are those of BTC/USDT:USDT at Binance USDⓈ-M"
    ]
    assert answer({**ROW, "venue": "okx"})["notes"] == ["no symbol is given: fees are those of BTC/USDT:USDT at OKX"]
    assert "notes" not in answer({**ROW, "venue": "okx", "taker_fee": "0.05%"})


def test_a_blank_margin_follows_from_leverage_added_margin_and_funding() -> None:
    assert answer({**ROW, "added_margin": 500, "funding_paid": "12.5"})["margin"] == 3_487.5
    okx = answer({**ROW, "venue": "OKX", "added_margin": 500, "funding_paid": "12.5"})
    assert okx["margin"] == 3_500.0
    assert "OKX takes funding from the wallet first: the margin is left as it is" in okx["notes"]


def test_a_given_margin_is_the_whole_and_nothing_changes_it() -> None:
    assert answer({**ROW, "margin": 3_400, "added_margin": 500, "funding_paid": 12.5})["margin"] == 3_400.0


def test_a_margin_that_is_the_initial_margin_alone_has_the_addition_on_top() -> None:
    found = answer({**ROW, "margin": 3_000, "added_margin": 500})
    assert found["margin"] == 3_500.0
    assert any("initial margin alone" in note for note in found["notes"])


def test_a_margin_quoted_without_the_fee_to_close_gets_it() -> None:
    """Bybit help 900000181046: 1 BTC at 10,000, 50x, a margin of 200: 10,000 x (1 - 1/50 + 0.5 %)."""
    row = {"venue": "Bybit", "side": "long", "quantity": 1, "entry_price": 10_000, "leverage": 50, "date": "2020-06-01"}
    row |= {"maintenance_rate": 0.005, "taker_fee": 0.00075}
    found = answer({**row, "margin": 200})
    assert found["liquidation_price"] == pytest.approx(9_850.0)
    assert found["margin"] == pytest.approx(200.0 + 7.35)  # 0.075 % of 9,800
    assert answer(row) == {name: value for name, value in found.items() if name != "notes"}
    # the whole wallet, as the venue's API shows it, stays as it is; and so does one that is anything else
    assert answer({**row, "margin": 207.35})["margin"] == 207.35
    assert answer({**row, "margin": 203.0})["margin"] == 203.0
    # at Gate the fee is no part of the requirement, so that it would move the price: a margin there is what it is
    assert answer({**row, "venue": "Gate", "margin": 200})["margin"] == 200.0


def test_a_blank_rate_takes_the_table_of_the_date() -> None:
    row = {**ROW, "maintenance_rate": "", "quantity": 100}
    early, late = (answer({**row, "date": date})["maintenance_margin"] for date in ("2022-08-01", "2026-01-01"))
    # 6,000,000: 2.5 % less 16,300 in 2022; 1 % less 0.1 x 0.3k + 0.15 x 0.8k + 0.35 x 3M % in 2026
    assert early == pytest.approx(6e6 * 0.025 - 16_300.0)
    assert late == pytest.approx(6e6 * 0.01 - (300.0 + 1_200.0 + 10_500.0))


def test_a_symbol_brings_its_tick_and_the_printed_price() -> None:
    row = {**ROW, "venue": "bybit", "symbol": "BTCUSDT", "maintenance_rate": None, "date": "2026-06-01"}
    found = answer(row)
    # 60,000 x 0.9 / 0.995 = 54,271.356...; up to the next 0.1
    assert found["liquidation_price"] == pytest.approx(54_000.0 / 0.995)
    assert found["liquidation_price_printed"] == pytest.approx(54_271.4)


def test_the_ratio_is_at_the_mark_and_null_where_nothing_is_left() -> None:
    assert answer({**ROW, "mark_price": 55_500})["margin_ratio"] == pytest.approx(0.148)
    assert answer({**ROW, "mark_price": 53_000})["margin_ratio"] is None


def test_what_does_not_exist_is_null_and_said() -> None:
    found = answer({**ROW, "leverage": "1x"})
    assert (found["liquidation_price"], found["bankruptcy_price"]) == (None, None)
    assert "no liquidation price: the margin covers the position's whole value" in found["notes"]
    assert answer({**ROW, "leverage": "", "margin": 3_000})["initial_margin"] is None


def test_where_the_size_sets_the_initial_margin_a_blank_leverage_is_that_of_the_size() -> None:
    """Deribit, Linear Perpetual: 25 BTC at 100,000: (2 % + 25 x 0.005 %) of the value; 1 % more of maintenance off."""
    found = answer(
        {"venue": "Deribit", "symbol": "BTC_USDC-PERPETUAL", "side": "buy", "quantity": 25, "mark_price": 1e5}
    )
    assert (found["initial_margin"], found["maintenance_margin"]) == (pytest.approx(53_125.0), pytest.approx(28_125.0))
    assert any("mark price is taken" in note for note in found["notes"])


def test_the_leverage_above_the_tier_is_answered_and_said() -> None:
    found = answer({**ROW, "maintenance_rate": "", "quantity": 100, "leverage": 100})
    assert any(note.startswith("a leverage of 100 is above the 50") for note in found["notes"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"venue": "Mt. Gox"}, "margin rules of 'Mt. Gox'"),
        ({"venue": "", "maintenance_rate": ""}, "venue is blank"),
        ({"side": ""}, "side is ''"),
        ({"quantity": ""}, "quantity is blank"),
        ({"quantity": "many"}, "quantity is 'many'"),
        ({"quantity": -1}, "quantity is -1"),
        ({"entry_price": ""}, "entry_price is blank"),
        ({"leverage": ""}, "neither leverage nor margin"),
        ({"leverage": "ten"}, "leverage is 'ten'"),
        ({"maintenance_rate": 40}, "maintenance rate of 40"),
        ({"maintenance_rate": "", "maintenance_amount": 5}, "goes with a maintenance rate"),
        ({"contract_type": "quanto"}, "contract_type is 'quanto'"),
        ({"date": "yesterday"}, "'yesterday' is no time"),
        ({"mark_price": "0"}, "mark price is 0"),
        ({"funding_paid": "5 per 8h"}, "funding_paid is '5 per 8h'"),
    ],
)
def test_a_row_that_describes_no_position_says_why(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        answer({**ROW, **changes})


def test_a_venue_whose_name_says_inverse_is_taken_at_its_word() -> None:
    """60,000 USD long at 50,000, 10x, 0.5 %: 60,000 x 1.005 / (1.2 + 0.12)."""
    row = {"side": "long", "quantity": 60_000, "entry_price": 50_000, "leverage": 10, "maintenance_rate": 0.005}
    for venue in ("Bybit inverse", "Binance COIN-M"):
        assert answer({**row, "venue": venue})["liquidation_price"] == pytest.approx(60_000 * 1.005 / 1.32)
    # the contract type has the last word: (60,000 x 50,000 x 0.9) / (60,000 x 0.995)
    linear = answer({**row, "venue": "Bybit inverse", "contract_type": "linear"})
    assert linear["liquidation_price"] == pytest.approx(45_000 / 0.995)


def test_an_amount_of_nothing_beside_a_blank_rate_is_blank_too() -> None:
    row = {**ROW, "maintenance_rate": "", "maintenance_amount": 0, "added_margin": 0, "funding_paid": 0, "taker_fee": 0}
    assert answer({**row, "date": "2026-01-01"})["liquidation_price"] == pytest.approx(27_000 / (0.5 * 0.996))


def test_a_date_beside_no_venue_is_left_unread() -> None:
    found = answer({**ROW, "venue": "", "date": "2024-01-01"})
    assert found["liquidation_price"] == pytest.approx(27_000 / (0.5 * 0.996))
    assert any("left unread" in note for note in found["notes"])


def test_a_taker_fee_that_the_venue_does_not_count_is_said() -> None:
    """Gate counts 0.075 % whatever the account pays: (30,000 - 3,022.5) / (0.5 x (1 - 0.005 - 0.00075))."""
    row = {**ROW, "venue": "Gate", "maintenance_rate": 0.005}
    found = answer({**row, "taker_fee": 0.0005})
    assert found["liquidation_price"] == pytest.approx(26_977.5 / (0.5 * 0.99425))
    assert any("in place of the taker fee" in note for note in found["notes"])
    assert "notes" not in answer({**row, "taker_fee": 0.00075})


def test_positions_of_real_accounts_from_their_leverage_alone() -> None:
    """Samples of positions that ccxt 4.5.90 shows: Hyperliquid ETH of 3 January 2024; Bybit XRPUSDT of December 2022,
    positionIM 3.634521 and positionMM 0.381021 with 36.15 x 0.9 x 0.06 % for the fee to close in each.
    """
    row = {"venue": "Hyperliquid", "side": "long", "quantity": 0.2259, "entry_price": 2213.9, "leverage": 20}
    ether = answer({**row, "maintenance_rate": 0.01, "date": "2024-01-03"})
    assert ether["margin_balance"] == pytest.approx(24.88097, abs=1e-5)
    assert ether["liquidation_price"] == pytest.approx(2125.00856238, abs=1e-4)
    row = {"venue": "Bybit", "side": "buy", "quantity": 100, "entry_price": 0.3615, "leverage": 10}
    ripple = answer({**row, "maintenance_rate": 0.01, "taker_fee": 0.0006, "date": "2022-12-29"})
    assert ripple["margin_balance"] == pytest.approx(3.634521)
    assert ripple["maintenance_margin"] == pytest.approx(0.381021)


def test_columns_are_known_in_other_spellings_and_cells_beyond_them_may_be_blank(tmp_path: Path) -> None:
    file = tmp_path / "positions.csv"
    file.write_bytes(
        b"ID, Venue ,side,Quantity,Entry Price,leverage,maintenance-rate\r\na,binance,long,0.5,60000,10,0.4%,,\r\n"
    )
    (found,) = calc.answers(file).positions
    assert found["liquidation_price"] == pytest.approx(54_216.867469879518)


def test_a_column_that_stands_twice_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "positions.csv"
    file.write_text("side,quantity,quantity,entry_price,leverage\nlong,1,2,60000,10\n", encoding="utf-8")
    with pytest.raises(UsageError, match="quantity stands there twice"):
        calc.answers(file)


def test_a_quote_that_is_never_closed_spoils_its_own_row_alone(tmp_path: Path) -> None:
    file = tmp_path / "positions.csv"
    good = ",binance,long,0.5,60000,10,0.4%"
    rows = [
        "id,venue,side,quantity,entry_price,leverage,maintenance_rate",
        "a" + good,
        'b,"binance,long',
        "",
        "c" + good,
    ]
    file.write_text("\n".join([*rows, 'd,binance,long,"0"5,60000,10,0.4%', "e" + good]), encoding="utf-8")
    found = calc.answers(file)
    assert [each["id"] for each in found.positions] == ["a", "c", "e"]
    assert [each["line"] for each in found.errors] == [3, 6]
    assert all("is no CSV" in each["error"] for each in found.errors)


def test_json_that_cannot_be_read_is_a_bad_row(tmp_path: Path) -> None:
    file = tmp_path / "positions.jsonl"
    file.write_text("\n".join(["[" * 100_000, "9" * 5_000, json.dumps({"id": "x", **ROW})]), encoding="utf-8")
    found = calc.answers(file)
    assert [each["id"] for each in found.positions] == ["x"]
    assert [each["line"] for each in found.errors] == [1, 2]


@pytest.mark.parametrize("text", ["venue,side,quantity,entry_price,margin\nbinance,short,1,100,10\n", "{json}\n"])
def test_a_dash_reads_standard_input(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row = json.dumps({"venue": "binance", "side": "short", "quantity": 1, "entry_price": 100, "margin": 10})
    piped = io.TextIOWrapper(io.BytesIO(text.replace("{json}", row).encode()), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", piped)
    (found,) = calc.answers("-").positions
    assert found["liquidation_price"] == pytest.approx(110 / 1.004)


def test_a_csv_file_with_bad_rows(tmp_path: Path) -> None:
    file = tmp_path / "positions.csv"
    file.write_text(
        "\ufeffID,Venue,side,quantity,entry_price,leverage,maintenance_rate,remark\n"
        "a,binance,long,0.5,60000,10,0.4%,first\n"
        "b,binance,up,0.5,60000,10,0.4%,\n"
        "\n"
        "c,binance,short,0.5,60000,10\n"
        "d,binance,short,0.5,60000,10,0.004,,one too many\n"
        ',binance,short,0.5,60000,10,0.004,"two\nlines"\n'
        "f,binance,short,0.5,60000,10,0.004,\n",
        encoding="utf-8",
    )
    found = calc.answers(file)
    assert [each["id"] for each in found.positions] == ["a", "c", "8", "f"]
    assert found.positions[0]["liquidation_price"] == pytest.approx(54_216.867469879518)
    assert found.positions[3]["liquidation_price"] == pytest.approx(33_000.0 / 0.502)
    assert [(each["line"], each["id"]) for each in found.errors] == [(3, "b"), (6, None)]
    assert "9 cells, but there are 8 columns" in found.errors[1]["error"]
    assert found.ignored_columns == ("remark",)


def test_json_lines_give_the_same(tmp_path: Path) -> None:
    file = tmp_path / "positions.jsonl"
    rows = [
        json.dumps({"id": 7, **ROW, "margin": None}),
        "{broken",
        "[1, 2]",
        "",
        json.dumps({"ID": "x", "side": "long"}),
    ]
    file.write_text("\n".join(rows), encoding="utf-8")
    found = calc.answers(file)
    assert [each["id"] for each in found.positions] == ["7"]
    assert {name: value for name, value in found.positions[0].items() if name != "id"} == answer(ROW)
    assert [(each["line"], each["id"]) for each in found.errors] == [(2, None), (3, None), (5, "x")]


def test_a_file_that_holds_no_rows_at_all(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        calc.answers(tmp_path / "absent.csv")
    for name, content, message in (
        ("text.txt", b"side", r"from a \.csv or a \.jsonl"),
        ("empty.csv", b"", "names the columns"),
        ("latin.csv", "side,quantity\nl\u00e4ng,1\n".encode("latin-1"), "no UTF-8"),
    ):
        file = tmp_path / name
        file.write_bytes(content)
        with pytest.raises(UsageError, match=message):
            calc.answers(file)


def test_every_column_of_the_contract_is_read() -> None:
    wanted = (
        "id, venue, contract_type, side, quantity, entry_price, leverage, margin, added_margin, maintenance_rate, "
        "maintenance_amount, taker_fee, funding_paid, mark_price, date"
    )
    assert set(wanted.split(", ")) <= set(COLUMNS)
