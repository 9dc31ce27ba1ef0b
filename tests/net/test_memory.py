# SPDX-License-Identifier: Apache-2.0
"""The kernel gets back all memory of the generations that were."""
from __future__ import annotations

import json
from pathlib import Path

import pytest

from net import APIM4, run, until
from world import World

CHANGES = 20
PREFIXES = 10000


def pinned_maps(directory: Path) -> dict[int, int]:
    """The number of every map that is pinned below, and the bytes that it takes."""
    found = {}
    for path in directory.rglob("*"):
        done = run("bpftool", "-j", "map", "show", "pinned", str(path), check=False)
        if path.is_file() and done.returncode == 0:
            shown = json.loads(done.stdout)
            found[shown["id"]] = shown["bytes_memlock"]
    return found


def is_there(map_id: int) -> bool:
    return run("bpftool", "map", "show", "id", str(map_id), check=False).returncode == 0


@pytest.mark.parametrize("family", [4, 6])
def test_changes_lose_no_memory(world: World, family: int) -> None:
    """As many maps of the same size as before, and of the others none is left."""
    prefix = "20.{}.{}.0/24" if family == 4 else "2001:db8:{:x}:{:x}::/64"
    extra = "203.0.113.0/24" if family == 4 else "2001:db8:ffff::/64"
    listed = [APIM4, *(prefix.format(n >> 8, n & 255) for n in range(PREFIXES))]
    world.protect()
    world.gate(f"allow load file {world.file('list', listed)} set apim")
    # The first change may still make the hit counters grow.
    changes = [f"allow add {extra} set apim", f"allow delete {extra} set apim"]
    for command in changes:
        world.gate(command)
    before = pinned_maps(world.pins)
    seen = set(before)
    for command in changes * (CHANGES // 2):
        world.gate(command)
        seen |= pinned_maps(world.pins).keys()
    after = pinned_maps(world.pins)
    assert sorted(after.values()) == pytest.approx(sorted(before.values()), abs=1 << 17)
    assert len(seen) > len(after), "generations were replaced"
    until(lambda: not any(is_there(i) for i in seen - after.keys()), "their maps are gone")
