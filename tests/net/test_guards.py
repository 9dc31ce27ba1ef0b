# SPDX-License-Identifier: Apache-2.0
"""Guards: what is more often a mistake than a wish is refused, and `force` insists."""
from __future__ import annotations

import time

import pytest

from net import APIM4, APIM6, BACKEND4, BACKEND6, STRANGER4, STRANGER6, until
from traffic import gets_in, is_refused
from world import FAILED, NOT_FOUND, OK, REFUSED, World

SSH = 22


def session(peer: str, local: str, port: int = SSH) -> dict[str, str]:
    return {"SSH_CONNECTION": f"{peer} 40000 {local} {port}"}


def snapshot(world: World) -> list:
    """Everything that a refused command must leave alone."""
    shows = ("set show", "service show", "default show", "link show", "allow show")
    return [world.generation(), world.saved_generation(), *(world.gate(show) for show in shows)]


def refused(world: World, command: str, ways_out: tuple[str, ...] = ("force",), **options) -> dict:
    before = snapshot(world)
    answer = world.fails(REFUSED, command, **options)
    assert answer["kind"] == "refused"
    for way_out in ways_out:
        assert way_out in answer["hint"], answer
    assert snapshot(world) == before, "nothing is changed"
    text = world.text(command, status=REFUSED, **options)
    assert "Error: " in text and ways_out[0] in text
    return answer


def refused_unless_forced(world: World, command: str, **options) -> dict:
    answer = refused(world, command, **options)
    assert world.gate(f"{command} force", **options)["changed"]
    return answer


# ---- lists ----

@pytest.mark.parametrize("prefix", ["0.0.0.0/0", "20.0.0.0/7", "::/0", "2000::/15"])
def test_short_prefix(world: World, prefix: str) -> None:
    world.policy()
    assert prefix in refused_unless_forced(world, f"allow add {prefix}")["error"]
    assert prefix in world.prefixes()


@pytest.mark.parametrize("prefix", ["20.0.0.0/8", "2001::/16"])
def test_shortest_prefix_without_a_guard(world: World, prefix: str) -> None:
    world.policy()
    world.gate(f"allow add {prefix}")


def test_short_prefix_in_a_list(world: World) -> None:
    world.policy()
    path = world.file("list", [APIM4, "# much of the internet", "0.0.0.0/1"])
    answer = refused_unless_forced(world, f"allow load file {path} set apim")
    assert f"{path}:3" in answer["error"] and "0.0.0.0/1" in answer["error"]


def test_empty_list(world: World) -> None:
    world.policy()
    path = world.file("list", ["# nothing"])
    assert "empty" in refused_unless_forced(world, f"allow load file {path} set apim")["error"]
    assert world.prefixes() == []


def test_empty_list_where_there_was_nothing(world: World) -> None:
    world.gate("set add apim")
    world.gate(f"allow load file {world.file('list', [])} set apim")


def test_much_smaller_list(world: World) -> None:
    world.policy()
    world.gate(f"allow load file {world.file('ten', [f'10.0.0.{n}' for n in range(10)])} set apim")
    five, four = (world.file(f"n{n}", [f"10.0.0.{i}" for i in range(n)]) for n in (5, 4))
    answer = refused_unless_forced(world, f"allow load file {four} set apim")
    assert "10" in answer["error"] and "4" in answer["error"]
    world.gate(f"allow load file {world.file('ten', [f'10.0.0.{n}' for n in range(10)])} set apim")
    world.gate(f"allow load file {five} set apim")


def test_last_prefix_of_a_used_set(world: World) -> None:
    world.policy()
    world.gate(f"allow delete {APIM6}")
    assert "empty" in refused_unless_forced(world, f"allow delete {APIM4}")["error"]


def test_platform_set(world: World) -> None:
    """It can be emptied, like any set, and not be deleted."""
    world.policy()
    world.gate("allow delete 169.254.169.254")
    refused_unless_forced(world, "allow delete 168.63.129.16")
    assert world.prefixes("azure-platform") == []
    assert world.call("set delete azure-platform force").status not in (OK, REFUSED)


def test_atomic_batch_is_guarded_as_a_whole(world: World) -> None:
    world.policy()
    world.gate(f"allow load file {world.file('ten', [f'10.0.0.{n}' for n in range(10)])} set apim")
    batch = "".join(f"allow delete 10.0.0.{n}\n" for n in range(8))
    refused(world, "batch file - atomic", stdin=batch)
    moved = batch + "".join(f"allow add 10.0.1.{n}\n" for n in range(8))
    assert world.gate("batch file - atomic", stdin=moved)["changed"], "the sum is what counts"
    batch = "".join(f"allow delete 10.0.1.{n}\n" for n in range(8))
    assert world.gate("batch file - atomic force", stdin=batch)["changed"]


# ---- the caller's own SSH session ----

SESSIONS = pytest.mark.parametrize("peer,local", [(STRANGER4, BACKEND4), (STRANGER6, BACKEND6)])


@pytest.fixture
def ssh_world(world: World) -> World:
    """SSH is a service, too, for APIM's addresses only (the stranger is the person typing)."""
    world.policy()
    world.gate(f"service add ssh proto tcp port {SSH} from apim")
    return world


@SESSIONS
def test_attach_that_shuts_out_the_caller(ssh_world: World, peer: str, local: str) -> None:
    env = session(peer, local)
    answer = refused(ssh_world, "link attach dev eth0", ("force", "confirm"), env=env)
    assert peer in answer["error"] and "ssh" in answer["error"]
    assert not ssh_world.has_xdp()
    assert ssh_world.gate("link attach dev eth0 audit", env=env)["changed"]
    ssh_world.gate("link detach dev eth0")
    assert ssh_world.gate("link attach dev eth0 confirm 60", env=env)["link"]["trial"] == "running"
    ssh_world.gate("link detach dev eth0")
    assert ssh_world.gate("link attach dev eth0 force", env=env)["link"]["policy"] == "enforce"


@SESSIONS
def test_enforce_that_shuts_out_the_caller(ssh_world: World, peer: str, local: str) -> None:
    env = session(peer, local)
    ssh_world.gate("link attach dev eth0 audit", env=env)
    refused(ssh_world, "link enforce dev eth0", ("force", "confirm"), env=env)
    ssh_world.gate("link enforce dev eth0 confirm 60", env=env)
    ssh_world.gate("link audit dev eth0", env=env)
    ssh_world.gate("link enforce dev eth0 force", env=env)


def test_session_that_stays_in_is_no_trouble(ssh_world: World) -> None:
    ssh_world.gate("link attach dev eth0", env=session(APIM4, BACKEND4))


def test_session_by_another_port_is_no_trouble(ssh_world: World) -> None:
    ssh_world.gate("link attach dev eth0", env=session(STRANGER4, BACKEND4, 2222))


def test_mapped_session_address(ssh_world: World) -> None:
    """An sshd that listens on [::] writes IPv4 peers so."""
    env = session(f"::ffff:{STRANGER4}", f"::ffff:{BACKEND4}")
    refused(ssh_world, "link attach dev eth0", ("force", "confirm"), env=env)


def test_session_behind_sudo(ssh_world: World) -> None:
    """sudo takes SSH_CONNECTION from the environment; an ancestor still has it."""
    command = f"env -u SSH_CONNECTION {' '.join(ssh_world.argv('link attach dev eth0'))}; exit $?"
    done = ssh_world.net.run("backend", "sh", "-c", command, check=False,
                             env={**ssh_world.environment(session(STRANGER4, BACKEND4))})
    assert done.returncode == REFUSED, done.stdout + done.stderr


@pytest.mark.parametrize("odd", ["", "rubbish", "1.2.3.4", "1.2.3.4 5 6.7.8.9 x",
                                 "1.2.3.4 5 ::1 22", "a b c d", "1.2.3.4 99999 6.7.8.9 22"])
def test_odd_session_is_none(ssh_world: World, odd: str) -> None:
    ssh_world.gate("link attach dev eth0 audit", env={"SSH_CONNECTION": odd})


def test_changes_that_shut_out_the_caller_while_enforcing(ssh_world: World) -> None:
    world, env = ssh_world, session(STRANGER4, BACKEND4)
    world.gate("set add mgmt")
    world.gate("allow add 203.0.113.0/24 set mgmt")
    world.gate("allow add 10.9.0.0/16 set mgmt")
    world.gate("service delete ssh")
    world.gate(f"service add ssh proto tcp port {SSH} from apim,mgmt")
    world.gate("link attach dev eth0", env=env)
    refused(world, "allow delete 203.0.113.0/24", env=env)
    path = world.file("list", ["10.9.0.0/16", "10.8.0.0/16"])
    refused(world, f"allow load file {path} set mgmt", env=env)
    world.gate("default set drop", env=env)
    refused(world, "service delete ssh", env=env)
    world.gate("allow delete 10.9.0.0/16", env=env)
    world.gate("allow delete 203.0.113.0/24 force", env=env)


def test_service_that_shuts_out_the_caller(world: World) -> None:
    world.protect()
    env = session(STRANGER4, BACKEND4)
    refused(world, f"service add ssh proto tcp port {SSH} from apim", env=env)
    world.gate(f"service add ssh proto tcp port {SSH} from apim force", env=env)


# ---- default drop ----

def test_default_drop_without_management(world: World) -> None:
    world.policy()
    answer = refused_unless_forced(world, "default set drop")
    assert "SSH" in answer["error"]
    world.gate("default set pass")
    world.gate("set add mgmt")
    world.gate(f"service add ssh proto tcp port {SSH} from mgmt")
    refused(world, "default set drop")  # the set is empty
    world.gate("allow add 203.0.113.0/24 set mgmt")
    assert world.gate("default set drop")["changed"]


def test_default_drop_that_shuts_out_the_caller(world: World) -> None:
    world.protect()
    env = session(STRANGER4, BACKEND4)
    world.gate("set add mgmt")
    world.gate("allow add 10.9.0.0/16 set mgmt")
    world.gate(f"service add ssh proto tcp port {SSH} from mgmt")  # not by the stranger's shell
    world.gate(f"allow add {STRANGER4} set mgmt")
    world.gate("default set drop", env=env)
    assert is_refused(world.net, "stranger", port=9090)
    world.gate("default set pass", env=env)
    world.gate("service delete ssh", env=env)
    world.gate(f"service add ssh proto tcp port {SSH} to 10.0.0.0/8 from mgmt", env=env)
    refused(world, "default set drop", env=env)


# ---- trials ----

def test_trial_falls_back_by_itself(world: World) -> None:
    world.policy()
    began = time.monotonic()
    done = world.gate("link attach dev eth0 confirm 2")
    assert done["link"]["trial"] == "running" and done["link"]["policy"] == "enforce"
    assert 1 <= done["link"]["trial_seconds_left"] <= 2
    assert is_refused(world.net, "stranger", "udp")
    assert gets_in(world.net, "stranger"), "TCP tries again until the trial is over"
    assert 2 <= time.monotonic() - began < 6
    shown = world.gate("link show")
    assert shown["links"][0]["policy"] == "audit" and shown["links"][0]["trial"] == "over"
    assert any("enforce" in text for text in shown["warnings"])
    answer = world.fails(FAILED, "link confirm dev eth0")
    assert "over" in answer["error"] and "enforce" in answer["hint"]
    assert world.link()["policy"] == "audit"


@pytest.mark.parametrize("begin", ["link attach dev eth0 confirm 2",
                                   "link enforce dev eth0 confirm 2s"])
def test_confirmed_trial_enforces_for_good(world: World, begin: str) -> None:
    world.policy()
    if "enforce" in begin:
        world.gate("link attach dev eth0 audit")
    world.gate(begin)
    ends = time.monotonic() + 2.2
    assert world.gate("link confirm dev eth0")["link"]["policy"] == "enforce"
    assert world.link()["trial"] is None
    until(lambda: time.monotonic() > ends, "the trial would be over")
    assert world.link()["policy"] == "enforce"
    assert is_refused(world.net, "stranger", "udp")


def test_confirm_without_a_trial(world: World) -> None:
    world.protect()
    assert "no trial" in world.fails(NOT_FOUND, "link confirm dev eth0")["error"]


def test_audit_and_confirm_exclude_each_other(world: World) -> None:
    world.policy()
    world.fails(2, "link attach dev eth0 audit confirm 10")


