"""A venue of a user's own: a TOML file, whole or laid over a shipped one, and what is said of a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest

from backtest import venues
from backtest.clock import moment_ns
from backtest.enums import Basis, FeeReserve, Pocket
from backtest.errors import UsageError

WHOLE = """
name = "Mine"

[rules]
opening_fee_pocket = "wallet"
funding_pocket = "wallet"
trigger_fee = "taker"
maintenance_basis = "entry"
strict = false
liquidation_style = "bankruptcy"
lower_leverage = true
whole_leverage = false
order_limit = 10
notes = ["a venue that nobody else has"]

[rules.sources]
"trigger_fee, maintenance_basis" = "its help page, read today"

[rules.2024-05-01]
maintenance_basis = "mark"

[linear]
usual = "BTC/USDT:USDT"
maker = 0.0001
taker = 0.0006

[linear.2024-01-01]
taker = 0.0004

[contracts."BTC/USDT:USDT"]
tick = 0.5
lot = 0.01
minimum_notional = 1

[contracts."BTC/USDT:USDT".tiers]
2023-01-01 = [[1_000_000, 0.005, 100], [inf, 0.01, 50]]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(text: str, name: str = "mine.toml") -> str:
    Path(name).write_text(text, encoding="utf-8")
    return f"./{name}"


def test_a_whole_venue_is_used_by_its_path(folder: Path) -> None:
    venue = written(WHOLE)
    rules = venues.rules(venue, moment_ns("2024-04-30"))
    assert (rules.name, rules.id, rules.maintenance_basis) == ("Mine", venue, Basis.ENTRY)
    assert venues.rules(venue).maintenance_basis is Basis.MARK
    contract = venues.contract(venue, "BTC")
    assert (contract.venue, contract.symbol, contract.tick, contract.taker) == (venue, "BTC/USDT:USDT", 0.5, 0.0004)
    assert venues.contract(venue, "BTC", at_ns=moment_ns("2023-12-31")).taker == 0.0006
    assert [tier.amount for tier in contract.tier_tables[0].tiers] == [0, 5_000]
    assert venues.history_of(venue) == "mine"


def test_what_a_user_gives_no_source_for_is_of_his_file(folder: Path) -> None:
    rules = venues.rules(written(WHOLE))
    assert rules.sources["strict"] == "stated in ./mine.toml"
    assert rules.sources["trigger_fee"] == "its help page, read today"
    assert rules.notes == ("a venue that nobody else has",)


def test_what_a_user_leaves_out_of_a_contract_is_assumed(folder: Path) -> None:
    contract = venues.contract(written(WHOLE), "BTC")
    assert contract.liquidation_fee == 0.015
    assert "liquidation fee: assumed, general knowledge" in contract.sources


def test_a_file_may_state_only_what_differs_from_a_shipped_venue(folder: Path) -> None:
    venue = written('extends = "binance"\n[rules]\nopening_fee_pocket = "margin"\n[linear]\ntaker = 0.0003\n')
    theirs, own = venues.rules("binance"), venues.rules(venue)
    assert (theirs.opening_fee_pocket, own.opening_fee_pocket) == (Pocket.WALLET, Pocket.MARGIN)
    assert own.funding_pocket is theirs.funding_pocket
    contract = venues.contract(venue, "ETHUSDT")
    assert (contract.taker, contract.maker, contract.tick) == (0.0003, 0.0002, 0.01)
    assert contract.tier_tables == venues.contract("binance", "ETHUSDT").tier_tables
    assert venues.history_of(venue) == "binance"


def test_a_rule_stated_without_a_date_holds_for_all_dates_of_the_extended_venue(folder: Path) -> None:
    venue = written('extends = "kucoin"\n[rules]\nfee_reserve = "value"\n')
    for day in ("2024-01-01", "2026-01-01"):
        assert venues.rules(venue, moment_ns(day)).fee_reserve is FeeReserve.VALUE
    assert venues.rules(venue, moment_ns("2026-01-01")).maintenance_basis is Basis.MARK


def test_a_change_may_be_dated_over_an_extended_venue(folder: Path) -> None:
    venue = written('extends = "binance"\n[rules.2026-06-01]\ntrigger_fee = 0.001\n')
    assert venues.rules(venue, moment_ns("2026-05-31")).trigger_fee == 0.0
    assert venues.rules(venue, moment_ns("2026-06-01")).trigger_fee == 0.001


def test_own_tiers_of_a_contract_take_the_place_of_the_shipped_ones(folder: Path) -> None:
    venue = written('extends = "binance"\n[contracts."BTC/USDT:USDT".tiers]\n2020-01-01 = [[inf, 0.01, 50]]\n')
    (table,) = venues.contract(venue, "BTC").tier_tables
    assert (table.source, table.tiers[0].rate) == ("stated in ./mine.toml, 2020-01-01", 0.01)
    assert venues.contract(venue, "BTC").tick == 0.1


def test_a_file_may_extend_another_file_beside_it(folder: Path) -> None:
    written(WHOLE, "base.toml")
    venue = written('extends = "base.toml"\nname = "Mine too"\n[linear]\nmaker = 0\n')
    assert venues.rules(venue).order_limit == 10
    assert (venues.contract(venue, "BTC").maker, venues.history_of(venue)) == (0, "base")


def test_an_edited_file_is_read_anew(folder: Path) -> None:
    assert venues.rules(written(WHOLE)).order_limit == 10
    assert venues.rules(written(WHOLE.replace("order_limit = 10", "order_limit = 11"))).order_limit == 11


def test_the_history_that_is_traded_may_be_another_venues(folder: Path) -> None:
    assert venues.history_of(written(f'history = "sample"\n{WHOLE}')) == "sample"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ("trigger_fee", "triger_fee"),
            r"\./mine\.toml, \[rules\]: 'triger_fee' is no key here; did you mean 'trigger_",
        ),
        (('name = "Mine"', "xyz = 1"), r"mine\.toml: 'xyz' is no key here; known are name, extends"),
        (("strict = false", 'strict = "no"'), r"\[rules\]: strict is 'no'; it must be true or false"),
        (("order_limit = 10", "order_limit = 1.5"), r"\[rules\]: order_limit is 1\.5; it must be a whole number"),
        (("order_limit = 10", "order_limit = 0"), "an order limit of 0 lets no order work"),
        (('"entry"\n', '"entri"\n'), r"\[rules\]: maintenance_basis: 'entri' is no basis; did you mean 'entry'"),
        (('trigger_fee = "taker"', 'trigger_fee = "maker"'), "trigger_fee 'maker' is none of taker, liquidation"),
        (("strict = false\n", ""), r"mine\.toml: \[rules\] states no strict; add them, or begin with extends"),
        (('"trigger_fee, m', '"trigger_fees, m'), r"\[rules\.sources\]: 'trigger_fees' is no key here; did you mean"),
        (("[rules.2024-05-01]", "[rules.2024-5-1]"), r"\[rules\]: '2024-5-1' is no time; write a date such as"),
        (("maker = 0.0001\n", ""), r"no maker fee of BTC/USDT:USDT is stated; put it into \[linear\]"),
        (("tick = 0.5", 'tick = "0.5"'), r"\[contracts\.BTC/USDT:USDT\]: tick is '0\.5'; it must be a number"),
        (("lot = 0.01", "lots = 0.01"), r"\[contracts\.BTC/USDT:USDT\]: 'lots' is no key here; did you mean 'lot'"),
        (("[inf, 0.01, 50]", "[inf, 0.01]"), r"2023-01-01: tier 2 is \[inf, 0\.01\]; it must be \[cap, rate, lev"),
        (("[inf, 0.01, 50]", "[inf, 0.004, 50]"), r"\.tiers\]: the rate does not rise at a notional of 1e\+06"),
        (("[inf, 0.01, 50]", "[inf, 1, 50]"), r"\.tiers\]: the maintenance rate 1 of the tier above 1e\+06 is no"),
        (("[inf, 0.01, 50]", '"inf"'), r"2023-01-01: tier 2 is 'inf'; it must be \[cap, rate, leverage\]"),
        (("[[1_000_000, 0.005, 100], [inf, 0.01, 50]]", "[]"), r"2023-01-01 is \[\]; it must be a list of tiers"),
        (("2023-01-01 =", 'seen = "today"\n2023-01-01 ='), r"\.tiers\]: seen is 'today'; it must be a list of dates"),
        (('name = "Mine"', 'name = ""'), r"mine\.toml: name is ''; it must be a text"),
        (('["a venue that nobody else has"]', '"alone"'), r"\[rules\]: notes is 'alone'; it must be a list of texts"),
        (("order_limit = 10", "order_limit = 10\nbackstop = 2"), r"backstop 2\.0 is no fraction between 0 and 1"),
        (("order_limit = 10", "order_limit = 10\nreserve_fee = -1"), r"reserve_fee -1\.0 is negative or no number"),
        (('= "taker"', "= -0.1"), r"trigger_fee -0\.1 is negative or no number"),
        (("order_limit = 10", 'order_limit = 10\npartial = "fraction"'), "needs partial_fraction above 0"),
        (("order_limit = 10", "order_limit = 10\npartial_tiers = 0"), "partial_tiers is at least 1"),
        (("= 0.0006", "= 0.0006\nusual = 1"), "mine.toml is no TOML: Cannot overwrite a value"),
        (('name = "Mine"', "name = Mine"), "mine.toml is no TOML: Invalid value"),
    ],
)
def test_what_is_wrong_is_said_with_the_file_and_the_key(folder: Path, change: tuple[str, str], said: str) -> None:
    assert change[0] in WHOLE
    venue = written(WHOLE.replace(*change, 1))
    with pytest.raises(UsageError, match=said):
        venues.contract(venue, "BTC")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('extends = "binanc"', "extends 'binanc', which is no venue here; did you mean 'binance'"),
        ('extends = "./mine.toml"', "extends leads back to the file itself"),
        ('extends = "./other.toml"', "the venue file ./other.toml cannot be read"),
        ('extends = "binance"\nusual = "quanto"', "usual is 'quanto'; it is one of linear, inverse"),
        ('extends = "binance"\nrules = 3', r"rules is 3; it must be a table, \[rules\]"),
    ],
)
def test_what_cannot_be_extended_is_said(folder: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        venues.rules(written(text))


def test_history_of_a_venue_without_rules_is_kept_under_its_own_name() -> None:
    assert venues.history_of("my-recorder") == "my-recorder"
    assert venues.history_of("sample-11") == "sample-11"
    assert venues.history_of("okx") == "okx"


def test_a_file_that_is_not_there_is_said(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no venue file \./none\.toml \(read from "):
        venues.rules("./none.toml")
