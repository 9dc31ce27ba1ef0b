# SPDX-License-Identifier: Apache-2.0
"""What a gate holds of the kernel's memory, and whether changes lose any of it."""

import time
from dataclasses import dataclass

from system import CommandError, run, run_json

WAIT = 10			# seconds; the kernel frees maps some time after their last user is gone
PAUSE = 0.2
PAGE = 4096
# Of the whole machine, where others allocate too: one lost generation a change is far more.
GENERATIONS_LOST = 3
LEAST_LOST = 16 << 20


@dataclass
class Memory:
    """At one moment, in bytes."""
    maps: dict			# {id: bytes that the kernel accounts for it}, of the gate
    vmalloc_bytes: int		# of the whole machine, as are the next
    available_bytes: int

    @property
    def maps_bytes(self):
        """Of all maps."""
        return sum(self.maps.values())

    def document(self):
        """For JSON."""
        return {"maps": len(self.maps), "maps_bytes": self.maps_bytes,
                "vmalloc_bytes": self.vmalloc_bytes, "available_bytes": self.available_bytes}


def meminfo():
    """All lines of /proc/meminfo in bytes."""
    with open("/proc/meminfo", encoding="ascii") as lines:
        pairs = (line.split(":") for line in lines)
        return {name: int(value.split()[0]) * 1024 for name, value in pairs}


def inner_ids(path):
    """The ids of the maps that a pinned outer map refers to."""
    rows = run_json("bpftool", "-j", "map", "dump", "pinned", path)
    return [sum(int(byte, 16) << 8 * at for at, byte in enumerate(row["value"]))
            for row in rows if "value" in row]


def pinned_maps(directory):
    """{id: bytes} of all maps that are pinned somewhere below, or that these refer to."""
    every = {shown["id"]: shown for shown in run_json("bpftool", "-f", "-j", "map", "show")}
    found = set()
    for number, shown in every.items():
        paths = [path for path in shown.get("pinned", ()) if path.startswith(f"{directory}/")]
        if paths:
            found.add(number)
        if paths and shown["type"] == "array_of_maps":
            found.update(inner_ids(paths[0]))
    return {number: every[number]["bytes_memlock"] for number in found if number in every}


def exists(map_id):
    """Is there still a map of this number?"""
    try:
        run("bpftool", "map", "show", "id", str(map_id))
    except CommandError:
        return False
    return True


def read(pins):
    """Now."""
    machine = meminfo()
    return Memory(pinned_maps(pins), machine["VmallocUsed"], machine["MemAvailable"])


def wait_until(pins, accepts):
    """The first Memory that is accepted, or the last one there was time for."""
    end = time.monotonic() + WAIT
    while True:
        now = read(pins)
        if accepts(now) or time.monotonic() > end:
            return now
        time.sleep(PAUSE)


def read_settled(pins):
    """Once the kernel has stopped giving memory back."""
    last = [read(pins)]

    def is_settled(now):
        settled = now.vmalloc_bytes >= last[0].vmalloc_bytes
        last[0] = now
        return settled

    time.sleep(PAUSE)
    return wait_until(pins, is_settled)


def leak(before, after, seen, generation_bytes):
    """What is lost between two moments that should be alike, in words; None if nothing is. seen:
    numbers of maps that were pinned at any time between them."""
    if len(after.maps) != len(before.maps):
        return f"{len(before.maps)} maps were pinned, and {len(after.maps)} are"
    if after.maps_bytes > before.maps_bytes * 1.01 + 32 * PAGE:
        return f"the maps took {before.maps_bytes} bytes, and take {after.maps_bytes}"
    left = [i for i in sorted(seen - after.maps.keys()) if exists(i)]
    if left:
        return f"{len(left)} maps of former generations are still there: {left}"
    lost = after.vmalloc_bytes - before.vmalloc_bytes
    if lost > max(GENERATIONS_LOST * generation_bytes, LEAST_LOST):
        return f"the kernel holds {lost} bytes more than before"
    return None
