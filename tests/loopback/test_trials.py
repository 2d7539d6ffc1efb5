"""Bar 2: from a venue on which everything goes wrong comes the same store, or a clear error and then the same store.

Sixteen trials here, four of each wire format; `make loopback` runs 200.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data.loopback.shelf import Shelf
from tests.loopback import trials
from tests.loopback.trials import Trial

Served = tuple[dict[str, Shelf], Path]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trials.patience, "LOCAL_FIRST_S", 0.001)
        patch.setattr(trials.patience, "LOCAL_MOST_S", 0.01)
        yield trials.served(root), root


@pytest.mark.parametrize("number", range(16))
def test_every_fault_at_random_leaves_an_equal_store(served: Served, number: int, tmp_path: Path) -> None:
    _, wrong = trials.run(Trial.of(number), *served, tmp_path / "fetched")
    assert wrong == []
