# SPDX-License-Identifier: Apache-2.0
"""The made-up lists, and what is worked out from them."""

import ipaddress

import pytest

import prefixes

FAMILIES = pytest.mark.parametrize("family", (4, 6))


def networks(family, listed):
    return [ipaddress.ip_network(prefixes.text(family, p)) for p in listed]


@FAMILIES
def test_a_list_is_as_long_as_it_should_be_and_reproducible(family):
    listed = prefixes.generate(family, 3000, 1)
    assert len(set(listed)) == 3000
    assert listed == prefixes.generate(family, 3000, 1)
    assert listed != prefixes.generate(family, 3000, 2)


@FAMILIES
def test_none_of_its_prefixes_is_within_another_or_where_nobody_is(family):
    found = sorted(networks(family, prefixes.generate(family, 3000, 1)))
    assert not any(a.overlaps(b) for a, b in zip(found, found[1:]))
    assert not any(n.is_private or n.is_multicast for n in found)


@FAMILIES
def test_text_is_what_everybody_writes(family):
    for prefix in prefixes.generate(family, 200, 1):
        net = ipaddress.ip_network(prefixes.text(family, prefix))
        assert (int(net.network_address), net.prefixlen) == prefix


def test_intervals_merge_where_they_touch_or_overlap():
    four = [(0x0a000000, 24), (0x0a000100, 24), (0x0a000110, 28), (0x0b000000, 32)]
    assert prefixes.merge(4, four) == [(0x0a000000, 0x0a0001ff), (0x0b000000, 0x0b000000)]
    assert prefixes.merge(4, [(0, 32)]) == [(0, 0)]
    assert prefixes.merge(4, []) == []


def test_coverage_is_the_share_of_the_space_that_a_flood_comes_from():
    assert prefixes.coverage(4, [(0, 1), (1 << 31, 2)]) == 0.75
    assert prefixes.coverage(6, [(1 << 125, 4)]) == 0.5
    assert prefixes.coverage(6, [(0xfd << 120, 8)]) == 0
    assert prefixes.coverage(6, [(0, 0)]) == 1
    assert prefixes.coverage(4, []) == 0


@FAMILIES
def test_neighbours_are_beside_the_list(family):
    listed = prefixes.generate(family, 500, 1)
    taken = networks(family, listed)
    beside = networks(family, prefixes.neighbours(family, listed))
    assert len(beside) > 400
    assert not any(n.overlaps(t) for n in beside for t in taken)
