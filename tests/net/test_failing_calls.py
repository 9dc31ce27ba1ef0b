# SPDX-License-Identifier: Apache-2.0
"""Any call to the kernel may fail: the gate is as before the change or as after it, and tidy again
after the next one."""
from __future__ import annotations

import random
from pathlib import Path

import pytest

from maps import assert_one_generation
from net import APIM4, APIM6
from world import World

TRIES = 60


def load(world: World, tools: Path, path: Path, **variables: str) -> int:
    """The status of loading the list, with a call that fails."""
    # The sanitizers want to be loaded first; this one does not mind.
    env = {"LD_PRELOAD": str(tools / "failat.so"), "ASAN_OPTIONS": "verify_asan_link_order=0",
           **variables}
    return world.call(f"allow load file {path} set apim force", env=env).status


@pytest.mark.slow
@pytest.mark.parametrize("grows", [True, False], ids=["growing", "shrinking"])
def test_a_call_that_fails(world: World, tools: Path, tmp_path: Path, grows: bool) -> None:
    world.protect()
    small = {f"{APIM4}/32", f"{APIM6}/128"}
    large = small | {f"20.{n >> 8}.{n & 255}.77/32" for n in range(5000)}
    files = [world.file("small", small), world.file("large", large)]
    before, after = files if grows else files[::-1]
    counted = tmp_path / "calls"

    world.gate(f"allow load file {before} set apim force")
    assert load(world, tools, after, FAIL_COUNT=str(counted)) == 0
    calls = int(counted.read_text())
    assert calls > 20
    statuses = set()
    for at in sorted(random.Random(1).sample(range(1, calls + 1), min(TRIES, calls))):
        world.gate(f"allow load file {before} set apim force")
        status = load(world, tools, after, FAIL_AT=str(at))
        assert status in (0, 1), f"call {at}: status {status}"
        statuses.add(status)
        found = set(world.prefixes())
        assert found in (small, large), f"call {at}: {len(found)} prefixes"
        if status == 0:
            assert found == (large if grows else small), f"call {at}: done, it said"
        world.gate("set add another")
        world.gate("set delete another")
        assert_one_generation(world)
    assert statuses == {0, 1}, "some failures end the change, others come after it"
