# SPDX-License-Identifier: Apache-2.0
"""Who gets in and who does not, on real packets."""
from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing

import pytest

from net import ADDRESSES, APIM4, BACKEND4, FAMILIES, STRANGER4, Net, has_kind, until
from traffic import (DNS, OTHER, WEB, bound, checksum, gets_in, ipv4, is_refused, mac_of, ping,
                     send_frame, udp_header)
from world import World, new_world

BOTH = pytest.mark.parametrize("family", [4, 6])
MODES = pytest.mark.parametrize("mode", ["native", "generic"])


@pytest.fixture(scope="module", params=["native", "generic"])
def enforced(request: pytest.FixtureRequest) -> Iterator[World]:
    """For tests that change nothing: the usual policy, enforced in both modes."""
    with new_world() as made:
        made.protect(request.param)
        assert made.link()["mode"] == request.param
        yield made


@pytest.fixture
def open_default(world: World) -> World:
    world.protect()
    return world


@pytest.fixture(scope="module")
def drop_default() -> Iterator[World]:
    """For tests that change nothing: default drop."""
    with new_world() as made:
        made.protect()
        made.gate("default set drop force")
        yield made


@BOTH
@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_allowed_gets_in_and_stranger_does_not(enforced: World, family: int, proto: str) -> None:
    allowed, dropped = enforced.reason("allowed"), enforced.reason("not-allowed")
    assert gets_in(enforced.net, "apim", proto, family)
    assert is_refused(enforced.net, "stranger", proto, family)
    assert enforced.reason("allowed") > allowed
    assert enforced.reason("not-allowed") > dropped


@BOTH
def test_unprotected_port_is_open_to_everybody(enforced: World, family: int) -> None:
    for proto in ("tcp", "udp"):
        assert gets_in(enforced.net, "stranger", proto, family, port=OTHER)


@BOTH
def test_protocols_do_not_stand_for_each_other(enforced: World, family: int) -> None:
    """The TCP service does not cover the same port of UDP."""
    assert gets_in(enforced.net, "stranger", "udp", family, port=WEB)
    assert gets_in(enforced.net, "stranger", "tcp", family, port=DNS)


@BOTH
def test_ping_is_unprotected(enforced: World, family: int) -> None:
    assert ping(enforced.net, "stranger", family)


@BOTH
def test_fragments_are_reassembled_for_the_allowed(enforced: World, family: int) -> None:
    """A datagram larger than the MTU comes in fragments; only the first has ports."""
    payload, before = os.urandom(5000), enforced.reason("fragment")
    assert gets_in(enforced.net, "apim", "udp", family, payload=payload)
    assert is_refused(enforced.net, "stranger", "udp", family, payload=payload)
    assert enforced.reason("fragment") > before


def test_check_says_what_the_traffic_says(enforced: World) -> None:
    before = enforced.reason("allowed")
    for host in ("apim", "stranger"):
        for family in (4, 6):
            answer = enforced.check(ADDRESSES[host][family], ADDRESSES["backend"][family],
                                    "tcp", WEB)
            assert answer["verdict"] == ("pass" if host == "apim" else "drop")
            assert answer["service"] == "web"
    assert enforced.reason("allowed") == before, "check counts nothing"


@MODES
def test_audit_lets_everybody_in_and_counts(world: World, mode: str) -> None:
    world.protect(mode, "audit")
    for family in (4, 6):
        assert gets_in(world.net, "stranger", "tcp", family)
    assert world.reason("not-allowed", "would_drop_packets") > 0
    assert world.reason("not-allowed") == 0


@BOTH
def test_service_with_destination_protects_only_that(own_world: World, family: int) -> None:
    world = own_world
    other = {4: "192.0.2.21", 6: "2001:db8:b::21"}[family]
    world.net.ip("backend", f"-{family} addr add {other} dev eth0 nodad" if family == 6
                 else f"addr add {other}/32 dev eth0")
    world.gate("set add apim")
    world.gate(f"allow add {ADDRESSES['apim'][family]}")
    world.gate(f"service add web proto tcp port {WEB} to {ADDRESSES['backend'][family]} from apim")
    world.gate("link attach dev eth0")
    assert is_refused(world.net, "stranger", "tcp", family)
    with closing(world.net.socket("backend", FAMILIES[family], socket.SOCK_STREAM)) as server, \
            closing(world.net.socket("stranger", FAMILIES[family], socket.SOCK_STREAM)) as client:
        server.bind((other, WEB))
        server.listen()
        client.settimeout(5)
        client.connect((other, WEB))


def test_change_takes_effect_on_the_next_packet(open_default: World) -> None:
    assert is_refused(open_default.net, "stranger", "udp")
    open_default.gate(f"allow add {STRANGER4}")
    assert gets_in(open_default.net, "stranger", "udp")
    open_default.gate(f"allow delete {STRANGER4}")
    assert is_refused(open_default.net, "stranger", "udp")


def test_expired_entry_lets_nobody_in_any_more(open_default: World) -> None:
    open_default.gate(f"allow add {STRANGER4} expires 2s")
    assert gets_in(open_default.net, "stranger", "udp")
    until(lambda: open_default.check(STRANGER4, BACKEND4, "udp", DNS)["verdict"] == "drop",
          "the entry expires")
    assert is_refused(open_default.net, "stranger", "udp")
    assert STRANGER4 in " ".join(open_default.prefixes()), "no command came by to remove it"


# ---- default drop ----

@BOTH
def test_default_drop_refuses_what_no_service_covers(drop_default: World, family: int) -> None:
    net = drop_default.net
    for proto in ("tcp", "udp"):
        assert is_refused(net, "stranger", proto, family, port=OTHER)
        assert is_refused(net, "apim", proto, family, port=OTHER)
        assert gets_in(net, "apim", proto, family)
    assert not ping(net, "stranger", family)
    assert drop_default.reason("default-drop") > 0


@BOTH
def test_default_drop_lets_replies_in(drop_default: World, family: int) -> None:
    """What the backend opens works: TCP, connected UDP, and its own pings."""
    net = drop_default.net
    assert gets_in(net, "backend", "tcp", family, port=OTHER, server="stranger")
    with closing(bound(net, "stranger", family, socket.SOCK_DGRAM, OTHER)) as server, \
            closing(net.socket("backend", FAMILIES[family], socket.SOCK_DGRAM)) as client:
        for sock in (server, client):
            sock.settimeout(5)
        client.connect((ADDRESSES["stranger"][family], OTHER))
        client.send(b"question")
        server.sendto(b"answer", server.recvfrom(100)[1])
        assert client.recv(100) == b"answer"
    net.run("backend", "ping", f"-{family}", "-c1", "-W5", ADDRESSES["stranger"][family])
    assert drop_default.reason("reply") >= 4


@BOTH
def test_default_drop_keeps_others_away_from_own_sockets(drop_default: World, family: int) -> None:
    """A connection to one peer opens nothing for another, nor a bound socket for anybody."""
    net = drop_default.net
    with closing(bound(net, "backend", family, socket.SOCK_DGRAM, OTHER)) as client, \
            closing(net.socket("stranger", FAMILIES[family], socket.SOCK_DGRAM)) as stranger:
        before = drop_default.reason("default-drop")
        stranger.sendto(b"to a bound socket", client.getsockname()[:2])
        client.connect((ADDRESSES["apim"][family], OTHER))
        stranger.sendto(b"to a socket of another peer", client.getsockname()[:2])
        until(lambda: drop_default.reason("default-drop") == before + 2, "both are dropped")
        client.settimeout(0)
        with pytest.raises(BlockingIOError):
            client.recv(100)


# ---- what always passes ----

@BOTH
def test_neighbours_are_found_while_all_else_drops(drop_default: World, family: int) -> None:
    for _ in range(3):
        drop_default.net.forget_neighbours()
        assert gets_in(drop_default.net, "apim", "tcp", family)
    assert drop_default.reason("arp" if family == 4 else "neighbour") > 0


def test_path_mtu_error_gets_in(drop_default: World) -> None:
    """A router's "fragmentation needed" about a packet of ours: the stack learns from it."""
    net = drop_default.net
    with closing(net.socket("backend", socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER = IP_PMTUDISC_DO
        sock.connect((APIM4, OTHER))
        assert sock.getsockopt(socket.IPPROTO_IP, 14) == 1500  # IP_MTU
        sport = sock.getsockname()[1]
        ours = ipv4(BACKEND4, APIM4, 17, udp_header(sport, OTHER, b"x" * 1400))[:28]
        body = struct.pack("!BBHHH", 3, 4, 0, 0, 1280) + ours
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
        ethernet = mac_of(net, "backend") + mac_of(net, "stranger") + b"\x08\x00"
        send_frame(net, "stranger", ethernet + ipv4(STRANGER4, BACKEND4, 1, body))
        until(lambda: sock.getsockopt(socket.IPPROTO_IP, 14) == 1280, "the path's MTU is learnt")
        with pytest.raises(OSError) as error:
            sock.send(b"x" * 1400)
        assert error.value.errno == errno.EMSGSIZE
    assert drop_default.reason("icmp-error") >= 1
    net.ip("backend", "route flush cache")


# ---- VLAN ----

VLAN = {"backend": "10.7.0.1", "apim": "10.7.0.2", "stranger": "10.7.0.3"}


@pytest.fixture
def vlan_world() -> Iterator[World]:
    """VLAN 7 between apim, stranger and backend, over the same interfaces."""
    if not has_kind("vlan"):
        pytest.skip("this kernel has no VLAN devices")
    with new_world() as made:
        for host, address in VLAN.items():
            made.net.ip(host, "link add link eth0 name eth0.7 type vlan id 7")
            made.net.ip(host, "link set eth0.7 up")
            made.net.ip(host, f"addr add {address}/24 dev eth0.7")
        yield made


def _reaches_in_vlan(net: Net, host: str, wait: float) -> bool:
    with closing(net.socket("backend", socket.AF_INET, socket.SOCK_DGRAM)) as server, \
            closing(net.socket(host, socket.AF_INET, socket.SOCK_DGRAM)) as client:
        server.bind((VLAN["backend"], DNS))
        server.settimeout(wait)
        client.sendto(b"tagged", (VLAN["backend"], DNS))
        try:
            return server.recv(100) == b"tagged"
        except TimeoutError:
            return False


@MODES
@pytest.mark.parametrize("offload", ["on", "off"])
def test_traffic_in_a_vlan(vlan_world: World, mode: str, offload: str) -> None:
    world = vlan_world
    set_vlan_offload(world.net, offload)
    world.protect(mode)
    world.gate(f"allow add {VLAN['apim']}")
    assert _reaches_in_vlan(world.net, "apim", 5)
    assert not _reaches_in_vlan(world.net, "stranger", 0.5)
    assert world.reason("not-allowed") == 1


def set_vlan_offload(net: Net, on_or_off: str) -> None:
    for host, dev in (("backend", "eth0"), ("switch", "backend"), ("apim", "eth0"),
                      ("stranger", "eth0")):
        net.run(host, "ethtool", "-K", dev, "rxvlan", on_or_off, "txvlan", on_or_off, check=False)


@MODES
@pytest.mark.parametrize("offload", ["on", "off"])
def test_stacked_tags_are_walked(own_world: World, mode: str, offload: str) -> None:
    """QinQ made by hand, whether or not the first tag is taken off; a fifth one drops."""
    net, world = own_world.net, own_world
    set_vlan_offload(net, offload)
    world.protect(mode)

    def send(host: str, tags: bytes) -> None:
        packet = ipv4(ADDRESSES[host][4], BACKEND4, 17, udp_header(1000, DNS, b"stacked"))
        send_frame(net, host, mac_of(net, "backend") + mac_of(net, host) + tags + b"\x08\x00" +
                   packet)

    for depth in (1, 2, 4):
        tags = b"\x88\xa8\x00\x05" + b"\x81\x00\x00\x07" * (depth - 1)
        for host, reason in (("apim", "allowed"), ("stranger", "not-allowed")):
            before = world.reason(reason)
            send(host, tags)
            until(lambda: world.reason(reason) == before + 1, f"{depth} tags: {reason}")
    # Six, since the driver may take one of them off.
    send("apim", b"\x81\x00\x00\x07" * 6)
    until(lambda: world.reason("vlan-depth") == 1, "too many tags drop")


# ---- large frames ----

@MODES
def test_jumbo_frames(mode: str) -> None:
    """Frames of several buffers: native XDP takes them since Linux 5.18."""
    release = tuple(int(n) for n in os.uname().release.split(".")[:2])
    if mode == "native" and release < (5, 18):
        pytest.skip(f"Linux {release} has no frames of several buffers in native XDP")
    with new_world(mtu=9000) as world:
        world.protect(mode)
        payload = os.urandom(8900)
        for family in (4, 6):
            assert gets_in(world.net, "apim", "udp", family, payload=payload)
            assert is_refused(world.net, "stranger", "udp", family, payload=payload)
            assert gets_in(world.net, "apim", "tcp", family, payload=os.urandom(1 << 20))
