# SPDX-License-Identifier: Apache-2.0
"""Attaching, detaching, rebooting, upgrading, and interfaces that come and go."""
from __future__ import annotations

import struct
from pathlib import Path

import pytest

from flood import Flood
from maps import pretend_other_build, read_map, write_map
from net import APIM4, BACKEND4, STRANGER4
from traffic import DNS, WEB, gets_in, is_refused
from world import FAILED, NOT_FOUND, World

MODES = pytest.mark.parametrize("mode", ["native", "generic"])


# ---- attach and detach ----

@MODES
def test_attach_detach_attach(world: World, mode: str) -> None:
    world.policy()
    assert gets_in(world.net, "stranger")
    for _ in range(2):
        done = world.gate(f"link attach dev eth0 mode {mode}")
        assert done["changed"] and done["link"]["mode"] == mode
        assert world.link()["policy"] == "enforce"
        assert is_refused(world.net, "stranger")
        assert gets_in(world.net, "apim")
        assert world.gate("link detach dev eth0")["changed"]
        assert world.gate("link show")["links"] == []
        world.wait_detached()
        assert gets_in(world.net, "stranger")
    assert not list((world.pins / "links").iterdir()), "no pins are left"


def test_auto_prefers_native(world: World) -> None:
    world.policy()
    world.gate("link attach dev eth0")
    assert (world.link()["mode"], world.link()["asked_mode"]) == ("native", "auto")


def test_auto_falls_back_and_says_why(own_world: World) -> None:
    """A bridge has no native XDP."""
    world = own_world
    world.net.ip("backend", "link add br1 type bridge")
    world.net.ip("backend", "link set br1 up")
    done = world.gate("link attach dev br1")
    assert done["link"]["mode"] == "generic"
    assert any("native XDP was refused" in text for text in done["warnings"])
    world.gate("link detach dev br1")
    answer = world.fails(FAILED, "link attach dev br1 mode native")
    assert "native" in answer["error"] and "generic" in answer["hint"]
    assert world.gate("link show")["links"] == []


def test_attach_twice(world: World) -> None:
    world.protect()
    first = world.link()
    again = world.gate("link attach dev eth0")
    assert not again["changed"] and "already attached" in again["message"]
    assert world.link() == first
    again = world.gate("link attach dev eth0 audit")
    assert again["changed"] and world.link()["policy"] == "audit"
    assert world.link()["program_id"] == first["program_id"]
    answer = world.fails(FAILED, "link attach dev eth0 mode generic")
    assert "native" in answer["error"] and "detach" in answer["hint"]


def test_detach_what_is_not_attached(world: World) -> None:
    world.policy()
    assert "eth0" in world.fails(NOT_FOUND, "link detach dev eth0")["error"]


def test_counters_and_events_survive_another_attach_of_the_policy(world: World) -> None:
    world.protect()
    assert gets_in(world.net, "apim", "udp")
    before = world.reason("allowed")
    world.gate("link audit dev eth0")
    world.gate("link enforce dev eth0")
    assert world.reason("allowed") == before > 0


def test_two_gates_do_not_share_an_interface(world: World) -> None:
    """A second gate has other pins; the error names the program that is there."""
    world.protect()
    program = world.link()["program_id"]
    other = {"pins": world.bpffs / "other", "state": world.directory / "other-state"}
    answer = world.fails(FAILED, "link attach dev eth0", **other)
    assert "'apimgate'" in answer["error"] and str(program) in answer["error"]
    assert world.link()["program_id"] == program
    assert is_refused(world.net, "stranger")


# ---- reboot ----

@MODES
@pytest.mark.parametrize("policy", ["enforce", "audit"])
def test_reboot_brings_everything_back(world: World, mode: str, policy: str) -> None:
    world.protect(mode, "audit" if policy == "audit" else "")
    world.gate(["allow", "add", "20.1.2.0/24", "set", "apim", "comment", "on \"call\" #1",
                "expires", "2h"])
    world.gate("service add more proto any to 10.0.0.0/8,2001:db8:77::/48 from apim")
    world.gate("default set drop non-ip drop force")
    shows = ("set show", "service show", "default show", "allow show")
    before = [world.gate(show) for show in shows]
    link, generation = world.link(), world.generation()

    world.reboot()
    assert not world.has_xdp()
    shown = world.gate("link show")
    assert shown["links"][0]["state"] == "missing"
    assert any("restore" in text for text in shown["warnings"])
    assert gets_in(world.net, "stranger"), "nothing filters between boot and restore"

    done = world.gate("restore")
    assert done["links"] == [{"device": "eth0", "result": "attached", "error": None}]
    assert done["generation"] == generation == world.generation()
    after = [world.gate(show) for show in shows]
    for row in (*before[-1]["allow"], *after[-1]["allow"]):
        del row["hits"]
    assert after == before
    for key in ("policy", "mode", "asked_mode", "state"):
        assert world.link()[key] == link[key]
    assert gets_in(world.net, "apim")
    assert (gets_in if policy == "audit" else is_refused)(world.net, "stranger")
    assert world.gate("restore")["links"][0]["result"] == "same"


def test_link_on_trial_comes_back_as_audit(world: World) -> None:
    world.policy()
    world.gate("link attach dev eth0 confirm 10m")
    assert world.link()["trial"] == "running" and world.link()["policy"] == "enforce"
    world.reboot()
    world.gate("restore")
    assert world.link()["policy"] == "audit" and world.link()["trial"] is None
    assert gets_in(world.net, "stranger")


def test_confirmed_trial_comes_back_enforcing(world: World) -> None:
    world.policy()
    world.gate("link attach dev eth0 confirm 10m")
    world.gate("link confirm dev eth0")
    world.reboot()
    world.gate("restore")
    assert world.link()["policy"] == "enforce"


def test_restore_without_anything_to_restore(world: World) -> None:
    done = world.gate("restore")
    assert done["links"] == []
    assert [row["name"] for row in world.gate("set show")["sets"]] == ["azure-platform"]


def test_one_missing_interface_does_not_stop_the_others(own_world: World) -> None:
    world = own_world
    world.protect()
    world.net.ip("backend", "link add spare0 type veth")
    world.gate("link attach dev spare0")
    world.net.ip("backend", "link del spare0")
    world.reboot()
    answer = world.fails(NOT_FOUND, "restore")
    assert "spare0" in answer["error"]
    assert any("spare0" in str(row["error"]) for row in answer["links"])
    assert {row["device"]: row["result"] for row in answer["links"]} == \
        {"spare0": "failed", "eth0": "attached"}
    assert is_refused(world.net, "stranger")
    world.gate("link detach dev spare0")
    assert [row["device"] for row in world.gate("restore")["links"]] == ["eth0"]


# ---- upgrade ----

def test_upgrade_keeps_the_link_and_the_counters(world: World) -> None:
    world.protect()
    assert gets_in(world.net, "apim", "udp")
    before, allowed = world.link(), world.reason("allowed")
    pretend_other_build(world)
    shown = world.gate("link show")
    assert shown["links"][0]["other_build"]
    assert any("restore" in text for text in shown["warnings"])
    assert world.gate("restore")["links"][0]["result"] == "upgraded"
    after = world.link()
    assert after["link_id"] == before["link_id"]
    assert after["program_id"] != before["program_id"]
    assert not after["other_build"] and after["policy"] == "enforce"
    assert world.reason("allowed") == allowed
    assert is_refused(world.net, "stranger")
    assert gets_in(world.net, "apim")
    assert world.check(STRANGER4, BACKEND4, "tcp", WEB)["verdict"] == "drop"
    assert world.gate("restore")["links"][0]["result"] == "same"


@MODES
def test_upgrades_under_a_flood_let_nothing_through(world: World, tools: Path, mode: str) -> None:
    world.protect(mode)
    with Flood(world.net, tools, 20000) as flood:
        for _ in range(4):
            pretend_other_build(world)
            assert world.gate("restore")["links"][0]["result"] == "upgraded"
    flood.assert_all_right()
    assert world.reason("not-allowed") == flood.sent["stranger"]
    assert world.reason("allowed") == flood.sent["apim"]


def test_unknown_layout_is_refused(world: World) -> None:
    """Pins of a later version: nothing is guessed, nothing is touched."""
    world.protect()
    path = world.pins / "meta"
    before = read_map(path)
    layout = struct.unpack_from("<I", before, 8)[0]
    write_map(path, before[:8] + struct.pack("<I", layout + 98) + before[12:])
    for command in ("set show", "link show", "set add other", "restore", "link detach dev eth0",
                    "stats show", "link attach dev eth0"):
        answer = world.fails(FAILED, command)
        assert f"layout {layout + 98}" in answer["error"] and f"layout {layout}" in answer["error"]
        assert answer["hint"]
    assert is_refused(world.net, "stranger")
    assert gets_in(world.net, "apim")
    write_map(path, before)
    world.gate("set show")


def test_foreign_pins_are_refused(world: World) -> None:
    world.policy()
    path = world.pins / "meta"
    before = read_map(path)
    write_map(path, b"\0" * 8 + before[8:])
    assert "not an apimgate" in world.fails(FAILED, "set add other")["error"]


# ---- interfaces that are made anew ----

@pytest.mark.parametrize("policy", ["enforce", "audit"])
def test_interface_made_anew(own_world: World, policy: str) -> None:
    world = own_world
    world.protect("native", "audit" if policy == "audit" else "")
    assert gets_in(world.net, "apim", "udp")
    allowed, hits = world.reason("allowed"), world.hits()
    old = world.link()
    world.net.ip("backend", "link del eth0")
    assert world.link()["state"] == "stale" and world.link()["policy"] == "none"
    world.net.add_interface("backend")
    shown = world.gate("link show")
    assert shown["links"][0]["state"] == "stale"
    assert any("restore" in text for text in shown["warnings"])
    answer = world.fails(FAILED, "link enforce dev eth0")
    assert "restore" in answer["hint"]

    assert world.gate("restore")["links"][0]["result"] == "attached"
    link = world.link()
    assert link["state"] == "attached" and link["ifindex"] != old["ifindex"]
    assert link["policy"] == policy and link["mode"] == "native"
    assert world.reason("allowed") == allowed and world.hits() == hits
    world.net.forget_neighbours()
    assert gets_in(world.net, "apim")
    assert (gets_in if policy == "audit" else is_refused)(world.net, "stranger")


def test_attach_is_a_way_out_of_stale_too(own_world: World) -> None:
    world = own_world
    world.protect()
    world.net.ip("backend", "link del eth0")
    world.net.add_interface("backend")
    world.gate("link attach dev eth0")
    assert world.link()["state"] == "attached"
    assert is_refused(world.net, "stranger")


def test_detach_of_a_link_whose_interface_is_gone(own_world: World) -> None:
    world = own_world
    world.protect()
    world.net.ip("backend", "link del eth0")
    world.gate("link detach dev eth0")
    assert world.gate("link show")["links"] == []


def test_interface_with_a_dot_in_its_name(own_world: World) -> None:
    """The BPF file system takes no dots in names."""
    world = own_world
    world.net.ip("backend", "link add d.0-x type veth")
    world.policy()
    world.gate("link attach dev d.0-x")
    assert world.link("d.0-x")["state"] == "attached"
    world.gate("link audit dev d.0-x")
    assert world.gate("restore")["links"][0]["result"] == "same"
    world.gate("link detach dev d.0-x")


def test_links_are_independent(own_world: World) -> None:
    """Two interfaces: their policies and counters are their own."""
    world = own_world
    world.net.ip("backend", "link add spare0 type veth")
    world.protect()
    world.gate("link attach dev spare0 audit")
    assert world.link("spare0")["policy"] == "audit" and world.link()["policy"] == "enforce"
    assert is_refused(world.net, "stranger", "udp")
    rows = {link["device"]: link for link in world.gate("stats show")["links"]}
    counted = {dev: sum(row["packets"] for row in rows[dev]["reasons"]
                        if row["name"] == "not-allowed") for dev in rows}
    assert counted == {"eth0": 1, "spare0": 0}
    assert world.check(APIM4, BACKEND4, "udp", DNS)["device"] in rows
    answer = world.gate(f"check src {STRANGER4} dst {BACKEND4} proto udp dport {DNS} dev spare0")
    assert answer["verdict"] == "pass" and answer["would_drop"]
