# SPDX-License-Identifier: Apache-2.0
"""Every command in text and JSON, and what becomes of bad input."""
from __future__ import annotations

import json
import os
import pty
import re
import subprocess

import pytest

from net import APIM4, BACKEND4, STRANGER4
from traffic import DNS, WEB
from world import APIMGATE, FAILED, NOT_FOUND, OK, USAGE, World

# Every command that `help -j` names, and words that it succeeds with, in this order.
COMMANDS: dict[str, str] = {
    "version": "",
    "help": "allow add",
    "doctor": "dev eth0",
    "set add": "extra",
    "set show": "",
    "allow add": "10.1.0.0/16 set extra comment \"on call\" expires 2h",
    "allow show": "set extra prefix 10.1.2.3",
    "allow delete": "10.1.0.0/16 set extra",
    "allow load": "file LIST set extra",
    "service add": "more proto any to 10.0.0.0/8,2001:db8:9::/48 from apim,extra",
    "service show": "",
    "service delete": "more",
    "set delete": "extra",
    "default set": "drop non-ip drop force",
    "default show": "",
    "link attach": "dev eth0 mode native audit",
    "link show": "",
    "link enforce": "dev eth0 confirm 60",
    "link confirm": "dev eth0",
    "link audit": "dev eth0",
    "check": f"src {APIM4} dst {BACKEND4} proto tcp dport {WEB} sport 1234 dev eth0",
    "stats show": "",
    "event tail": "count 1",
    "batch": "file BATCH atomic",
    "restore": "",
    "link detach": "dev eth0",
}


def table(world: World) -> dict[str, dict]:
    """By "object command": what `help -j` says of it."""
    return {f"{row['object']} {command['command'] or ''}".strip(): command
            for row in world.gate("help")["objects"] for command in row["commands"]}


def test_every_command_is_here(world: World) -> None:
    assert set(COMMANDS) == set(table(world))


@pytest.mark.parametrize("as_json", [True, False])
def test_every_command(world: World, as_json: bool) -> None:
    """One after the other, from nothing to a gate and back."""
    world.policy()
    files = {"LIST": str(world.file("LIST", ["10.5.0.0/16", "2001:db8:9::/48"])),
             "BATCH": str(world.file("BATCH", ["set add another", "set delete another"]))}
    for command, words in COMMANDS.items():
        if command == "event tail":
            world.gate("link audit dev eth0")
            world.net.run("stranger", "python3", "-c", "import socket;"
                          "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
                          f".sendto(b'x', ('{BACKEND4}', {DNS}))")
        for name, path in files.items():
            words = words.replace(name, path)
        done = world.call(f"{command} {words}", as_json=as_json, timeout=20)
        assert done.status == OK, str(done)
        assert done.out.endswith("\n") and "\0" not in done.out
        if as_json:
            assert isinstance(done.json, dict) and done.err == ""
            pretty = world.call(f"-p {command} {words}", timeout=20) \
                if command.endswith("show") else None
            assert not pretty or (pretty.json.keys() == done.json.keys() and "\n  " in pretty.out)
        else:
            assert not done.out.startswith("{") and "error" not in done.err.lower()


def test_help_of_every_command(world: World) -> None:
    for command, row in table(world).items():
        assert row["help"] and row["synopsis"].startswith(f"apimgate {command}")
        for words in (f"help {command}", f"{command} --help"):
            text = world.text(words)
            assert command in text and all(len(line) <= 80 for line in text.splitlines()), words
        for arg in row["args"]:
            assert arg["name"] in text and arg["help"], (command, arg)
    for name in {command.split()[0] for command in table(world)} - {"help"}:
        assert name in world.text(f"{name} help")


def test_bare_object_shows(world: World) -> None:
    world.policy()
    for name in ("set", "allow", "service", "default", "link", "stats"):
        bare, shown = (world.call(words, as_json=False) for words in (name, f"{name} show"))
        assert bare.status == OK and bare.out == shown.out


def test_short_words(world: World) -> None:
    world.policy()
    assert world.gate("ser sh") == world.gate("service show")
    world.gate("all a 10.0.0.1 s apim c hello exp 1h")
    assert world.gate("al sh pr 10.0.0.1")["allow"][0]["comment"] == "hello"


@pytest.mark.parametrize("words,candidates", [
    ("s show", ["set", "service", "stats"]),
    ("link a dev eth0", ["attach", "audit"]),
    ("d show", ["default", "doctor"]),
    ("default set pass non-ip x", ["pass", "drop"]),
    ("allow add 1.2.3.4 x y", ["set", "comment", "expires", "force"]),
    ("nonsense", ["link", "set", "allow"]),
    ("link nonsense", ["attach", "detach"]),
    ("link attach dev eth0 mode fast", ["auto", "native", "generic"]),
])
def test_words_that_do_not_match_one(world: World, words: str, candidates: list[str]) -> None:
    answer = world.fails(USAGE, words)
    for candidate in candidates:
        assert candidate in answer["hint"] + answer["error"], answer


@pytest.mark.parametrize("words", [
    "", "set show a b", "link attach", "link attach dev", "link attach dev eth0 dev eth0",
    "--bogus set show", "set show --json=1", "--pin-dir", "check src 1.2.3.4", "allow load set x",
    "event tail count 0", "event tail count x", "link enforce dev eth0 confirm 0",
    "link enforce dev eth0 confirm 99999999999999999999",
    "check src 1.2.3.4 dst ::1 proto tcp dport 1",
    "check src 1.2.3.4 dst 1.2.3.5 proto tcp", "check src 1.2.3.4 dst 1.2.3.5 proto icmp dport 3",
    "check src 1.2.3.4/32 dst 1.2.3.5 proto tcp dport 1",
])
def test_usage_errors(world: World, words: str) -> None:
    world.fails(USAGE, words)
    assert world.text(words, status=USAGE).startswith("Error: ")
    assert not world.pins.exists() and not world.state.exists(), "nothing is touched"


@pytest.mark.parametrize("prefix,canonical", [
    ("10.1.2.3/24", "10.1.2.0/24"), ("10.1.2.3/0", "0.0.0.0/0"),
    ("2001:db8::1/64", "2001:db8::/64"),
    ("255.255.255.255/31", "255.255.255.254/31"), ("2001:DB8:0:0::F/127", "2001:db8::e/127"),
])
def test_host_bits_print_the_canonical_form(world: World, prefix: str, canonical: str) -> None:
    world.policy()
    answer = world.fails(USAGE, f"allow add {prefix}")
    assert prefix in answer["error"] and canonical in answer["hint"]
    assert len(world.prefixes()) == 2


@pytest.mark.parametrize("prefix", [
    "10.1.2", "10.1.2.3.4", "10.1.2.256", "010.1.2.3", "10.1.2.3/", "10.1.2.3/33", "10.1.2.3/-1",
    "10.1.2.3/024", "10.1.2.3/2 4", " 10.1.2.3", "10.1.2.3%eth0", "fe80::1%eth0", "::/129", ":::",
    "1::2::3", "::ffff:10.1.2.3", "::ffff:0:0/96", "g::", "0x0a010203", "10", "x", "",
    "10.1.2.3/٢٤", "10.1.2.0/255.255.255.0", "10.1.2.3-10.1.2.4", "1" * 300,
])
def test_malformed_prefixes(world: World, prefix: str) -> None:
    world.policy()
    world.fails(USAGE, ["allow", "add", prefix, "set", "apim"])
    assert len(world.prefixes()) == 2 and world.generation() == 1


@pytest.mark.parametrize("ports", ["90-80", "0", "65536", "80-", "-80", "80,,81", "80,", ",80", "a",
                                   "80-90-100", "1.5", "", "0-10", "99999999999999999999",
                                   ",".join(str(n) for n in range(1, 70, 2))])
def test_bad_ports(world: World, ports: str) -> None:
    world.policy()
    answer = world.fails(USAGE, ["service", "add", "x", "proto", "tcp", "port", ports,
                                 "from", "apim"])
    if ports == "90-80":
        assert "upside down" in answer["error"] and "80-90" in answer["hint"]


@pytest.mark.parametrize("name", ["a b", "a" * 32, "", "a/b", "../x", "a\nb", "a,b", "-", ".", "ä",
                                  "a\x1b[31m", "a\"b", "#a", "a;b", "$(x)"])
def test_odd_names(world: World, name: str) -> None:
    for words in (["set", "add", name], ["service", "add", name, "proto", "tcp", "from", "apim"]):
        done = world.call(words)
        assert done.status == USAGE, str(done)
        assert "\x1b" not in world.text(words, status=USAGE), "no terminal codes in errors"


@pytest.mark.parametrize("name", ["a" * 31, "APIM_prod-1.2", "0"])
def test_good_names(world: World, name: str) -> None:
    world.gate(f"set add {name}")
    world.gate(f"service add {name} proto tcp from {name}")
    assert world.gate(f"set show {name}")["sets"][0]["name"] == name


@pytest.mark.parametrize("comment", ["x" * 128, "a\nb", "a\x1b[31mb", "\x7f"])
def test_bad_comments(world: World, comment: str) -> None:
    world.policy()
    world.fails(USAGE, ["allow", "add", "10.0.0.1", "comment", comment])


@pytest.mark.parametrize("comment", ["x" * 127, "Bürö \"7\" \\ #1 'x'", "set apim", "", " "])
def test_good_comments_come_back(world: World, comment: str) -> None:
    world.policy()
    world.gate(["allow", "add", "10.0.0.1", "comment", comment])
    for _ in range(2):
        shown = world.gate("allow show prefix 10.0.0.1")["allow"][0]["comment"]
        assert (shown or "") == comment
        world.reboot()
        world.gate("restore")


@pytest.mark.parametrize("expires", ["2", "h", "2x", "-2h", "0s", "1.5h", "99999999d", ""])
def test_bad_durations(world: World, expires: str) -> None:
    world.policy()
    world.fails(USAGE, ["allow", "add", "10.0.0.1", "expires", expires])


@pytest.mark.parametrize("words", [
    "set delete nope", "set show nope", "allow add 1.2.3.4 set nope", "allow delete 1.2.3.4",
    f"allow delete {APIM4} set azure-platform", "allow show set nope", "service delete nope",
    "service add x proto tcp from nope", "link detach dev nope", "link enforce dev eth0",
    "link audit dev eth0", "link confirm dev eth0", "link attach dev nope", "batch file /nope",
    "allow load file /nope set apim",
    f"check src {APIM4} dst {BACKEND4} proto tcp dport 1 dev nope",
    "doctor dev nope",
])
def test_not_found(world: World, words: str) -> None:
    world.policy()
    world.fails(NOT_FOUND, words)
    assert world.generation() == 1


@pytest.mark.parametrize("words", [
    "set add apim", "service add web proto tcp from apim", "set delete apim",
    "set delete azure-platform",
])
def test_failed(world: World, words: str) -> None:
    world.policy()
    world.fails(FAILED, words)
    assert world.generation() == 1


# ---- output ----

def test_tables_fit_a_terminal(world: World) -> None:
    """80 columns, whatever the names and comments are."""
    world.policy()
    world.gate(f"set add {'s' * 31}")
    world.gate(["allow", "add", "2001:db8:1234:5678:9abc:def0:1234:5678", "set", "s" * 31,
                "comment", "a long comment " * 8, "expires", "2h"])
    world.gate(f"service add {'v' * 31} proto tcp port 1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31 "
               f"to 2001:db8:1234:5678:9abc:def0:1234:5678/128,10.0.0.0/8 from apim,{'s' * 31}")
    world.gate("link attach dev eth0 confirm 600")
    for command in ("set show", "allow show", "service show", "link show", "stats show",
                    "default show", "doctor", "version"):
        lines = on_terminal(world, command).splitlines()
        assert lines and all(len(line) <= 80 for line in lines), \
            f"{command}: {max(lines, key=len)!r}"


def on_terminal(world: World, command: str) -> str:
    """What the command prints on a terminal of 80 columns."""
    master, slave = pty.openpty()
    with world.net.inside("backend"):
        process = subprocess.Popen(["sh", "-c", "stty cols 80 rows 24 && exec \"$@\"", "sh",
                                    *world.argv(command, as_json=False)], stdin=slave, stdout=slave,
                                   stderr=subprocess.DEVNULL, env=world.environment())
    os.close(slave)
    out = b""
    try:
        while chunk := os.read(master, 65536):
            out += chunk
    except OSError:  # the other end is closed
        pass
    os.close(master)
    assert process.wait(timeout=10) in (OK, FAILED)
    return out.decode().replace("\r\n", "\n")


def test_watch_prints_until_interrupted(world: World) -> None:
    world.protect()
    watch = world.start("stats show watch")
    documents = [json.loads(watch.stdout.readline()) for _ in range(2)]
    watch.send_signal(2)
    watch.communicate(timeout=10)
    assert watch.returncode == OK
    assert all("packets_per_second" in row for row in documents[1]["reasons"])


def test_output_that_cannot_be_written_is_an_error(world: World) -> None:
    world.policy()
    with open("/dev/full", "wb") as full, world.net.inside("backend"):
        done = subprocess.run(world.argv("set show"), stdout=full, stderr=subprocess.PIPE,
                              text=True,
                              env=world.environment(), check=False)
    assert done.returncode == FAILED and "No space left" in done.stderr


def test_version(world: World) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", world.gate("version")["version"])
    assert world.gate("-V") == world.gate("--version") == world.gate("version")
    assert os.path.basename(APIMGATE) == "apimgate"


def test_completion_of_words_and_names(world: World) -> None:
    world.policy()
    argv = world.argv("complete --", as_json=False)
    options = argv[1:argv.index("complete")]

    def complete(*words: str) -> list[str]:
        done = world.net.run("backend", APIMGATE, "complete", "--", *options, *words)
        return done.stdout.split()

    assert {"set", "service", "stats"} == set(complete("s"))
    assert {"attach", "audit"} <= set(complete("link", "a"))
    assert "eth0" in complete("link", "attach", "dev", "")
    assert "apim" in complete("allow", "add", STRANGER4, "set", "")
