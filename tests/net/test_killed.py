# SPDX-License-Identifier: Apache-2.0
"""A command may be killed at any moment: the gate is as before it, or as after it."""
from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from maps import assert_one_generation
from net import ADDRESSES, APIM4, APIM6, BACKEND4, FAMILIES, STRANGER4, until
from traffic import ALLOWED_WAIT, DNS, WEB, bound
from world import World

KILLED, ENDED_BEFORE = 0, 77


def assert_verdicts(world: World) -> None:
    """The stranger's packet first, then APIM's: only the second one arrives."""
    for family in (4, 6):
        with closing(bound(world.net, "backend", family, socket.SOCK_DGRAM, DNS)) as server:
            server.settimeout(ALLOWED_WAIT)
            for host in ("stranger", "apim"):
                with closing(world.net.socket(host, FAMILIES[family], socket.SOCK_DGRAM)) as client:
                    client.sendto(host.encode(), (ADDRESSES["backend"][family], DNS))
            assert server.recv(100) == b"apim"
    assert world.check(APIM4, BACKEND4, "tcp", WEB)["verdict"] == "pass"
    assert world.check(STRANGER4, BACKEND4, "tcp", WEB)["verdict"] == "drop"


def assert_tidy(world: World) -> None:
    """After a whole change: one generation's maps, and the two state files."""
    assert_one_generation(world)
    assert sorted(path.name for path in world.state.iterdir()) == \
        ["gate.state", "gate.state.previous"]
    gate = world.gate("stats show")["gate"]
    assert gate["generation"] == gate["saved_generation"]


def every_kill(world: World, tools: Path, command: str, step: int = 1,
               prepare: Callable[[], None] = lambda: None) -> Iterator[int]:
    """Runs the command again and again, killed at its first, second, ... change of anything."""
    for moment in range(1, 100000, step):
        prepare()
        done = world.net.run("backend", str(tools / "killat"), str(moment), *world.argv(command),
                             check=False, env=world.environment())
        assert done.returncode in (KILLED, ENDED_BEFORE), done.stderr
        if done.returncode == ENDED_BEFORE:
            assert moment > 5, done.stdout
            print(f"{command}: {moment - 1} moments")
            return
        yield moment


@pytest.mark.slow
def test_random_kills_of_large_loads(world: World) -> None:
    world.protect()
    wanted = [{f"{APIM4}/32", f"{APIM6}/128", *(f"2{i}.{n >> 8}.{n & 255}.0/24"
                                               for n in range(20000))} for i in (0, 1)]
    files = [world.file(f"list-{i}", wanted[i]) for i in (0, 1)]
    world.gate(f"allow load file {files[0]} set apim")
    began = time.monotonic()
    world.gate(f"allow load file {files[1]} set apim")
    longest = 1.2 * (time.monotonic() - began)
    chance, now, seen = random.Random(1), 1, {0: 0, 1: 0}
    for _ in range(50):
        process = world.start(f"allow load file {files[1 - now]} set apim")
        time.sleep(chance.uniform(0, longest))  # the moment of the kill is what is tested
        process.kill()
        process.communicate()
        found = set(world.prefixes())
        assert found in wanted, f"{len(found)} prefixes, of neither list"
        seen[int(found != wanted[now])] += 1
        now = wanted.index(found)
        counts = {row["name"]: row["prefixes"] for row in world.gate("set show")["sets"]}
        assert counts["apim"] == len(wanted[now])
        assert_verdicts(world)
    print(f"killed before the switch {seen[0]} times, after it {seen[1]} times")
    world.gate(f"allow load file {files[1 - now]} set apim")
    assert set(world.prefixes()) == wanted[1 - now]
    assert_tidy(world)


@pytest.mark.slow
def test_kill_at_every_moment_of_a_load(world: World, tools: Path) -> None:
    world.protect()
    small = {f"{APIM4}/32", f"{APIM6}/128"}
    # More than fits into the head, and into the first arrays of hit counters.
    large = small | {f"20.{n >> 8}.{n & 255}.77/32" for n in range(5000)}
    small_file, large_file = world.file("small", small), world.file("large", large)
    seen = set()
    for moment in every_kill(world, tools, f"allow load file {large_file} set apim"):
        found = set(world.prefixes())
        assert found in (small, large), f"kill {moment}: {len(found)} prefixes"
        seen.add(len(found))
        assert_verdicts(world)
        world.gate(f"allow load file {small_file} set apim force")
        world.gate("set add another")
        world.gate("set delete another")
        assert_tidy(world)
    assert seen == {2, 5002}, "kills hit both sides of the switch"
    assert set(world.prefixes()) == large


@pytest.mark.slow
def test_kills_while_hit_counters_grow(world: World, tools: Path) -> None:
    """5,000 entries take more arrays of counters: not one hit is lost or doubled."""
    world.protect()
    large = world.file("large", [APIM4, APIM6, *(f"20.0.{n >> 8}.{n & 255}" for n in range(5000))])
    lost = {}
    for moment in every_kill(world, tools, f"allow load file {large} set apim", step=3,
                             prepare=lambda: prepare_growth(world)):
        assert_verdicts(world)
        sent = 5 + 2
        if world.hits()[f"{APIM4}/32"] + world.hits()[f"{APIM6}/128"] != sent:
            lost[moment] = world.hits()[f"{APIM4}/32"]
        world.gate("set add another")
        world.gate("set delete another")
        assert_one_generation(world)
    assert not lost, f"hits lost by a kill at: {lost}"


def prepare_growth(world: World) -> None:
    """A new gate with the two entries, and five hits on one of them."""
    small = world.file("small", [APIM4, APIM6])
    world.gate(f"allow load file {small} set apim force")
    world.reboot()
    world.gate("restore")
    with closing(world.net.socket("apim", socket.AF_INET, socket.SOCK_DGRAM)) as client:
        for _ in range(5):
            client.sendto(b"hit", (BACKEND4, DNS))
    until(lambda: world.hits()[f"{APIM4}/32"] == 5, "five hits")


@pytest.mark.slow
def test_kill_at_every_moment_of_a_service_change(world: World, tools: Path) -> None:
    world.protect()
    for moment in every_kill(world, tools, "service add extra proto tcp port 9999 from apim"):
        names = {row["name"] for row in world.gate("service show")["services"]}
        assert names in ({"web", "dns"}, {"web", "dns", "extra"}), f"kill {moment}"
        verdict = world.check(STRANGER4, BACKEND4, "tcp", 9999)["verdict"]
        assert verdict == ("drop" if "extra" in names else "pass")
        if "extra" in names:
            world.gate("service delete extra")
    assert_verdicts(world)
    assert_tidy(world)


@pytest.mark.slow
def test_kills_while_attaching(world: World, tools: Path) -> None:
    """Attached or not, never in between; and either way the next attach works."""
    world.policy()
    seen = set()
    for _ in every_kill(world, tools, "link attach dev eth0", step=4):
        links = world.gate("link show")["links"]
        seen.add(bool(links))
        if links:
            assert world.link()["state"] == "attached" and world.link()["policy"] == "enforce"
            assert_verdicts(world)
            world.gate("restore")
            assert world.link()["state"] == "attached"
            world.gate("link detach dev eth0")
        world.wait_detached()
    assert seen == {False, True}
    assert world.link()["state"] == "attached"
    assert_verdicts(world)


@pytest.mark.slow
def test_kills_while_detaching(world: World, tools: Path) -> None:
    world.protect()
    for _ in every_kill(world, tools, "link detach dev eth0", step=2):
        links = world.gate("link show")["links"]
        if links and world.link()["state"] == "attached":
            assert_verdicts(world)
            continue
        world.wait_detached()
        world.gate("link attach dev eth0")
        assert_verdicts(world)
    assert world.gate("link show")["links"] == []
    world.wait_detached()


def test_kill_at_every_moment_of_the_first_command(world: World, tools: Path) -> None:
    """Making the pins is not special: what is half there is made anew."""
    for moment in every_kill(world, tools, "set add apim"):
        names = {row["name"] for row in world.gate("set show", as_json=True)["sets"]}
        assert names in ({"azure-platform"}, {"azure-platform", "apim"}), f"kill {moment}"
        world.gate("set add other")
        world.reboot()
        for path in world.state.glob("*") if world.state.exists() else ():
            path.unlink()
    until(lambda: world.gate("set show"), "the last one was not killed")
