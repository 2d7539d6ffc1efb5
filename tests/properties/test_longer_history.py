"""A longer history never changes what has happened before; and how the search skips bars never changes anything."""

from __future__ import annotations

from tests.properties.running import played, seeds
from tests.properties.worlds import random_world


def test_a_longer_history_never_changes_the_earlier_ledger() -> None:
    rows = 0
    for seed in seeds(50_000):
        world = random_world(seed)
        length = 1 + seed % (world.length - 1)
        whole, begun = played(world), played(world.first_bars(length))
        for name in ("ledger", "notices", "orders"):
            one, other = getattr(whole, name), getattr(begun, name)
            if name == "orders":
                # an order that ended later has only its beginning in common
                one = one[: len(other)]
                ended = other["done_bar"] > 0
                one, other = one[ended], other[ended]
            else:
                one = one[one["bar"] < length]
            rows += len(other)
            assert one.tobytes() == other.tobytes(), f"seed {seed}, {length} of {world.length} bars: {name}"
    assert rows > 10 * len(list(seeds()))


def test_the_block_sizes_of_the_search_never_change_a_byte() -> None:
    for seed in seeds(60_000):
        world = random_world(seed)
        fine = (1, 2, 3, 5, 8)[seed % 5]
        usual, other = played(world), played(world, blocks=(fine, fine * (2 + seed % 3)))
        for name in ("ledger", "notices", "orders"):
            same = getattr(usual, name).tobytes() == getattr(other, name).tobytes()
            assert same, f"seed {seed}, blocks of {fine}: {name}"
