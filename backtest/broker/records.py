"""The one-row records in which the broker keeps its state, and the rows it appends.

Every record is an aligned NumPy structured type of eight-byte fields, so that compiled code changes it in
place, Python reads it without copying, and a table of rows becomes a DataFrame as it stands.

Units: money in quote currency, quantity in base units (signed on a position, positive on an order), rates as
plain fractions, time in UTC nanoseconds, `bar` as the index of a base bar. A price that does not exist is NaN.
A number of an order starts at 1; 0 says "no order". `leg` is the index of a position: in one-way mode that of its
symbol; in hedge mode symbol k has the legs 2k (long) and 2k + 1 (short).
"""

from __future__ import annotations

import numpy as np


def record(*, ints: str = "", floats: str = "") -> np.dtype:
    fields = [(name, np.int64) for name in ints.split()] + [(name, np.float64) for name in floats.split()]
    return np.dtype(fields, align=True)


ACCOUNT = record(
    ints="bar stage segment wake sequence orders trades ledger_rows notice_rows order_rows command_rows resolved "
    "funding_row schedule_row hole_row cross clear_rows clear_until groups",
    floats="fraction wallet reserved floating equity peak_equity",
)
"""The wallet shared by all positions, and how far the run has come.

`wallet` is the free balance plus `reserved` (the margin that resting limit orders hold back). `bar`, `stage`,
`segment` and `fraction` are the point of time; `orders` and `trades` count the numbers given out, `groups` the orders
that joined another's one-cancels-other group; the `..._rows` count rows in use. In `cross` margin `floating` is what
the positions add to the free balance (0 in isolated margin), and no bar before `clear_until` can touch the account
while the ledger has `clear_rows` rows.
"""

POSITION = record(
    ints="trade orders there awake clear_until low_first entered_bar ambiguous_bar point_segment stale "
    "auto_margin cooldown_until crash expires_bar symbol direction",
    floats="quantity entry_price margin leverage liquidation_price judged_mark mark_price last_price point_fraction "
    "last_below last_above mark_below mark_above",
)
"""One isolated position, of `symbol` (its index) and of either `direction` (0), or only long (1) or short (-1).

`margin` is its own wallet: allocated + added - removed ± funding, without unrealised PnL. `orders` counts its working
orders, `expires_bar` is the first bar at whose open one of them is no longer good; `there` says whether the symbol has
prices in the bar reached. `judged_mark` is the mark price of its last event, from which the prices of a requirement
that jumps are looked for. `mark_price` and `last_price` are the prices of the point reached (`point_segment`,
`point_fraction`). The four thresholds are the nearest prices at which anything of this position happens; no bar before
`clear_until` touches one, unless something changed since (`stale`). A leg that nothing concerns in a bar sleeps through
it (`awake` 0).
"""

ORDER = record(
    ints="number leg side kind status trigger_on reduce_only post_only bracket group parent reason tag bar done_bar "
    "time_in_force expires_bar moved_bar",
    floats="quantity price trigger leverage stop take_profit trailing_stop callback_rate callback_distance best "
    "reserved filled filled_price",
)
"""One order, from acceptance or refusal to its end; `kind` becomes LIMIT when a stop-limit is triggered.

`reason` says why it exists while it lives (ORDER, STOP, TAKE_PROFIT, TRAILING_STOP) and why it ended when it was
cancelled or refused. `parent` is the number of the order whose bracket it belongs to, `group` that of the first order
of the group of which one cancels the others (0: it is that one, or there is none). `expires_bar` is the first bar at
whose open it is no longer good. `stop`, `take_profit` and `trailing_stop` (a callback rate) are those of its bracket.

A trailing stop's `best` (NaN until it is active) is the best price since, `trigger` the level that follows it (until
then its activation price), `moved_bar` the bar on whose path it moved last.
"""

COMMAND = record(
    ints="bar kind leg side order_kind size_kind trigger_on reduce_only post_only order tag threshold number group "
    "time_in_force expires_ns",
    floats="size price trigger leverage stop take_profit trailing_stop callback_rate callback_distance level amount "
    "budget cooldown_ns quantity",
)
"""One request of a strategy or one row of a schedule; `bar` is the base bar at whose close it is given.

`size` counts what `size_kind` says; the kernel works out `quantity` from it at once. `number` is the number of the
order that it makes, `order` the number of the order that it cancels, `group` that of the first order of its group (0:
none but its own). `threshold`, `level`, `amount`, `budget` and `cooldown_ns` are a top-up policy's; `amount` is also
what a margin command moves.
"""

OPTIONAL = (
    "price", "trigger", "leverage", "stop", "take_profit", "trailing_stop", "callback_rate", "callback_distance",
)  # fmt: skip
"""Numbers of a command that need not be given: NaN where they are not."""


def commands(count: int) -> np.ndarray:
    """COMMAND rows in which nothing is given yet.

    >>> rows = commands(2)
    >>> rows["kind"].tolist(), rows["stop"].tolist()
    ([0, 0], [nan, nan])
    """
    rows = np.zeros(count, COMMAND)
    for name in OPTIONAL:
        rows[name] = np.nan
    return rows


TOP_UP = record(
    ints="threshold ready_bar active",
    floats="level amount budget cooldown_ns spent price",
)
"""A position's top-up policy; `price` is the mark price at which it acts, `ready_bar` the first bar in which it may."""

ALERT = record(
    ints="number leg kind threshold armed trade",
    floats="level price rearm_price",
)
"""A watched threshold (`kind`: the notice it gives). Disarmed once given; armed again at `rearm_price`."""

LEDGER = record(
    ints="sequence time_ns bar leg segment kind order trade liquidity reason tag",
    floats="fraction price mark_price quantity slippage "
    "wallet margin fees funding pnl liquidation_fee insurance deposit "
    "wallet_after position_after entry_after margin_after leverage_after liquidation_after",
)
"""One event, in double entry: the eight amounts wallet … deposit are credits to those accounts and sum to zero.

`wallet` and `margin` are the trader's; `fees`, `funding`, `pnl`, `liquidation_fee` and `insurance` are what the
other side received (`pnl` is negative when the trader gained, `insurance` negative when the fund paid).
The `..._after` columns are the state after the event. `segment` is 0 for the bar's open, 1 to 3 for the legs of
its path and 4 for its close; `fraction` places the event on that leg.
"""

NOTICE = record(
    ints="sequence time_ns bar leg segment kind reason order alert tag",
    floats="fraction value level price mark_price",
)

FUNDING = record(ints="time_ns bar leg", floats="rate")
"""One settlement of a symbol (`leg` is its index), placed on the base bar at whose open it settles."""

CONTRACT = record(
    ints="first_table tables inverse",
    floats="tick lot minimum_notional maker taker liquidation_fee price_band",
)

TIER_TABLE = record(ints="from_ns first tiers")

TIER = record(floats="floor cap rate amount leverage slope")
"""Maintenance margin = notional × rate − amount while floor < notional ≤ cap; `leverage` is the tier's cap."""

RULES = record(
    ints="opening_fee_pocket funding_pocket maintenance_basis tier_unit whole_tiers fee_reserve reserve_in_trigger "
    "strict liquidation_style partial partial_tiers partial_from_tier partial_cooldown_ns freezes lower_leverage "
    "leverage_change whole_leverage auto_margin removable order_limit",
    floats="trigger_fee reserve_fee partial_fraction partial_above backstop",
)

HOLE = record(ints="bar bars leg crash")
"""A run of missing bars of one symbol (`leg` is its index); or, with `crash` ±1, a bar before which the mark rose or
fell so far that winning longs or shorts are deleveraged.
"""


def _joined(*parts: np.dtype, ints: str = "") -> np.dtype:
    fields = [(name, part[name]) for part in parts for name in part.names or ()]
    return np.dtype([*fields, *((name, np.int64) for name in ints.split())], align=True)


TERMS = _joined(CONTRACT, RULES, ints="table first count next_table_ns most_rows")
"""All that a position is judged by: its contract, its venue's rules and the tier table that holds now (`first`,
`count`); `most_rows` is how many ledger rows closing it may take.
"""

SETTINGS = record(
    ints="legs path refuse_holes bars start_ns bar_ns fine_bars coarse_bars decision_every decision_offset decide "
    "watch_drawdown wake_fill wake_reject wake_funding wake_liquidation wake_margin_call wake_alert",
    floats="slippage volume_slippage",
)
"""What holds for the whole run. `legs` of a symbol: 1, in hedge mode 2 (long, short). Decisions fall on the close of
each bar with (bar + 1 + offset) a multiple of `decision_every`.
"""
