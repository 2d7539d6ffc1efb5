"""Which venues there are: one TOML file each beside this module, and the files that users write."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

from backtest.errors import UsageError, near
from backtest.venues.statements import Statements
from backtest.venues.venue import Venue

SAMPLE = "sample"
"""The embedded synthetic market, and `sample-11` that of seed 11; it is traded under the rules of Binance."""

SAMPLE_RULES = "binance"
ENDING = ".toml"
FOLDER = Path(__file__).parent


@cache
def shipped() -> tuple[str, ...]:
    """The ids of the venues whose files ship with the project."""
    return tuple(sorted(path.stem for path in FOLDER.iterdir() if path.suffix == ENDING))


def is_path(venue: str) -> bool:
    """Whether a venue is named by the path of a file."""
    return venue.strip().lower().endswith(ENDING)


def is_sample(venue: str) -> bool:
    """Whether a venue is the embedded synthetic market."""
    return re.fullmatch(rf"{SAMPLE}(-\d+)?", venue) is not None


def find(venue: str) -> Venue:
    """The venue of an id or of a file's path; an unknown one raises with the near name."""
    plain = venue.strip()
    if is_path(plain):
        path = Path(plain).expanduser()
        if not path.is_file():
            raise UsageError(f"there is no venue file {plain} (read from {Path.cwd()})")
        return Venue(id=plain, statements=_statements(path.resolve(), plain, ()))
    name = SAMPLE_RULES if is_sample(plain) else plain
    if name not in shipped():
        known = (*shipped(), SAMPLE)
        raise UsageError(
            f"the margin rules of '{venue}' are not known here; {near(name, known)}they are known for "
            f"{', '.join(known)}; write those of another venue into a file of your own and give its path"
        )
    return _shipped(name)


@cache
def _shipped(name: str) -> Venue:
    return Venue(id=name, statements=_statements(FOLDER / f"{name}{ENDING}", f"{name}{ENDING}", ()))


def _statements(path: Path, shown: str, below: tuple[Path, ...]) -> Statements:
    """The statements of a file, laid over those of the one that it extends, whose stored history it shares."""
    if path in below:
        raise UsageError(f"{shown}: extends leads back to the file itself; name a venue such as binance")
    own = Statements.of_file(path, shown)
    own = own if own.history or own.extends else replace(own, history=path.stem.lower())
    if not own.extends:
        return own
    if is_path(own.extends):
        other = (path.parent / own.extends).resolve()
    elif own.extends in shipped():
        other = FOLDER / f"{own.extends}{ENDING}"
    else:
        raise UsageError(
            f"{shown}: extends '{own.extends}', which is no venue here; {near(own.extends, shipped())}"
            f"known are {', '.join(shipped())}"
        )
    return own.over(_statements(other, own.extends, (*below, path)))
