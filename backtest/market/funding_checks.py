"""The checks of stored funding: settlements that are missing, intervals that change, rates that are no fractions.

The interval is read from the stamps. One long step between two stretches of the same interval is a hole where it is a
whole number of them; every other change is a change of the venue's interval, which is worth knowing and no fault.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backtest.clock import HOUR_NS, MINUTE_NS, interval_text, time_text
from backtest.market.findings import LISTED, Finding, Tally, fail, warn

PLAUSIBLE = 0.1
"""No venue has settled a larger rate at once, as a fraction of notional."""


def settlements(times: NDArray[np.int64], rates: NDArray[np.float64]) -> list[Finding]:
    """What is wrong with settlements in order of time."""
    beyond = f"{PLAUSIBLE:.0%} of notional or more, or no number"
    implausible = Tally("rate", f"rates are {beyond}", f"rate is {beyond}")
    implausible.add(times[~(np.abs(rates) < PLAUSIBLE)])
    steps = np.diff(times // MINUTE_NS * MINUTE_NS)
    begins = np.flatnonzero(np.diff(steps, prepend=-1)) if steps.size else np.zeros(0, np.intp)
    lengths, counts = steps[begins], np.diff(np.append(begins, steps.size))
    missing, changes = [], []
    usual = 0  # the interval that holds, as an index of a stretch
    for stretch in range(1, begins.size):
        before, now, when = int(lengths[usual]), int(lengths[stretch]), int(times[begins[stretch]])
        returns = stretch + 1 < begins.size and int(lengths[stretch + 1]) == before
        if now == before:
            usual = stretch
        elif counts[stretch] == 1 and returns and now > before > 0 and now % before == 0:
            count = now // before - 1
            said = "1 settlement is" if count == 1 else f"{count} settlements are"
            missing.append(
                fail("settlement", f"{said} missing after {time_text(when)} (every {_length(before)})", when)
            )
        else:
            text = f"the interval changes at {time_text(when)} from {_length(before)} to {_length(now)}"
            changes.append(warn("interval", text, when))
            usual = stretch
    return implausible.findings() + _listed(missing, "settlement") + _listed(changes, "interval")


def _length(length_ns: int) -> str:
    return interval_text(length_ns) if length_ns > 0 and length_ns % MINUTE_NS == 0 else f"{length_ns / HOUR_NS:g} h"


def _listed(found: list[Finding], rule: str) -> list[Finding]:
    if len(found) <= LISTED:
        return found
    rest = found[LISTED:]
    more = Finding(level=rest[0].level, rule=rule, text=f"{len(rest)} more of these")
    return [*found[:LISTED], more]
