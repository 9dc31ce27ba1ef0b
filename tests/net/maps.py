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
