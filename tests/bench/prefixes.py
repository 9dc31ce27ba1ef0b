# SPDX-License-Identifier: Apache-2.0
"""Prefix lists: made up reproducibly or read from a file, and what follows from one.

A prefix is a pair (first address as a number, length).
"""

import bisect
import ipaddress
import random

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

NOT_UNICAST = [ipaddress.ip_network(n) for n in (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32",
    "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24", "192.168.0.0/16", "224.0.0.0/3")]


class PrefixError(Exception):
    """A list that cannot be used."""


def text(family, prefix):
    """The prefix as people write it."""
    address = ipaddress.ip_address if family == 6 else ipaddress.IPv4Address
    return f"{address(prefix[0])}/{prefix[1]}"


def usable(family, first):
    """Whether a made-up prefix may start here."""
    if family == 6:
        return True
    return not any(int(n.network_address) <= first <= int(n.broadcast_address)
                   for n in NOT_UNICAST)


def generate(family, count, seed):
    """count prefixes of the mix above, none inside another, in random order."""
    rng = random.Random(f"{seed}/{family}/{count}")
    bits = BITS[family]
    low, high = SPACE[family]
    weights = MIX[family]
    lengths = sorted(rng.choices(list(weights), list(weights.values()), k=count))
    # Shortest first: then only what is there already can contain the next.
    there = {length: set() for length in weights}
    result = []
    for length in lengths:
        shorter = [s for s in there if s <= length and there[s]]
        while True:
            first = rng.randrange(low, high) >> (bits - length) << (bits - length)
            if usable(family, first) and not any(first >> (bits - s) in there[s] for s in shorter):
                break
        there[length].add(first >> (bits - length))
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
    """The list as sorted, disjoint intervals [first, last]."""
    bits = BITS[family]
    merged = []
    for first, length in sorted(prefixes):
        last = first + (1 << (bits - length)) - 1
        if merged and first <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    return merged


def coverage(family, prefixes):
    """The share of a flood's sources that the list covers by chance."""
    low, high = SPACE[family]
    covered = sum(max(0, min(last, high - 1) - max(first, low) + 1)
                  for first, last in merge(family, prefixes))
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
