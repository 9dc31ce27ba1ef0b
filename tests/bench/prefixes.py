# SPDX-License-Identifier: Apache-2.0
"""Prefix lists: made up reproducibly or read from a file, and what follows from one.

A prefix is a pair (first address as a number, length).
"""

import bisect
import collections
import ipaddress
import random
import socket

# How long the prefixes of a list are, and how often in a hundred. IPv4 as gateway and cloud lists
# have it: single addresses, pairs, /28 blocks of an outbound pool, some subnets. IPv6 from the
# regional block to the single address, most of them subnets and /124 blocks.
MIX = {
    4: {32: 28, 31: 28, 30: 2, 29: 2, 28: 26, 27: 2, 26: 2, 25: 2, 24: 8},
    6: {40: 1, 44: 2, 48: 12, 52: 3, 56: 12, 60: 5, 64: 25, 80: 2, 96: 2, 112: 4, 124: 22, 128: 10},
}
BITS = {4: 32, 6: 128}
# Where a flood's sources come from: all of IPv4, and the part of IPv6 that the Internet routes.
SPACE = {4: (0, 1 << 32), 6: (1 << 125, 1 << 126)}

NOT_UNICAST = [(int(n.network_address), int(n.broadcast_address)) for n in map(
    ipaddress.ip_network, (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32",
        "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24", "192.168.0.0/16", "224.0.0.0/3"))]


class PrefixError(Exception):
    """A list that cannot be used."""


def text(family, prefix):
    """The prefix as people write it."""
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    return f"{socket.inet_ntop(kind, prefix[0].to_bytes(BITS[family] // 8, 'big'))}/{prefix[1]}"


def usable(family, first):
    """Whether a made-up prefix may start here."""
    return family == 6 or not any(low <= first <= high for low, high in NOT_UNICAST)


def generate(family, count, seed):
    """count prefixes of the mix above, none inside another, in random order."""
    rng = random.Random(f"{seed}/{family}/{count}")
    low, high = SPACE[family]
    lengths = collections.Counter(rng.choices(list(MIX[family]), list(MIX[family].values()),
                                              k=count))
    # Shortest first: then only what is there already can contain the next.
    there, result = [], []
    for length, wanted in sorted(lengths.items()):
        shift, same = BITS[family] - length, set()
        there.append((shift, same))
        while len(same) < wanted:
            first = rng.randrange(low, high) >> shift << shift
            if usable(family, first) and not any(first >> s in taken for s, taken in there):
                same.add(first >> shift)
                result.append((first, length))
    rng.shuffle(result)
    return result


def read(path):
    """The lists in a file, one prefix a line, as {4: [...], 6: [...]}; # starts a comment."""
    found = {4: {}, 6: {}}
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.split("#")[0].strip()
            if not line:
                continue
            try:
                net = ipaddress.ip_network(line, strict=False)
            except ValueError as error:
                raise PrefixError(f"{path}:{number}: {error}") from error
            found[net.version][(int(net.network_address), net.prefixlen)] = None
    return {family: list(prefixes) for family, prefixes in found.items()}


def write(path, family, prefixes):
    """Writes the list as the C programs and the contestants read it."""
    with open(path, "w", encoding="ascii") as out:
        out.writelines(text(family, p) + "\n" for p in prefixes)


def merge(family, prefixes):
    """The list as sorted, disjoint intervals (first, last)."""
    bits = BITS[family]
    merged = []
    start, end = 0, -2
    for first, length in sorted(prefixes):
        last = first + (1 << (bits - length)) - 1
        if first > end + 1:
            merged.append((start, end))
            start, end = first, last
        elif last > end:
            end = last
    merged.append((start, end))
    return merged[1:]


def coverage(family, prefixes):
    """The share of a flood's sources that the list covers by chance."""
    low, high = SPACE[family]
    covered = sum(min(last, high - 1) - max(first, low) + 1
                  for first, last in merge(family, prefixes) if first < high and last >= low)
    return covered / (high - low)


def exact(family, prefixes):
    """One single address a prefix, its first, for a contestant that knows no prefixes."""
    return list({(first, BITS[family]): None for first, _ in prefixes})


def neighbours(family, prefixes):
    """For each prefix the one beside it, if no part of that is on the list: near misses."""
    bits = BITS[family]
    merged = merge(family, prefixes)
    starts = [first for first, _ in merged]
    result = {}
    for first, length in prefixes:
        if not length:
            continue
        size = 1 << (bits - length)
        beside = first ^ size
        at = bisect.bisect_right(starts, beside + size - 1) - 1
        if at < 0 or merged[at][1] < beside:
            result[(beside, length)] = None
    return list(result)
