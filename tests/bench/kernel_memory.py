# SPDX-License-Identifier: Apache-2.0
"""What a gate holds of the kernel's memory, and whether changes lose any of it."""

import os
import time
from dataclasses import asdict, dataclass

from system import CommandError, run_json

WAIT = 10			# seconds; the kernel frees maps some time after their last user is gone
PAUSE = 0.2
PAGE = 4096
# Of the whole machine, where others allocate too: one lost generation a change is far more.
GENERATIONS_LOST = 3


@dataclass
class Memory:
    """At one moment, in bytes."""
    maps: int			# pinned by the gate
    maps_bytes: int		# that the kernel accounts for these
    vmalloc_bytes: int		# of the whole machine, as are the next
    available_bytes: int

    def document(self):
        """For JSON."""
        return asdict(self)


def meminfo():
    """All lines of /proc/meminfo in bytes."""
    with open("/proc/meminfo", encoding="ascii") as lines:
        pairs = (line.split(":") for line in lines)
        return {name: int(value.split()[0]) * 1024 for name, value in pairs}


def pinned_maps(directory):
    """{id: bytes} of all maps that are pinned somewhere below; what is no map is left out."""
    found = {}
    for where, _, names in os.walk(directory):
        for name in names:
            try:
                shown = run_json("bpftool", "-j", "map", "show", "pinned",
                                 os.path.join(where, name))
            except CommandError:
                continue
            found[shown["id"]] = shown["bytes_memlock"]
    return found


def read(pins):
    """Now."""
    maps = pinned_maps(pins)
    machine = meminfo()
    return Memory(len(maps), sum(maps.values()), machine["VmallocUsed"], machine["MemAvailable"])


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


def leak(before, after, generation_bytes):
    """What is lost between two moments that should be alike, in words; None if nothing is."""
    if after.maps != before.maps:
        return f"{before.maps} maps were pinned, and {after.maps} are"
    if after.maps_bytes > before.maps_bytes * 1.01 + 32 * PAGE:
        return f"the maps took {before.maps_bytes} bytes, and take {after.maps_bytes}"
    lost = after.vmalloc_bytes - before.vmalloc_bytes
    if lost > GENERATIONS_LOST * generation_bytes:
        return f"the kernel holds {lost} bytes more than before"
    return None
