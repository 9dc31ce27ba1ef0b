# SPDX-License-Identifier: Apache-2.0
"""All kinds of commands at once, half of them killed, under traffic: not one wrong verdict."""
from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest

from flood import Flood
from maps import assert_one_generation, pretend_other_build
from net import APIM4, APIM6, BACKEND4, STRANGER4
from traffic import WEB
from world import World

SECONDS = 15
AT_ONCE = 4


def any_command(chance: random.Random, lists: list[Path]) -> str:
    """Nothing that would let the stranger in, or keep APIM out."""
    number = chance.randrange(40)
    kinds = {
        f"allow load file {chance.choice(lists)} set apim force": 40,
        f"allow add 10.0.0.{number} set aux expires {1 + number % 4}s": 10,
        f"service add s{number} proto tcp port {1 + number * 90} from apim": 10,
        f"service delete s{number} force": 10,
        f"set add t{number}": 5,
        f"set delete t{number}": 5,
        "link enforce dev eth0": 5,
        "link attach dev eth0": 5,
        "restore": 5,
        "default set drop force": 2,
        "default set pass": 2,
        "stats show": 2,
        f"check src {STRANGER4} dst {BACKEND4} proto tcp dport {WEB}": 2,
    }
    return chance.choices(list(kinds), list(kinds.values()))[0]


@pytest.mark.slow
def test_chaos(world: World, tools: Path) -> None:
    world.protect()
    world.gate("set add aux")
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    lists = [world.file(f"list-{size}", [APIM4, APIM6, *(
        f"20.{n >> 8}.{n & 255}.{chance.randrange(256)}" for n in range(size))])
        for size in (0, 5, 900, 1100, 3000, 9000)]
    statuses: dict[int, int] = {}
    running: list[tuple[subprocess.Popen, float]] = []
    with Flood(world.net, tools, 5000) as flood:
        ends = time.monotonic() + SECONDS
        while time.monotonic() < ends or running:
            if len(running) < AT_ONCE and time.monotonic() < ends:
                if chance.random() < 0.03:
                    pretend_other_build(world)
                kill_at = chance.uniform(0, 0.4) if chance.random() < 0.5 else 60
                running.append((world.start(any_command(chance, lists)),
                                time.monotonic() + kill_at))
            for one in list(running):
                process, kill_at = one
                if process.poll() is None and time.monotonic() > kill_at:
                    process.kill()
                if process.poll() is None:
                    continue
                out, err = process.communicate()
                assert err == "", err
                assert process.returncode in (0, 1, 3, -9), out
                assert process.returncode != 1 or "already" in out, out
                statuses[process.returncode] = statuses.get(process.returncode, 0) + 1
                running.remove(one)
                world.processes.remove(process)
            time.sleep(0.002)
    print(f"statuses {statuses}, sent {flood.sent}")
    flood.assert_all_right()
    assert world.reason("allowed") == flood.sent["apim"]
    assert world.reason("not-allowed") == flood.sent["stranger"]
    world.gate("restore")
    world.gate("set add last")
    assert_one_generation(world)
    assert world.generation() == world.saved_generation()
    assert world.link()["policy"] == "enforce"
