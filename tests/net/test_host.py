# SPDX-License-Identifier: Apache-2.0
"""What the host lacks or has on the interface: each an error that says the way out."""
from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from net import APIM4, APIM6, BACKEND4, has_kind, run
from traffic import WEB, gets_in
from world import APIMGATE, FAILED, IS_SLOW, NOT_FOUND, NOT_PERMITTED, OK, World

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


# ---- no permission ----

@pytest.mark.parametrize("words", [
    "set show", "set add x", "allow show", "allow add 10.0.0.1", "service show", "default show",
    "link show", "link attach dev eth0", "link detach dev eth0", "link audit dev eth0",
    "stats show", "event tail count 1", "restore",
    f"check src {APIM4} dst {BACKEND4} proto tcp dport {WEB}",
])
def test_nobody_is_not_permitted(world: World, words: str) -> None:
    world.policy()
    program = Path(shutil.copy(APIMGATE, world.directory))
    argv = [*NOBODY, str(program), *world.argv(words)[1:]]
    done = world.net.run("backend", *argv, check=False, env=world.environment())
    assert done.returncode == NOT_PERMITTED, done.stdout + done.stderr
    assert '"kind":"not-permitted"' in done.stdout and "root" in done.stdout
    assert world.generation() == 1


@pytest.mark.parametrize("words", ["version", "help", "help link attach", "set --help"])
def test_nobody_gets_help(world: World, words: str) -> None:
    program = Path(shutil.copy(APIMGATE, world.directory))
    world.net.run("backend", *NOBODY, str(program), *words.split(), env=world.environment())


# ---- no BPF file system ----

def test_no_bpf_file_system(world: World) -> None:
    pins = world.directory / "not-bpf" / "gate"
    for words in ("set add apim", "link attach dev eth0", "restore"):
        answer = world.fails(FAILED, words, pins=pins)
        assert "BPF file system" in answer["error"] and str(pins) in answer["error"]
        assert "mount -t bpf" in answer["hint"]
    assert not pins.parent.exists(), "nothing is made on another file system"


def test_reading_needs_no_gate(world: World) -> None:
    """Before anything is loaded, the saved policy is shown, with a warning."""
    for words in ("set show", "allow show", "service show", "default show", "stats show"):
        answer = world.gate(words)
        assert any("no gate is loaded" in text for text in answer["warnings"])
    assert not world.pins.exists() and not world.state.exists()


def test_check_without_a_link_says_so(world: World) -> None:
    world.policy()
    answer = world.check(APIM4, BACKEND4, "tcp", WEB)
    assert answer["verdict"] == "pass" and answer["device"] is None
    assert any("no link" in text for text in answer["warnings"])


# ---- interfaces ----

def test_missing_interface_lists_the_others(world: World) -> None:
    answer = world.fails(NOT_FOUND, "link attach dev eth7")
    assert "eth7" in answer["error"] and "eth0" in answer["error"] and "lo" in answer["error"]


def test_another_program_is_named(own_world: World) -> None:
    world = own_world
    source, target = Path(__file__).with_name("pass.bpf.c"), world.directory / "pass.o"
    run("clang", "-O2", "-g", "-target", "bpf", "-c", str(source), "-o", str(target))
    world.policy()
    for how in ("xdpdrv", "xdpgeneric"):
        world.net.run("backend", "ip", "link", "set", "dev", "eth0", how, "obj", str(target),
                      "sec", "xdp")
        for mode in ("auto", "native", "generic"):
            answer = world.fails(FAILED, f"link attach dev eth0 mode {mode}")
            assert "someone_else" in answer["error"] and "eth0" in answer["error"]
            assert "xdp off" in answer["hint"]
        assert world.gate("link show")["links"] == []
        found = world.call("doctor dev eth0").json["findings"]
        assert any(row["check"] == "xdp-other" and row["level"] != "ok" and
                   "someone_else" in row["text"] for row in found)
        world.net.run("backend", "ip", "link", "set", "dev", "eth0", how, "off")
    world.gate("link attach dev eth0")
    assert gets_in(world.net, "apim")


def test_bond_is_explained(own_world: World) -> None:
    if not has_kind("bond"):
        pytest.skip("this kernel has no bonds")
    world = own_world
    world.net.ip("backend", "link add bond0 type bond mode active-backup")
    for name in ("a", "b"):
        world.net.ip("backend", f"link add {name}0 type veth peer name {name}1")
        world.net.ip("backend", f"link set {name}0 master bond0")
    answer = world.fails(FAILED, "link attach dev bond0")
    assert "bond" in answer["error"] and "a0" in answer["error"] and "b0" in answer["error"]
    world.policy()
    world.gate("link attach dev a0")


def test_vlan_is_explained(own_world: World) -> None:
    if not has_kind("vlan"):
        pytest.skip("this kernel has no VLAN devices")
    world = own_world
    world.net.ip("backend", "link add link eth0 name eth0.7 type vlan id 7")
    done = world.gate("link attach dev eth0.7")
    assert any("VLAN" in text and "attached to eth0" in text for text in done["warnings"])


def test_tunnel_without_ethernet_is_refused(own_world: World) -> None:
    """The program would take IP headers for Ethernet ones, and let everything in."""
    world = own_world
    if world.net.run("backend", "ip", "tuntap", "add", "tun7", "mode", "tun",
                     check=False).returncode:
        pytest.skip("this kernel has no tun devices")
    answer = world.fails(FAILED, "link attach dev tun7 force")
    assert "tun7" in answer["error"] and answer["hint"]


def test_loopback_is_refused(world: World) -> None:
    world.policy()
    answer = world.fails(5, "link attach dev lo")
    assert "lo" in answer["error"] and "force" in answer["hint"]


def test_bridge_is_explained(world: World) -> None:
    world.host = "switch"
    done = world.gate("link attach dev br0 audit")
    assert any("bridge" in text and "apim" in text for text in done["warnings"])
    world.gate("link detach dev br0")
    world.wait_detached("br0")
    world.host = "backend"


def test_doctor_fails_without_a_bpf_file_system(world: World) -> None:
    done = world.call("doctor", pins=world.directory / "nothing" / "gate")
    assert done.status == FAILED
    finding = next(row for row in done.json["findings"] if row["check"] == "bpffs")
    assert finding["level"] == "fail" and "/sys/fs/bpf" in finding["hint"]
    assert done.json["fail"] >= 1


def test_doctor_is_content_with_a_whole_gate(world: World) -> None:
    world.protect()
    done = world.call("doctor")
    assert done.status == OK and done.json["fail"] == 0, str(done)
    counted = [row["level"] for row in done.json["findings"]]
    assert [counted.count(level) for level in ("ok", "warn", "fail")] == \
        [done.json[level] for level in ("ok", "warn", "fail")]


# ---- large lists ----

def test_a_hundred_thousand_lines_in_a_second(world: World) -> None:
    """Addresses all over, as real lists have them."""
    world.policy()
    lines = [APIM4, APIM6, *(f"{20 + n % 90}.{n * 7 % 256}.{n * 13 % 251}.{n % 256}"
                            for n in range(100_000))]
    path = world.file("list", lines)
    began = time.monotonic()
    done = world.gate(f"allow load file {path} set apim")
    took = time.monotonic() - began
    print(f"{done['after']} prefixes from 100,002 lines in {took * 1000:.0f} ms")
    assert IS_SLOW or took < 1
    began = time.monotonic()
    assert len(world.prefixes()) == done["after"]
    print(f"shown in {(time.monotonic() - began) * 1000:.0f} ms")


@pytest.mark.parametrize("count", [2000, 20_000])
@pytest.mark.parametrize("families", [(4,), (6,), (4, 6)])
def test_lists_of_both_families(world: World, count: int, families: tuple[int, ...]) -> None:
    """IPv6 prefixes have room beside any number of IPv4 ones, and the other way round."""
    world.policy()
    lines = []
    if 4 in families:
        lines += [f"{20 + n % 90}.{n * 7 % 256}.{n * 13 % 251}.{n % 256}" for n in range(count)]
    if 6 in families:
        lines += [f"2001:db8:{n * 7919 % 65536:x}:{n:x}::/64" for n in range(count)]
    world.gate(f"allow load file {world.file('list', lines)} set apim")
    assert len(world.prefixes()) == len(set(lines))


def test_one_ipv6_prefix_beside_a_large_ipv4_list(world: World) -> None:
    world.policy()
    lines = [f"{20 + n % 90}.{n * 7 % 256}.{n * 13 % 251}.{n % 256}" for n in range(5000)]
    world.gate(f"allow load file {world.file('list', [*lines, APIM6])} set apim")
