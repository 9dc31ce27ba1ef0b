# SPDX-License-Identifier: Apache-2.0
"""Several commands at once."""
from __future__ import annotations

import json
import os
import subprocess

from net import APIM4, APIM6, until
from world import OK, World


def finish(process: subprocess.Popen) -> dict:
    out, err = process.communicate(timeout=60)
    assert process.returncode == OK, out + err
    return json.loads(out)


def test_twenty_writers_at_once(world: World) -> None:
    world.policy()
    before = world.generation()
    prefixes = [f"10.{n}.0.0/16" for n in range(20)]
    done = [finish(process) for process in
            [world.start(f"allow add {prefix} set apim") for prefix in prefixes]]
    assert sorted(row["generation"] for row in done) == list(range(before + 1, before + 21))
    assert set(world.prefixes()) == {f"{APIM4}/32", f"{APIM6}/128", *prefixes}
    assert world.generation() == world.saved_generation() == before + 20
    world.reboot()
    world.gate("restore")
    assert set(prefixes) <= set(world.prefixes())


def waits_for_lock(pid: int) -> bool:
    """The kernel lists who waits with an arrow."""
    with open("/proc/locks", encoding="ascii") as file:
        return any("->" in line and f" {pid} " in line for line in file)


def test_first_commands_at_once(world: World) -> None:
    """Nothing is loaded yet: one of them makes the pins, and all find them."""
    for process in [world.start(f"set add set-{n}") for n in range(8)]:
        finish(process)
    names = {row["name"] for row in world.gate("set show")["sets"]}
    assert names == {"azure-platform", *(f"set-{n}" for n in range(8))}


def test_killed_writer_lets_go_of_the_lock(world: World) -> None:
    world.policy()
    world.pins.mkdir(exist_ok=True)
    with world.net.inside("backend"):
        holder = subprocess.Popen(["flock", str(world.pins), "-c", "echo held; sleep 1000"],
                                  stdout=subprocess.PIPE, text=True, start_new_session=True)
    world.processes.append(holder)
    assert holder.stdout.readline() == "held\n"
    writer = world.start("set add other")
    until(lambda: waits_for_lock(writer.pid), "it waits for the lock")
    world.gate("set show")  # readers do not wait
    assert writer.poll() is None
    os.killpg(holder.pid, 9)
    holder.communicate()
    assert finish(writer)["changed"]


def test_readers_see_whole_generations(world: World) -> None:
    """Two lists of different length and content go in in turn; no reader ever sees a mixture."""
    world.policy()
    lists = [{f"10.{i}.{n >> 8}.{n & 255}/32" for n in range(size)}
             for i, size in enumerate((400, 700))]
    files = [world.file(f"list-{i}", lists[i]) for i in (0, 1)]
    world.gate(f"allow load file {files[0]} set apim")
    batch = "".join(f"allow load file {files[(n + 1) % 2]} set apim\n" for n in range(100))
    writer = world.start(["batch", "file", str(world.file("batch", [batch]))])
    seen, reads = set(), 0
    while writer.poll() is None or reads < 20:
        found = set(world.prefixes())
        assert found in lists, f"{len(found)} prefixes"
        counts = {row["name"]: row["prefixes"] for row in world.gate("set show")["sets"]}
        assert counts["apim"] in (400, 700)
        assert len(world.gate("allow show prefix 10.0.0.0/15")["allow"]) in (400, 700)
        seen.add(len(found))
        reads += 1
    writer.communicate()
    assert writer.returncode == OK
    assert seen == {400, 700}
    print(f"{reads} reads beside 100 writes")
