"""docs/venues.md says what the rule sets say: one row a rule set, every open question, every example file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backtest import venues
from backtest.clock import time_text
from backtest.enums import FeeReserve, LiquidationStyle, PartialStyle, TierUnit, label
from backtest.venues.rules import VenueRules

PAGE = (Path(__file__).parents[2] / "docs" / "venues.md").read_text(encoding="utf-8")
IDS = [venue for venue in venues.venue_ids() if venue != venues.SAMPLE]
SETS = [rules for venue in IDS for rules in venues.find(venue).rule_sets]


def row(rules: VenueRules) -> str:
    """The line of the page's table for a rule set."""
    since = "" if rules.valid_from_ns is None else time_text(rules.valid_from_ns).removesuffix(" 00:00")
    cells = [
        f"`{rules.id}`",
        since,
        f"{label(rules.opening_fee_pocket)}, {label(rules.funding_pocket)}",
        reserve(rules),
        f"{rules.trigger_fee:.3%}".replace("%", " %") if isinstance(rules.trigger_fee, float) else rules.trigger_fee,
        label(rules.maintenance_basis),
        tiers(rules),
        liquidation(rules),
        label(rules.leverage_change) + ("" if rules.lower_leverage else ", not lowered"),
    ]
    return f"| {' | '.join('–' if cell == '0.000 %' else cell for cell in cells)} |".replace("|  |", "| |")


def reserve(rules: VenueRules) -> str:
    if rules.fee_reserve is FeeReserve.NONE:
        return "–"
    rate = "" if rules.reserve_fee is None else f" at {rules.reserve_fee:.3%}".replace("%", " %")
    return label(rules.fee_reserve) + rate + ("" if rules.reserve_in_trigger else ", not in the requirement")


def tiers(rules: VenueRules) -> str:
    unit = {TierUnit.QUANTITY: "contracts", TierUnit.NOTIONAL: "value at the mark", TierUnit.ENTRY: "value at entry"}
    return f"{unit[rules.tier_unit]}, {'marginal' if rules.marginal else 'whole position'}"


def liquidation(rules: VenueRules) -> str:
    rest = "at the mark" if rules.liquidation_style is LiquidationStyle.MARKET_CLOSE else "taken over"
    if rules.partial is PartialStyle.NONE:
        return rest
    wait = f", {rules.partial_cooldown_ns // 10**9} s apart" if rules.partial_cooldown_ns else ""
    if rules.partial is PartialStyle.TIERS:
        down = (
            f"{rules.partial_tiers} tier{'s' * (rules.partial_tiers > 1)} down from tier {rules.partial_from_tier} on"
        )
        return f"{down}{wait}; the rest {rest}"
    above = f" above {rules.partial_above:,.0f}" if rules.partial_above else ""
    last = f"; below {rules.backstop:.2f} of the requirement all of it" if rules.backstop else ""
    return f"{rules.partial_fraction:.0%} at a time".replace("%", " %") + f"{above}{wait}; the rest {rest}{last}"


@pytest.mark.parametrize("rules", SETS, ids=lambda each: f"{each.id} {each.valid_from_ns or ''}".strip())
def test_each_rule_set_has_its_row(rules: VenueRules) -> None:
    assert row(rules) in PAGE


@pytest.mark.parametrize("venue", IDS)
def test_each_open_question_is_listed(venue: str) -> None:
    asked = re.search(rf"^\*\*`{venue}`\*\*.*$", PAGE, re.MULTILINE)
    assert asked is not None
    assert [name for name in venues.find(venue).questions if f"`{name}`" not in asked.group()] == []


def test_each_file_that_the_page_shows_is_a_venue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(shown) == 2
    for text in shown:
        Path("shown.toml").write_text(text, encoding="utf-8")
        assert venues.contract("./shown.toml", "BTC").rules[-1].order_limit >= 1
        assert venues.contract("./shown.toml", "BTC").tier_tables
