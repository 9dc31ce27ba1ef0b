# SPDX-License-Identifier: Apache-2.0
"""Lists and batches: what is read from files and standard input."""
from __future__ import annotations

import re

import pytest

from net import APIM4, APIM6
from world import FAILED, NOT_FOUND, USAGE, World

# ---- lists ----

def test_every_bad_line_is_told(world: World) -> None:
    world.policy()
    lines = ["10.0.0.1", "nonsense", "10.0.0.3/24", "# fine", "", "2001:db8::/129",
             "10.0.0.2 # fine"]
    answer = world.fails(USAGE, f"allow load file {world.file('list', lines)} set apim")
    for part in ("line 2: 'nonsense'", "line 3: '10.0.0.3/24'", "10.0.0.0/24",
                 "line 6: '2001:db8::/129'", "3 of 5"):
        assert part in answer["error"], answer["error"]
    assert "line 1:" not in answer["error"] and len(world.prefixes()) == 2


def test_twenty_bad_lines_are_told(world: World) -> None:
    world.policy()
    path = world.file("list", (f"bad-{n}" for n in range(50)))
    error = world.fails(USAGE, f"allow load file {path} set apim")["error"]
    assert len(re.findall(r"line \d+:", error)) == 20 and "30 more" in error


@pytest.mark.parametrize("data", [
    b"10.0.0.1\r\n10.0.0.2\r\n", b"\xef\xbb\xbf10.0.0.1\n10.0.0.2", b"  10.0.0.1\t#x\n\n10.0.0.2\n",
    b"10.0.0.2\n10.0.0.1\n10.0.0.1/32\n10.0.0.2\n",
])
def test_lists_as_they_come(world: World, data: bytes) -> None:
    world.policy()
    path = world.directory / "list"
    path.write_bytes(data)
    world.gate(f"allow load file {path} set apim")
    assert world.prefixes() == ["10.0.0.1/32", "10.0.0.2/32"]


@pytest.mark.parametrize("data", [b"10.0.0.1\0\n", b"\x7fELF\x02\x01", b"\xff\xfe1\x000\x00",
                                  b"x" * 100000])
def test_binary_lists(world: World, data: bytes) -> None:
    world.policy()
    path = world.directory / "list"
    path.write_bytes(data)
    world.fails(USAGE, f"allow load file {path} set apim")
    assert len(world.prefixes()) == 2


def test_list_from_standard_input(world: World) -> None:
    world.policy()
    world.gate("allow load file - set apim", stdin="10.0.0.1\n")
    assert world.prefixes() == ["10.0.0.1/32"]


def test_load_keeps_comments_and_expiries(world: World) -> None:
    world.policy()
    world.gate("allow add 10.0.0.1 comment kept expires 2h")
    path = world.file("list", [APIM4, APIM6, "10.0.0.1"])
    done = world.gate(f"allow load file {path} set apim")
    assert not done["changed"]
    row = world.gate("allow show prefix 10.0.0.1")["allow"][0]
    assert row["comment"] == "kept" and row["expires"]


# ---- batches ----

def test_batch_stops_at_the_first_error(world: World) -> None:
    done = world.call("batch file -", stdin="set add a\n\n# comment\nset add a\nset add b\n")
    assert done.status == FAILED
    assert [row["command"] for row in done.json] == ["set add a", "set add a"]
    assert "standard input:4" in done.json[-1]["output"]["error"]
    assert {row["name"] for row in world.gate("set show")["sets"]} == {"azure-platform", "a"}
    text = world.text("batch file -", status=FAILED, stdin="set show\nset add a\n")
    assert "Error: standard input:2" in text


@pytest.mark.parametrize("bad,status", [
    ("set add a", FAILED), ("nonsense", USAGE), ("allow add 1.2.3.4/8 set a", USAGE),
    ("allow add 1.2.3.4 set nope", NOT_FOUND), ("set show", USAGE), ("link audit dev eth0", USAGE),
    ("event tail", USAGE), ("batch file -", USAGE), ("\"not closed", USAGE),
    ("-j set add c", USAGE),
])
def test_atomic_batch_is_all_or_nothing(world: World, bad: str, status: int) -> None:
    world.policy()
    path = world.file("batch", ["set add a", "allow add 10.0.0.1 set a", bad, "set add d"])
    assert f"{path}:3" in world.fails(status, f"batch file {path} atomic")["error"]
    assert world.generation() == 1
    assert {row["name"] for row in world.gate("set show")["sets"]} == {"azure-platform", "apim"}


def test_atomic_batch_is_one_generation(world: World) -> None:
    lines = ["set add a # comment", 'allow add 10.0.0.1 set a comment "two words"',
             "service add s proto tcp \\", "  port 80 from a", "allow add 10.0.0.2 set a",
             "allow delete 10.0.0.1"]
    done = world.gate(f"batch file {world.file('batch', lines)} atomic")
    assert done["generation"] == world.generation() == 1
    assert [row["output"] is not None for row in done["commands"]] == [True] * 5
    assert world.prefixes("a") == ["10.0.0.2/32"]


def test_empty_batch(world: World) -> None:
    world.policy()
    assert not world.gate("batch file - atomic", stdin="# nothing\n")["changed"]
    assert world.call("batch file -", stdin="").json == []


def test_large_batch(world: World) -> None:
    lines = ["set add a", *(f"allow add 10.{n >> 8}.{n & 255}.0/24 set a" for n in range(5000))]
    world.gate(f"batch file {world.file('batch', lines)} atomic")
    assert len(world.prefixes("a")) == 5000
