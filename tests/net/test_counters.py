# SPDX-License-Identifier: Apache-2.0
"""Counters: by entry, by service, by set, and what becomes of them in a change."""
from __future__ import annotations

import socket
from contextlib import closing

import pytest

from net import ADDRESSES, APIM4, APIM6, FAMILIES
from traffic import ALLOWED_WAIT, DNS, OTHER, WEB, bound
from world import World


def deliver(world: World, count: int, host: str = "apim", family: int = 4, port: int = DNS) -> None:
    """That many UDP packets, all of which arrive."""
    with closing(bound(world.net, "backend", family, socket.SOCK_DGRAM, port)) as server, \
            closing(world.net.socket(host, FAMILIES[family], socket.SOCK_DGRAM)) as client:
        server.settimeout(ALLOWED_WAIT)
        for _ in range(count):
            client.sendto(b"count me", (ADDRESSES["backend"][family], port))
            server.recv(100)


def refuse(world: World, count: int, family: int = 4) -> None:
    """That many UDP packets, none of which arrives."""
    with closing(world.net.socket("stranger", FAMILIES[family], socket.SOCK_DGRAM)) as client:
        for _ in range(count):
            client.sendto(b"drop me", (ADDRESSES["backend"][family], DNS))
    deliver(world, 1, family=family)  # behind them on the wire


def service(world: World, name: str) -> tuple[int, int]:
    row = next(row for row in world.gate("stats show")["services"] if row["name"] == name)
    return row["pass_packets"], row["drop_packets"]


def set_packets(world: World, name: str) -> int:
    return next(row["packets"] for row in world.gate("stats show")["sets"] if row["name"] == name)


@pytest.mark.parametrize("family,prefixes", [
    (4, ["198.0.0.0/8", "198.51.0.0/16", "198.51.100.0/24", "198.51.100.10/32",
         "198.51.100.11/32"]),
    (6, ["2001:db8::/32", "2001:db8:a::/48", "2001:db8:a::/64", "2001:db8:a::10/128",
         "2001:db8:a::11/128"]),
])
def test_hits_are_counted_on_the_longest_prefix(world: World, family: int,
                                                prefixes: list[str]) -> None:
    world.protect()
    for prefix in prefixes:
        world.gate(f"allow add {prefix}")
    deliver(world, 3, family=family)
    hits = world.hits()
    assert {prefix: hits[prefix] for prefix in prefixes} == dict(zip(prefixes, [0, 0, 0, 3, 0]))
    world.gate(f"allow delete {prefixes[3]}")
    deliver(world, 2, family=family)
    hits = world.hits()
    assert {prefix: hits[prefix] for prefix in prefixes if prefix in hits} == \
        dict(zip([*prefixes[:3], prefixes[4]], [0, 0, 2, 0]))


def test_refused_packets_hit_nothing(world: World) -> None:
    world.protect()
    world.gate("set add strangers")
    world.gate("allow add 203.0.113.0/24 set strangers")
    refuse(world, 5)
    assert world.hits("strangers") == {"203.0.113.0/24": 0}
    assert world.reason("not-allowed") == 5


def test_hits_are_carried_over_by_a_load(world: World) -> None:
    world.protect()
    deliver(world, 4)
    deliver(world, 2, family=6)
    for n in range(3):
        path = world.file("list", [APIM4, APIM6, *(f"10.{n}.{i}.0/24" for i in range(50 * n))])
        world.gate(f"allow load file {path} set apim force")
        hits = world.hits()
        assert (hits[f"{APIM4}/32"], hits[f"{APIM6}/128"]) == (4, 2)
        assert sum(hits.values()) == 6
    deliver(world, 1)
    assert world.hits()[f"{APIM4}/32"] == 5


@pytest.mark.parametrize("count", [2040, 2050, 5000])
def test_hits_survive_growth(world: World, count: int) -> None:
    """An array of counters has room for 2,048 slots."""
    world.protect()
    deliver(world, 4)
    path = world.file("list", [APIM4, APIM6, *(f"10.0.{n >> 8}.{n & 255}" for n in range(count))])
    world.gate(f"allow load file {path} set apim")
    deliver(world, 3)
    hits = world.hits()
    assert hits[f"{APIM4}/32"] == 7 and sum(hits.values()) == 7
    assert len(hits) == count + 2
    world.gate(f"allow load file {world.file('list', [APIM4, APIM6])} set apim force")
    deliver(world, 1)
    assert world.hits() == {f"{APIM4}/32": 8, f"{APIM6}/128": 0}


def test_prefix_that_was_gone_starts_from_zero(world: World) -> None:
    world.protect()
    world.gate("allow add 198.51.100.0/24")
    deliver(world, 4)
    world.gate(f"allow delete {APIM4}")
    world.gate("allow add 10.0.0.1")
    assert world.hits()["10.0.0.1/32"] == 0, "not the hits of the slot's owner before"
    world.gate(f"allow add {APIM4}")
    assert world.hits()[f"{APIM4}/32"] == 0


def test_hits_of_a_prefix_in_two_sets_are_one(world: World) -> None:
    world.protect()
    world.gate("set add other")
    world.gate(f"allow add {APIM4} set other")
    deliver(world, 2)
    assert world.hits()[f"{APIM4}/32"] == world.hits("other")[f"{APIM4}/32"] == 2


def test_services_and_sets(world: World) -> None:
    world.protect()
    deliver(world, 3)
    refuse(world, 2)
    deliver(world, 5, "stranger", port=OTHER)
    assert service(world, "dns") == (4, 2)
    assert service(world, "web") == (0, 0)
    assert set_packets(world, "apim") == 4
    assert set_packets(world, "azure-platform") == 0
    assert world.reason("allowed") == 4 and world.reason("not-allowed") == 2
    assert world.reason("unprotected") == 5


def test_bytes(world: World) -> None:
    world.protect()
    deliver(world, 3)
    length = 14 + 20 + 8 + len(b"count me")
    stats = world.gate("stats show")
    row = next(row for row in stats["reasons"] if row["name"] == "allowed")
    assert (row["packets"], row["bytes"]) == (3, 3 * length)
    row = next(row for row in stats["services"] if row["name"] == "dns")
    assert row["pass_bytes"] == 3 * length


def test_totals_are_the_sum_of_the_links(world: World) -> None:
    world.protect()
    deliver(world, 2)
    refuse(world, 2)
    stats = world.gate("stats show")
    link, = stats["links"]
    for key in ("reasons", "services", "sets", "events"):
        assert link[key] == stats[key]


def test_reused_numbers_start_from_zero(world: World) -> None:
    """A new service or set may have the number of one that was deleted."""
    world.protect()
    world.gate("set add second")
    world.gate(f"allow add {APIM4} set second")
    world.gate(f"service add extra proto udp port {OTHER} from second")
    deliver(world, 4, port=OTHER)
    assert service(world, "extra") == (4, 0) and set_packets(world, "second") == 4
    world.gate("service delete extra")
    world.gate("set delete second")
    for n in range(3):  # one of them has the numbers, whenever they are free again
        world.gate(f"set add third-{n}")
        world.gate(f"allow add 10.0.0.{n} set third-{n}")
        world.gate(f"service add extra-{n} proto tcp port {100 + n} from third-{n}")
    for n in range(3):
        assert service(world, f"extra-{n}") == (0, 0)
        assert set_packets(world, f"third-{n}") == 0
    deliver(world, 1)
    assert service(world, "dns") == (1, 0) and set_packets(world, "apim") == 1


def test_replaced_in_one_generation(world: World) -> None:
    """Deleted and added in one change: the same name, but counted anew or on; never another's."""
    world.protect()
    deliver(world, 4)
    world.gate("batch file - atomic", stdin=f"""
        service delete dns
        service add other proto tcp port 1 from apim
        service add dns proto udp port {DNS} from apim
        """)
    assert service(world, "other") == (0, 0)
    assert service(world, "dns") == (0, 0)
    assert service(world, "web") == (0, 0)
    deliver(world, 1)
    assert service(world, "dns") == (1, 0) and service(world, "other") == (0, 0)


def test_check_counts_nothing(world: World) -> None:
    world.protect()
    for _ in range(3):
        world.check(APIM4, ADDRESSES["backend"][4], "tcp", WEB)
        world.check("192.0.2.99", ADDRESSES["backend"][4], "tcp", WEB)
    stats = world.gate("stats show")
    assert all(row["packets"] == 0 for row in stats["reasons"] if row["name"] != "neighbour")
    assert all(row["pass_packets"] == row["drop_packets"] == 0 for row in stats["services"])
    assert stats["events"]["sent"] == 0
