# SPDX-License-Identifier: Apache-2.0
"""Traffic through many changes of the list, with not one wrong verdict."""
from __future__ import annotations

import time
from pathlib import Path

import pytest

from flood import Flood
from net import APIM4, APIM6
from world import IS_SLOW, World

SWAPS = 1000
RATE = 10000  # packets a second, of each of the two


@pytest.mark.slow
def test_a_thousand_swaps_under_traffic(world: World, tools: Path) -> None:
    """Both lists hold APIM and a hundred others; the stranger is in neither."""
    world.protect()
    lists = [world.file(f"list-{i}", [APIM4, APIM6, *(f"20.{i}.{n}.0/24" for n in range(100))])
             for i in (0, 1)]
    world.gate(f"allow load file {lists[0]} set apim")
    before = world.generation()
    allowed, refused = world.reason("allowed"), world.reason("not-allowed")
    batch = "".join(f"allow load file {lists[(n + 1) % 2]} set apim\n" for n in range(SWAPS))
    with Flood(world.net, tools, RATE) as flood:
        began = time.monotonic()
        done = world.call("batch file -", stdin=batch, as_json=False, timeout=300)
        took = time.monotonic() - began
        assert done.status == 0, str(done)
    print(f"{SWAPS} swaps in {took:.1f} s ({took / SWAPS * 1000:.1f} ms each) under "
          f"{sum(flood.sent.values()) / took:.0f} packets/s; sent {flood.sent}")
    assert world.generation() == before + SWAPS
    flood.assert_all_right()
    assert world.reason("allowed") - allowed == flood.sent["apim"]
    assert world.reason("not-allowed") - refused == flood.sent["stranger"]
    assert world.hits()[f"{APIM4}/32"] == flood.sent["apim"], "the entry's counter came through"
    assert IS_SLOW or took < 90


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["native", "generic"])
def test_growing_and_shrinking_under_traffic(world: World, tools: Path, mode: str) -> None:
    """Lists of all sizes: other tries, other pages, other arrays of hit counters."""
    world.protect(mode)
    sizes = (2000, 3, 20000, 0, 60000, 500)
    lists = [world.file(f"list-{size}", [APIM4, APIM6, *(f"21.{n >> 8}.{n & 255}.0/24"
                                                        for n in range(size))]) for size in sizes]
    with Flood(world.net, tools, RATE, family=6) as flood:
        for path in lists * 3:
            world.gate(f"allow load file {path} set apim force")
    flood.assert_all_right()
    assert world.hits()[f"{APIM6}/128"] == flood.sent["apim"]
