# SPDX-License-Identifier: Apache-2.0
"""What is in pinned maps, changed behind the gate's back."""
from __future__ import annotations

import json
from pathlib import Path

from net import run
from world import World


def read_map(path: Path) -> bytes:
    rows = json.loads(run("bpftool", "-j", "map", "dump", "pinned", str(path)).stdout)
    return bytes(int(byte, 16) for byte in rows[0]["value"])


def write_map(path: Path, value: bytes) -> None:
    run("bpftool", "map", "update", "pinned", str(path), "key", "hex", "0", "0", "0", "0",
        "value", "hex", *(f"{byte:02x}" for byte in value))


def pretend_other_build(world: World, dev: str = "eth0") -> None:
    """The program on the link says that it is of another build (struct gate_link_config)."""
    path = world.pins / "links" / dev / "config"
    value = bytearray(read_map(path))
    assert value[16:32].rstrip(b"\0"), "the build is at offset 16"
    value[16:48] = b"another-build".ljust(32, b"\0")
    write_map(path, bytes(value))


HITS_CHUNKS = 1024  # GATE_HITS_CHUNKS
MAX_PAGES = 1024  # GATE_MAX_PAGES
FIRST_PAGE = 2  # GATE_PAGES_START / GATE_PAGE_SIZE


def elements(path: Path) -> list[int]:
    """The numbers of the elements that an outer map has."""
    rows = json.loads(run("bpftool", "-j", "map", "dump", "pinned", str(path)).stdout)
    return [int.from_bytes(bytes(int(byte, 16) for byte in row["key"]), "little") for row in rows
            if "value" in row]


def assert_one_generation(world: World) -> None:
    """The maps that the running generation uses are there, and no others."""
    names = [path.name for path in (world.pins / "inner").iterdir()]
    heads = [name for name in names if name.startswith("head-")]
    notes = [name for name in names if name.startswith("notes-")]
    hits = sorted(int(name[5:]) for name in names if name.startswith("hits-"))
    assert len(heads) == len(notes) == 1 and len(names) == 2 + len(hits), names
    assert hits == elements(world.pins / "hits")
    # Every shard has as many, from its first on.
    chunks = max(number % HITS_CHUNKS for number in hits) + 1
    shards = len(hits) // chunks
    assert hits == [shard * HITS_CHUNKS + chunk for shard in range(shards)
                    for chunk in range(chunks)]
    head = read_map(world.pins / "inner" / heads[0])
    half, count = (int.from_bytes(head[at:at + 4], "little") for at in (12, 28))
    assert half in (0, MAX_PAGES)
    assert elements(world.pins / "pages") == \
        [half + FIRST_PAGE + number for number in range(count)]
