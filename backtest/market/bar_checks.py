"""The checks of stored bars, one class a rule, fed month by month so that a long series takes a month's memory.

A rule is fed columns whose first rows are the last ones of the month before (`lead` of them; 0 at the beginning), so
that what lies across a month's edge is seen, and is asked for its findings at the end. It changes nothing.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backtest.clock import DAY_NS, MINUTE_NS, grid_phase_ns, time_text
from backtest.market.findings import Finding, Largest, Level, Tally, bars_text, fail, warn
from backtest.market.parquet import Columns

FROZEN_NS = 30 * MINUTE_NS
"""A price that does not move at all for so long, while there is trade, was not recorded."""

IDLE_NS = DAY_NS
"""No trade at all for so long is worth knowing: nothing would have been filled."""

FAR = 0.05
"""Distance of last from mark, as a fraction, from which a bar is listed."""

SPIKE, ABSURD = 3.0, 10.0
"""A bar that reaches so many times its neighbours' prices, and back, is listed; from the second on it fails."""

REACH = 5
"""Neighbours on each side that a spike is held against; runs of up to two false bars are seen by it."""

LEAD = 2 * REACH
"""Rows of the month before that a rule is fed again."""


class BarRule(Protocol):
    """One check of bars."""

    def feed(self, columns: Columns, lead: int) -> None:
        """Look at the rows from `lead` on."""
        ...

    def findings(self) -> list[Finding]:
        """What was found in all of them."""
        ...


class Order:
    """Rows that are out of order or stand twice."""

    def __init__(self) -> None:
        self._twice = Tally("twice", "rows stand twice", "row stands twice")
        self._unsorted = Tally("unsorted", "rows are out of order", "row is out of order")

    def feed(self, columns: Columns, lead: int) -> None:
        """Look at the rows from `lead` on."""
        times = columns["time"][max(lead - 1, 0) :]
        steps = np.diff(times)
        if steps.size and steps.min() <= 0:
            self._twice.add(times[1:][steps == 0])
            self._unsorted.add(times[1:][steps < 0])

    def findings(self) -> list[Finding]:
        """What was found."""
        return self._twice.findings() + self._unsorted.findings()


class Grid:
    """Bars that open off the grid of their interval."""

    def __init__(self, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._off = Tally("grid", "bars open off the grid", "bar opens off the grid")

    def feed(self, columns: Columns, lead: int) -> None:
        """Look at the rows from `lead` on."""
        times = columns["time"][lead:]
        self._off.add(times[(times - grid_phase_ns(self._interval_ns)) % self._interval_ns != 0])

    def findings(self) -> list[Finding]:
        """What was found."""
        return self._off.findings()


class Impossible:
    """Bars whose prices contradict each other or are no positive numbers, or whose volume is negative."""

    def __init__(self) -> None:
        self._empty = Tally(
            "impossible", "bars have a price that is no positive number", "bar has a price that is no positive number"
        )
        self._crossed = Tally(
            "impossible",
            "bars have a high below, or a low above, their open or close",
            "bar has a high below, or a low above, its open or close",
        )
        self._negative = Tally(
            "impossible",
            "bars have a volume that is negative or no number",
            "bar has a volume that is negative or no number",
        )

    def feed(self, columns: Columns, lead: int) -> None:
        """Look at the rows from `lead` on."""
        times = columns["time"][lead:]
        opened, high, low, close = (columns[name][lead:] for name in ("open", "high", "low", "close"))
        top, bottom = np.maximum(opened, close), np.minimum(opened, close)
        sound = (bottom > 0) & (low > 0) & (high < np.inf) & (low <= bottom) & (high >= top)
        if not sound.all():
            prices = np.stack([opened, high, low, close])
            empty = ~(np.isfinite(prices) & (prices > 0)).all(axis=0)
            self._empty.add(times[empty])
            self._crossed.add(times[~sound & ~empty])
        if "volume" in columns:
            volume = columns["volume"][lead:]
            self._negative.add(times[~((volume >= 0) & (volume < np.inf))])

    def findings(self) -> list[Finding]:
        """What was found."""
        return self._empty.findings() + self._crossed.findings() + self._negative.findings()


class Gaps:
    """Missing bars, with the move of the price that they span; the largest moves first."""

    def __init__(self, interval_ns: int) -> None:
        self._interval_ns = interval_ns
        self._gaps = Largest("first", "after")

    def feed(self, columns: Columns, lead: int) -> None:
        """Look at the rows from `lead` on."""
        before = max(lead - 1, 0)
        times = columns["time"][before:]
        steps = np.diff(times)
        rows = np.flatnonzero(steps >= 2 * self._interval_ns)
        if not rows.size:
            return
        with np.errstate(all="ignore"):
            moves = np.abs(columns["open"][before:][rows + 1] / columns["close"][before:][rows] - 1)
        self._gaps.add(
            size=moves,
            bars=steps[rows] // self._interval_ns - 1,
            first=times[rows] + self._interval_ns,
            after=times[rows + 1],
        )

    def findings(self) -> list[Finding]:
        """What was found."""
        found = []
        for gap in self._gaps.rows():
            text = (
                f"gap {time_text(gap['first'])} → {time_text(gap['after'])} ({bars_text(gap['bars'])}) spans a "
                f"{gap['size']:.1%} move: what happened in it is unknown"
            )
            found.append(fail("gap", text, gap["first"], gap["bars"]))
        return found + self._gaps.rest(Level.FAIL, "gap", "with smaller moves")


class Frozen:
    """Stretches in which the price does not move at all though there is trade, and stretches without any trade."""

    def __init__(self, interval_ns: int) -> None:
        self._still = _Stretches(interval_ns, FROZEN_NS)
        self._idle = _Stretches(interval_ns, IDLE_NS)
        self._interval_ns = interval_ns
        self._rows, self._level = 0, 0

    def feed(self, columns: Columns, lead: int) -> None:
        """Look at the rows from `lead` on."""
        before = max(lead - 1, 0)
        part = {name: values[before:] for name, values in columns.items()}
        still = (part["high"] == part["low"]) & (part["open"] == part["close"])
        if "volume" in part:
            idle = part["volume"] == 0
            still &= ~idle
            self._idle.feed(part, idle, np.ones(idle.size - 1, bool), lead - before)
        self._still.feed(part, still, part["open"][1:] == part["close"][:-1], lead - before)
        self._rows += still.size - (lead - before)
        self._level += int(still[lead - before :].sum())

    def findings(self) -> list[Finding]:
        """What was found."""
        found = [
            warn("idle", f"no trade {self._span(each)}: nothing would be filled", each["first"], each["bars"])
            for each in self._idle.done().rows()
        ]
        found += self._idle.done().rest(Level.WARN, "idle", "no longer without trade")
        if self._level > 0.5 * self._rows:
            text = "most bars have one price for open, high, low and close: levels, not bars"
            return [warn("levels", text), *found]
        for each in self._still.done().rows():
            text = f"frozen {self._span(each)} at {each['price']:.10g}"
            found.append(warn("frozen", text, each["first"], each["bars"]))
        return found + self._still.done().rest(Level.WARN, "frozen", "frozen no longer")

    def _span(self, each: dict[str, int]) -> str:
        until = time_text(each["last"] + self._interval_ns)
        return f"{time_text(each['first'])} → {until} ({bars_text(each['bars'])})"


class _Stretches:
    """Runs of consecutive bars of which something holds, across the edges of months."""

    def __init__(self, interval_ns: int, least_ns: int) -> None:
        self._interval_ns = interval_ns
        self._least = -(-least_ns // interval_ns)
        self._long = Largest("first", "last", "price")
        self._open: tuple[int, int, int, float] | None = None  # first time, last time, bars, price

    def feed(self, columns: Columns, holds: NDArray[np.bool_], same: NDArray[np.bool_], lead: int) -> None:
        """Look at rows of which the first is the last of the month before where `lead` is 1."""
        times = columns["time"]
        if times.size == lead:
            return
        joined = holds[1:] & holds[:-1] & same & (np.diff(times) == self._interval_ns)
        begins = np.flatnonzero(np.concatenate([[True], ~joined]))
        bars = np.diff(np.append(begins, times.size))
        firsts = times[begins]
        if lead and self._open is not None:  # the first run goes on from the month before
            bars[0] += self._open[2] - 1
            firsts[0] = self._open[0]
        ends = np.append(begins[1:], times.size) - 1
        held = holds[begins]
        tail = held[-1]
        if tail:
            price = float(columns["close"][ends[-1]])
            self._open = (int(firsts[-1]), int(times[ends[-1]]), int(bars[-1]), price)
            held[-1] = False
        else:
            self._open = None
        rows = np.flatnonzero(held & (bars >= self._least))
        self._add(firsts[rows], times[ends[rows]], bars[rows], columns["close"][ends[rows]])

    def done(self) -> Largest:
        """The long runs, the one at the end among them."""
        if self._open is not None:
            first, last, bars, price = self._open
            self._open = None
            if bars >= self._least:
                self._add(np.array([first]), np.array([last]), np.array([bars]), np.array([price]))
        return self._long

    def _add(
        self,
        first: NDArray[np.int64],
        last: NDArray[np.int64],
        bars: NDArray[np.int64],
        price: NDArray[np.float64],
    ) -> None:
        self._long.add(size=bars, bars=bars, first=first, last=last, price=price)


class Spikes:
    """Single bars far outside their neighbours, and levels of the price that change from one bar to the next.

    A bar is a spike where its high is `SPIKE` times the median high of `REACH` bars before and of those after it (or
    its low that fraction of theirs); the price jumps where the closes before and after differ by so much themselves.
    """

    def __init__(self) -> None:
        self._spikes = Largest("time", "value", "up")
        self._jumps = Largest("time", "before", "after")
        self._tail: Columns = {}
        self._seen = 0

    def feed(self, columns: Columns, lead: int) -> None:
        """Look at the rows whose neighbours are known: the last ones wait for the next month."""
        rows = columns["time"].size
        if rows > REACH:
            self._look(columns, max(lead - REACH, 0), rows - REACH)
        self._tail = {name: columns[name][-LEAD:] for name in ("time", "high", "low", "close")}

    def findings(self) -> list[Finding]:
        """What was found, in the rows that waited too."""
        if self._tail:
            rows = self._tail["time"].size
            self._look(self._tail, max(rows - REACH, 0), rows)
            self._tail = {}
        found = []
        for each in self._spikes.rows():
            name, word = ("high", "times") if each["up"] else ("low", "times below")
            what = f"{name} {each['value']:.10g} is {each['size']:.1f} {word} that of the bars around it"
            text = f"spike at {time_text(each['time'])}: {what}"
            level = Level.FAIL if each["size"] >= ABSURD else Level.WARN
            found.append(Finding(level=level, rule="spike", text=text, time_ns=each["time"], bars=1))
        found += self._spikes.rest(Level.WARN, "spike", "spikes no larger")
        for each in self._jumps.rows():
            text = f"the price jumps at {time_text(each['time'])} from {each['before']:.10g} to {each['after']:.10g}"
            found.append(warn("jump", f"{text} and stays: another unit or contract?", each["time"], 1))
        return found + self._jumps.rest(Level.WARN, "jump", "jumps no larger")

    def _look(self, columns: Columns, low: int, high: int) -> None:
        for name in ("high", "low"):
            values = columns[name]
            with np.errstate(all="ignore"):
                if values.size < 3 or values.max() <= SPIKE * values.min():
                    continue
                ratio = np.maximum(values[1:] / values[:-1], values[:-1] / values[1:])
            beside = np.flatnonzero(ratio > SPIKE)
            rows = np.unique(np.concatenate([beside, beside + 1]))
            rows = rows[(rows >= low) & (rows < high)]
            if rows.size:
                self._judge(columns, name, rows)

    def _judge(self, columns: Columns, name: str, rows: NDArray[np.intp]) -> None:
        values, times, own = columns[name][rows], columns["time"][rows], columns["close"][rows]
        left, right = (_neighbours(columns[name], rows, side) for side in (-1, 1))
        before, after = (_neighbours(columns["close"], rows, side) for side in (-1, 1))
        previous = columns["close"][np.maximum(rows - 1, 0)]
        with np.errstate(all="ignore"):
            was, now = _middle(before), _middle(after)
            change = np.maximum(now / was, was / now)
            jump = (change >= SPIKE) & (np.maximum(own / previous, previous / own) >= SPIKE)
            jump &= np.isfinite(before).all(axis=1) & np.isfinite(after).all(axis=1)  # at the ends nothing stays yet
            beyond = [values / _middle(side) for side in (left, right)]
            size = np.fmin(*beyond) if name == "high" else np.fmin(1 / beyond[0], 1 / beyond[1])
        if name == "high":
            at = np.flatnonzero(jump)
            ones = np.ones(at.size, np.int64)
            self._jumps.add(size=change[at], bars=ones, time=times[at], before=was[at], after=now[at])
        at = np.flatnonzero((size >= SPIKE) & ~jump)
        ones, up = np.ones(at.size, np.int64), np.full(at.size, name == "high")
        self._spikes.add(size=size[at], bars=ones, time=times[at], value=values[at], up=up)


class Apart:
    """Bars whose last price goes further than `FAR` from the mark price, by their highs, lows or closes."""

    NAMES = ("high", "low", "close")

    def __init__(self) -> None:
        self._far = Largest("time", "name", "last", "mark")

    def compare(self, last: Columns, mark: Columns) -> None:
        """Look at the bars that both have."""
        if np.array_equal(last["time"], mark["time"]):
            mine = other = np.arange(last["time"].size)
        else:
            _, mine, other = np.intersect1d(last["time"], mark["time"], return_indices=True)
        if not mine.size:
            return
        with np.errstate(all="ignore"):
            parts = np.abs(np.stack([last[name][mine] / mark[name][other] - 1 for name in self.NAMES]))
        widest = parts.max(axis=0)
        rows = np.flatnonzero(widest > FAR)
        if not rows.size:
            return
        which = parts[:, rows].argmax(axis=0)
        traded, judged = (
            np.stack([columns[name][at[rows]] for name in self.NAMES])[which, np.arange(rows.size)]
            for columns, at in ((last, mine), (mark, other))
        )
        ones = np.ones(rows.size, np.int64)
        times = last["time"][mine[rows]]
        self._far.add(size=widest[rows], bars=ones, time=times, name=which, last=traded, mark=judged)

    def findings(self) -> list[Finding]:
        """What was found."""
        found = []
        for each in self._far.rows():
            what = f"{self.NAMES[each['name']]} {each['last']:.10g} last, {each['mark']:.10g} mark"
            text = f"last far from mark at {time_text(each['time'])}: {what}"
            found.append(warn("apart", text, each["time"], 1))
        return found + self._far.rest(Level.WARN, "apart", "no further from mark")


def rules(interval_ns: int) -> tuple[BarRule, ...]:
    """All rules that look at one series of bars by itself."""
    return (Order(), Grid(interval_ns), Impossible(), Gaps(interval_ns), Frozen(interval_ns), Spikes())


def _neighbours(values: NDArray[np.float64], rows: NDArray[np.intp], side: int) -> NDArray[np.float64]:
    """The `REACH` values before (side −1) or after (1) each row; NaN beyond the ends."""
    places = rows[:, None] + side * np.arange(1, REACH + 1)
    inside = (places >= 0) & (places < values.size)
    return np.where(inside, values[np.clip(places, 0, values.size - 1)], np.nan)


def _middle(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median of each row, of the values that there are; NaN where there are none."""
    ordered = np.sort(values, axis=1)  # NaN last
    count = np.isfinite(values).sum(axis=1)
    rows = np.arange(values.shape[0])
    middle: NDArray[np.float64] = (ordered[rows, np.maximum(count - 1, 0) // 2] + ordered[rows, count // 2]) / 2
    return middle
