"""The works done by every engine: timed, held to the minimal loop's trades, and set beside each other."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from benchmarks.environments import PEERS, Part, Peer, UnavailableError, environment, timed
from benchmarks.measure import Measured
from benchmarks.minimal import Rule, truth
from benchmarks.table import Figure, number, rows

WORKS = {
    "W1": "one symbol, a year of 1-minute bars, moving-average cross at 5×",
    "W2": "ten symbols, one wallet",
    "W3": "a hundred settings of W1",
    "W4": "hourly Python callback on ten symbols, resized by volatility",
}
OURS, FUNDED, INDICATOR, MINIMAL = "isomargin", "isomargin funding", "isomargin indicator", "minimal loop"
RUNS = {"W1": 25, "W2": 7, "W3": 3, "W4": 3}
TOLERANCE = 1e-6
TRUTH = cache(truth)
SAID = {
    Rule.NEXT_OPEN: "",
    Rule.SAME_CLOSE: "fills at the close that decided, so it is held to the minimal loop under that rule",
    Rule.OWN_WALLETS: "one symbol an account, so it is held to ten wallets of a tenth",
}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An engine on a work, and what its trades should have been."""

    measured: Measured
    rule: Rule
    fills: int
    equity: float

    @property
    def off(self) -> float:
        """How far the final equity is from the truth, as a fraction."""
        return abs(self.measured.equity / self.equity - 1)

    @property
    def agrees(self) -> bool:
        """Whether the trades are the same: as many, and the same equity."""
        return self.measured.fills == self.fills and self.off <= TOLERANCE

    @property
    def verdict(self) -> str:
        """The agreement in words."""
        if self.measured.engine == FUNDED:
            return f"with funding: {self.measured.equity:,.2f}, not comparable"
        how = f"{self.measured.fills:,} fills, {self.measured.equity:,.2f}, off by {self.off:.0e}"
        single = self.measured.work in ("W1", "W3") and self.rule is Rule.OWN_WALLETS
        said = "" if single else SAID[self.rule]
        return f"{'same' if self.agrees else '**NOT THE SAME**'}: {how}" + (f"; {said}" if said else "")


def entry(measured: Measured, rule: Rule) -> Entry:
    """A measured work beside the truth for as many bars and settings."""
    right = TRUTH(measured.work, measured.bars, rule, measured.settings)
    return Entry(measured=measured, rule=rule, fills=right.fills, equity=right.equity)


def ours(works: Sequence[str]) -> list[Entry]:
    """isomargin and the minimal loop, in processes of their own like the peers."""
    found = []
    for work in works:
        part = Part(runs=RUNS[work])
        scripts = [("minimal", ""), ("own", "")]
        scripts += [("own", "funding")] if work in ("W1", "W2", "W3") else [("own", "indicator")]
        found += [
            entry(timed(sys.executable, module, work, part, engine), Rule.NEXT_OPEN) for module, engine in scripts
        ]
    return found


def peers(chosen: Sequence[Peer], works: Sequence[str]) -> tuple[list[Entry], list[str]]:
    """The peers that can be set up, and a sentence for each that cannot."""
    found, missing = [], []
    for peer in chosen:
        for work in (work for work in works if work in peer.parts):
            try:
                python = environment(peer.module, peer.needs, peer.python)
                print(f"{peer.name} {work}", file=sys.stderr)
                measured = timed(python, f"peers.{peer.module}", work, peer.parts[work], peer.engine)
            except UnavailableError as error:
                missing.append(f"{peer.name}, {work}: {error}")
                continue
            found.append(entry(measured, peer.rule))
    return found, missing


def chosen(names: Sequence[str]) -> list[Peer]:
    """The peers whose names begin with one of these; all if none is given."""
    return [peer for peer in PEERS if not names or any(peer.name.startswith(name) for name in names)]


def _of(found: Sequence[Entry], work: str, name: str) -> Measured | None:
    return next((e.measured for e in found if e.measured.work == work and e.measured.engine == name), None)


def table(found: Sequence[Entry]) -> str:
    """All works and engines, the fastest first; ratios are to isomargin's run call on the same work."""
    head = ["work", "engine", "ns", "fastest..slowest", "× isomargin", "of the work", "MB", "trades"]
    body = []
    for work in WORKS:
        own = _of(found, work, OURS)
        entries = [entry for entry in found if entry.measured.work == work]
        for entry in sorted(entries, key=lambda each: each.measured.ns):
            one = entry.measured
            low, high = (each * 1e9 / one.units for each in one.spread_s)
            body.append(
                [
                    work,
                    _named(one),
                    number(one.ns),
                    f"{number(low)}..{number(high)}",
                    number(one.ns / own.ns) if own else "",
                    _part(one),
                    f"{one.memory_mb:,.0f}",
                    entry.verdict,
                ]
            )
    return rows(head, body, right=(2, 4, 6))


def _named(one: Measured) -> str:
    if one.engine.startswith(OURS):
        return one.engine.replace(OURS, f"**{OURS} {one.version}**").replace(" funding", " with funding")
    return f"{one.engine} {one.version}".strip()


def _part(one: Measured) -> str:
    full = {"W4": 8_760}.get(one.work, 525_600)
    said = [f"{one.bars:,} bars"] if one.bars < full else []
    said += [f"{one.settings} setting"] if one.work == "W3" and one.settings == 1 else []
    return ", ".join(said) or "all"


def lines(found: Sequence[Entry]) -> list[Figure]:
    """Bars 1, 3, 5 and 8, as far as those who ran allow."""
    figures = []
    one, ten = _of(found, "W1", OURS), _of(found, "W2", OURS)
    for work, name, label in (
        ("W1", OURS, "W1"),
        ("W1", FUNDED, "W1 with funding every 8 hours"),
        ("W3", OURS, "W3"),
        ("W3", FUNDED, "W3 with funding every 8 hours"),
    ):
        mine = _of(found, work, name)
        theirs = [e.measured for e in found if e.measured.work == work and e.measured.engine.startswith("vectorbt")]
        if mine and theirs:
            best = min(theirs, key=lambda each: each.ns)
            figures.append(
                Figure(
                    name=f"{label}: {best.engine} against isomargin",
                    unit="times",
                    value=best.ns / mine.ns,
                    bar=50.0,
                    least=True,
                    note=f"{number(best.ns)} against {number(mine.ns)} ns",
                )
            )
    if one and ten:
        figures.append(
            Figure(name="W2 against W1, run calls", unit="times", value=ten.cpu_s / one.cpu_s, bar=12.0, note="")
        )
    compared = [entry for entry in found if entry.measured.engine != FUNDED]
    worst = max((entry.off for entry in compared), default=0.0)
    same = sum(entry.agrees for entry in compared)
    figures.append(
        Figure(
            name="trades: largest difference of final equity",
            unit="fraction",
            value=worst,
            bar=TOLERANCE,
            note=f"{same} of {len(compared)} made the same trades as the minimal loop",
        )
    )
    return figures
