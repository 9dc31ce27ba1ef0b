# SPDX-License-Identifier: Apache-2.0
"""The saved state: damaged, not writable, or on a full disk."""
from __future__ import annotations

import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from net import STRANGER4, run
from traffic import gets_in, is_refused
from world import FAILED, World


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def cut_at_a_line(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-2]))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def zeroes(path: Path) -> None:
    """What some file systems leave after a power cut."""
    path.write_bytes(b"\0" * path.stat().st_size)


def append(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"allow 1 0.0.0.0/0\n")


DAMAGES = pytest.mark.parametrize("damage", [flip_a_byte, truncate, cut_at_a_line, empty, zeroes,
                                             append])


@pytest.fixture
def saved(world: World) -> World:
    """Two states on the disk: the older one lacks the stranger."""
    world.policy()
    world.gate(f"allow add {STRANGER4}")
    return world


@DAMAGES
def test_damaged_state_is_named_and_the_one_before_is_used(
        saved: World, damage: Callable[[Path], None]) -> None:
    damage(saved.state_file)
    saved.reboot()
    done = saved.gate("restore")
    warning = next(text for text in done["warnings"] if str(saved.state_file) in text)
    assert "before it" in warning, warning
    assert f"{STRANGER4}/32" not in saved.prefixes()
    assert len(saved.prefixes()) == 2
    kept = saved.state / "gate.state.damaged"
    assert kept.exists() and str(kept) in warning, "the damaged one is kept"
    saved.gate("set add other")
    assert saved.generation() == saved.saved_generation()
    saved.reboot()
    assert "warnings" not in saved.gate("restore"), "the next state is whole again"


def test_missing_state_is_named_and_the_one_before_is_used(saved: World) -> None:
    saved.state_file.unlink()
    saved.reboot()
    assert any(str(saved.state_file) in text for text in saved.gate("restore")["warnings"])
    assert len(saved.prefixes()) == 2


@DAMAGES
def test_both_damaged_is_an_error_that_names_both(saved: World,
                                                  damage: Callable[[Path], None]) -> None:
    for path in (saved.state_file, saved.state_previous):
        damage(path)
    contents = [path.read_bytes() for path in (saved.state_file, saved.state_previous)]
    saved.reboot()
    for command in ("restore", "set show", "set add other"):
        answer = saved.fails(FAILED, command)
        told = answer["error"] + answer["hint"]
        assert str(saved.state_file) in told and saved.state_previous.name in told
    assert [path.read_bytes() for path in (saved.state_file, saved.state_previous)] == contents
    assert not saved.has_xdp()


def test_state_of_a_later_version_is_not_taken_for_damaged(saved: World) -> None:
    text = re.sub(r"\Aapimgate-document \d+", "apimgate-document 99", saved.state_file.read_text())
    saved.state_file.write_text(text)
    saved.reboot()
    answer = saved.fails(FAILED, "restore")
    assert str(saved.state_file) in answer["error"] and "version" in answer["error"]
    assert answer["hint"]
    assert saved.state_file.read_text() == text, "it is left for the version that knows it"


def test_damage_does_not_matter_while_the_gate_runs(world: World) -> None:
    """The kernel is the truth; the next change writes a good state again."""
    world.protect()
    world.state_file.write_text("rubbish")
    world.gate(f"allow add {STRANGER4}")
    assert gets_in(world.net, "stranger")
    world.reboot()
    world.gate("restore")
    assert f"{STRANGER4}/32" in world.prefixes()


def test_modes_and_leftovers(world: World) -> None:
    world.protect()
    assert stat.S_IMODE(world.state.stat().st_mode) == 0o700
    for path in (world.state_file, world.state_previous):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(path.name for path in world.state.iterdir()) == ["gate.state",
                                                                  "gate.state.previous"]


def test_saved_generation_is_the_running_one(world: World) -> None:
    world.policy()
    for n in range(3):
        done = world.gate(f"allow add 10.0.0.{n} set apim")
        assert done["generation"] == world.generation() == world.saved_generation()
        assert f"\ngeneration {done['generation']}\n" in world.state_file.read_text()


def test_change_that_changes_nothing_writes_nothing(world: World) -> None:
    world.policy()
    before = world.state_file.stat()
    assert not world.gate("allow add 198.51.100.10 set apim")["changed"]
    after = world.state_file.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


# ---- a state directory that cannot be written ----

def read_only(world: World) -> None:
    run("mount", "-o", "remount,bind,ro", str(world.state))


def mended(world: World) -> None:
    """The end of either trouble."""
    run("mount", "-o", "remount,bind,rw", str(world.state))
    (world.state / "ballast").unlink(missing_ok=True)


def full(world: World) -> None:
    with open(world.state / "ballast", "wb", buffering=0) as ballast, pytest.raises(OSError):
        while True:
            ballast.write(b"x" * 4096)


@pytest.mark.parametrize("trouble,says", [(read_only, "Read-only file system"),
                                          (full, "No space left on device")])
def test_change_that_cannot_be_saved_is_not_made(world: World, trouble: Callable[[World], None],
                                                 says: str) -> None:
    world.state.mkdir()
    world.mount(world.state, "tmpfs", "size=64k,mode=700")
    world.protect()
    generation = world.generation()
    saved = world.state_file.read_bytes()
    trouble(world)
    for command in (f"allow add {STRANGER4}", "link enforce dev eth0 confirm 60",
                    "default set drop force", "set add other"):
        answer = world.fails(FAILED, command)
        assert says in answer["error"] and str(world.state_file) in answer["error"]
        assert "--no-save" in (answer["hint"] or ""), f"an error says the way out: {answer}"
    assert world.generation() == generation
    assert world.link()["policy"] == "enforce" and world.link()["trial"] is None
    assert is_refused(world.net, "stranger")
    assert world.state_file.read_bytes() == saved
    assert not list(world.state.glob(".*")), "no drafts are left"

    world.gate(f"--no-save allow add {STRANGER4}")
    assert gets_in(world.net, "stranger")
    assert world.generation() == generation + 1
    assert world.saved_generation() == generation


@pytest.mark.parametrize("trouble", [read_only, full])
@pytest.mark.parametrize("words,next_boot", [("link audit dev eth0", "the next boot enforces"),
                                             ("link detach dev eth0", "the next boot attaches")])
def test_way_back_in_needs_no_disk(world: World, trouble: Callable[[World], None], words: str,
                                   next_boot: str) -> None:
    """Who is locked out wants less filtering: that is done, and what is not saved is said."""
    world.state.mkdir()
    world.mount(world.state, "tmpfs", "size=64k,mode=700")
    world.protect()
    saved = world.state_file.read_bytes()
    trouble(world)
    done = world.gate(words)
    assert any(next_boot in text and str(world.state_file) in text for text in done["warnings"])
    assert gets_in(world.net, "stranger")
    assert world.state_file.read_bytes() == saved
    assert not list(world.state.glob(".*")), "no drafts are left"

    mended(world)
    world.gate("set add other")
    world.reboot()
    world.gate("restore")
    assert "enforce" not in [link["policy"] for link in world.gate("link show")["links"]], \
        "the next change that can be saved saves this one, too"
    assert gets_in(world.net, "stranger")


@pytest.mark.parametrize("trouble", [read_only, full])
def test_attach_that_cannot_be_saved_leaves_the_interface(
        world: World, trouble: Callable[[World], None]) -> None:
    world.state.mkdir()
    world.mount(world.state, "tmpfs", "size=64k,mode=700")
    world.policy()
    trouble(world)
    world.fails(FAILED, "link attach dev eth0")
    world.wait_detached()
    assert world.gate("link show")["links"] == []
    assert gets_in(world.net, "stranger")


def test_no_save_is_saved_by_the_next_change(world: World) -> None:
    world.policy()
    world.gate(f"--no-save allow add {STRANGER4}")
    assert world.generation() == world.saved_generation() + 1
    world.gate("set add other")
    assert world.generation() == world.saved_generation()
    world.reboot()
    world.gate("restore")
    assert f"{STRANGER4}/32" in world.prefixes()
