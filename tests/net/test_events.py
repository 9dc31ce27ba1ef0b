# SPDX-License-Identifier: Apache-2.0
"""Drop events: what they say, the pcap file, sampling, and the one reader."""
from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import time
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

import pytest

from net import ADDRESSES, FAMILIES, STRANGER4, until
from traffic import DNS, is_refused
from world import FAILED, NOT_FOUND, World


def send(world: World, count: int = 1, family: int = 4, payload: bytes = b"refused!") -> int:
    """Refused UDP packets; returns the port that they came from."""
    with closing(world.net.socket("stranger", FAMILIES[family], socket.SOCK_DGRAM)) as sock:
        sock.connect((ADDRESSES["backend"][family], DNS))
        for _ in range(count):
            sock.send(payload)
        return sock.getsockname()[1]


def seconds_of(moment: str) -> float:
    """2026-01-02T03:04:05.123456789Z: datetime knows microseconds."""
    assert moment.endswith("Z") and len(moment) == 30, moment
    return datetime.strptime(moment[:26], "%Y-%m-%dT%H:%M:%S.%f").replace(
        tzinfo=timezone.utc).timestamp()


def tail(world: World, words: str) -> list[dict]:
    done = world.call(f"event tail {words}", timeout=10)
    assert done.status == 0, str(done)
    return [json.loads(line) for line in done.out.splitlines()]


def stop(reader: subprocess.Popen) -> str:
    reader.send_signal(signal.SIGINT)
    out, err = reader.communicate(timeout=10)
    assert reader.returncode == 0, err
    return out


@pytest.mark.parametrize("family", [4, 6])
def test_fields(world: World, family: int) -> None:
    world.protect()
    sport = send(world, family=family)
    event, = tail(world, "count 1")
    assert abs(seconds_of(event["time"]) - time.time()) < 5
    assert event["device"] == "eth0" and event["ifindex"] == world.link()["ifindex"]
    assert (event["verdict"], event["reason"]) == ("drop", "not-allowed")
    assert (event["proto"], event["service"]) == ("udp", "dns")
    assert event["source"] == ADDRESSES["stranger"][family]
    assert event["destination"] == ADDRESSES["backend"][family]
    assert (event["sport"], event["dport"]) == (sport, DNS)
    assert event["skipped"] == 0
    assert event["frame_length"] == 14 + (20 if family == 4 else 40) + 8 + len(b"refused!")


def test_text(world: World) -> None:
    world.protect()
    sport = send(world)
    send(world, family=6)
    lines = world.text("event tail count 2").splitlines()
    assert len(lines) == 2
    for part in ("eth0", "DROP", "not-allowed", "udp", f"{STRANGER4}:{sport}", f":{DNS}", "dns"):
        assert part in lines[0]
    assert "[2001:db8:5::66]:" in lines[1]


def test_would_drop_in_audit(world: World) -> None:
    world.protect("native", "audit")
    send(world)
    event, = tail(world, "count 1")
    assert (event["verdict"], event["reason"]) == ("would-drop", "not-allowed")


def test_events_come_as_they_happen_until_interrupted(world: World) -> None:
    world.protect()
    reader = world.start("event tail")
    for _ in range(3):
        send(world)
        assert json.loads(reader.stdout.readline())["reason"] == "not-allowed"
    assert stop(reader) == ""


def test_killed_reader_blocks_nobody(world: World) -> None:
    world.protect()
    reader = world.start("event tail")
    send(world)
    reader.stdout.readline()
    reader.kill()
    reader.communicate()
    send(world)
    assert len(tail(world, "count 1")) == 1


def test_second_reader_is_refused(world: World) -> None:
    world.protect()
    reader = world.start("event tail")
    send(world)
    reader.stdout.readline()
    answer = world.fails(FAILED, "event tail count 1", timeout=10)
    assert str(reader.pid) in answer["error"] and "apimgate" in answer["error"]
    world.gate("set add other")  # reading is not writing
    stop(reader)


def test_no_gate_no_events(world: World) -> None:
    world.fails(NOT_FOUND, "event tail count 1", timeout=10)


# ---- pcap ----

def read_pcap(data: bytes) -> list[tuple[float, int, bytes]]:
    magic, major, minor, zone, accuracy, snaplen, network = struct.unpack_from("=IHHiIII", data)
    assert (magic, major, minor, zone, accuracy, network) == (0xa1b23c4d, 2, 4, 0, 0, 1)
    at, records = 24, []
    while at < len(data):
        seconds, nanoseconds, captured, length = struct.unpack_from("=IIII", data, at)
        assert captured <= snaplen and captured <= length and nanoseconds < 10**9
        frame = data[at + 16:at + 16 + captured]
        assert len(frame) == captured
        records.append((seconds + nanoseconds / 1e9, length, frame))
        at += 16 + captured
    return records


@pytest.mark.parametrize("size", [8, 900])
def test_pcap(world: World, size: int) -> None:
    """A small frame is there whole, a large one with its first bytes."""
    world.protect()
    path = world.directory / "drops.pcap"
    payload = bytes(n & 255 for n in range(size))
    sport = send(world, 2, payload=payload)
    events = tail(world, f"pcap {path} count 2")
    assert path.stat().st_mode & 0o077 == 0, "frames are nobody else's business"
    records = read_pcap(path.read_bytes())
    assert len(records) == len(events) == 2
    for (moment, length, frame), event in zip(records, events):
        assert abs(moment - seconds_of(event["time"])) < 0.001
        assert length == event["frame_length"] == 14 + 20 + 8 + size
        assert len(frame) == min(length, 96)
        assert frame[12:14] == b"\x08\x00" and frame[26:30] == socket.inet_aton(STRANGER4)
        assert struct.unpack_from("!HH", frame, 34) == (sport, DNS)
        assert frame[42:] == payload[:96 - 42]


def test_pcap_to_standard_output(world: World) -> None:
    world.protect()
    send(world, 1)
    argv = world.argv("event tail pcap - count 1", as_json=False)
    with world.net.inside("backend"):
        done = subprocess.run(argv, capture_output=True, check=True, timeout=10)
    assert len(read_pcap(done.stdout)) == 1


def test_pcap_that_cannot_be_written(world: World) -> None:
    world.protect()
    path = world.directory / "no" / "drops.pcap"
    assert str(path) in world.fails(FAILED, f"event tail pcap {path} count 1")["error"]


# ---- sampling ----

def test_burst_is_sampled_and_counted(world: World) -> None:
    """Sent, lost and skipped add up to the drops, and the next event tells what was skipped."""
    world.protect()
    count = 5000
    send(world, count)
    until(lambda: world.reason("not-allowed") >= count, "all of them are counted")
    events = world.gate("stats show")["events"]
    assert events["lost"] == 0
    assert 0 < events["sent"] < count / 2, "a burst is not all sampled"
    read = tail(world, f"count {events['sent']}")
    told = sum(event["skipped"] for event in read)
    assert events["sent"] + told + events["skipped"] == count
    assert events["skipped"] + told > 0


def test_skipped_are_told_by_the_next_event(world: World) -> None:
    """Each CPU samples for itself, and a packet is seen on the CPU that it was sent on."""
    world.protect()
    cpus, sent = os.sched_getaffinity(0), 0
    try:
        for cpu in cpus:
            os.sched_setaffinity(0, {cpu})
            send(world, 1000)
            before = world.gate("stats show")["events"]["sent"]
            sent += 1000
            while world.gate("stats show")["events"]["sent"] == before:
                send(world)  # until a new window begins
                sent += 1
    finally:
        os.sched_setaffinity(0, cpus)
    events = world.gate("stats show")["events"]
    assert events["skipped"] == events["lost"] == 0
    read = tail(world, f"count {events['sent']}")
    assert events["sent"] + sum(event["skipped"] for event in read) == sent
    assert max(event["skipped"] for event in read) > 100


def test_nobody_needs_to_read(world: World) -> None:
    """The gate drops the same whether or not somebody reads the events."""
    world.protect()
    for _ in range(4):
        send(world, 1000)
    assert is_refused(world.net, "stranger", "udp")
    until(lambda: world.reason("not-allowed") == 4001, "all are dropped")


def test_pcap_is_what_tcpdump_reads(world: World) -> None:
    tcpdump = Path("/usr/bin/tcpdump")
    if not tcpdump.exists():
        pytest.skip("tcpdump is not installed")
    world.protect()
    sport = send(world, 1)
    path = world.directory / "drops.pcap"
    tail(world, f"pcap {path} count 1")
    out = world.net.run("backend", str(tcpdump), "-nr", str(path)).stdout
    assert f"{STRANGER4}.{sport} > 192.0.2.20.{DNS}: UDP" in out
