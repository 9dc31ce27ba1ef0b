# SPDX-License-Identifier: Apache-2.0
"""
bash completion against the table. bash is started without any start-up file,
so nothing of the bash-completion package is there.
"""
import os
import pty
import select
import subprocess
import time

import pytest

import handbook
from handbook import table

# Prints what bash would offer for a line with the cursor at its end.
SCRIPT = r"""
source "$1" || exit 1
function=$(complete -p apimgate) || exit 1
function=${function#*-F } function=${function%% *}
shift
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMP_KEY=9
read -ra COMP_WORDS <<<"$COMP_LINE"
[[ $COMP_LINE == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; }
"$function" apimgate "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
[ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\n' "${COMPREPLY[@]}"
"""

SAMPLES = {"name": "name", "set": "name", "sets": "name", "service": "name", "device": "lo",
           "prefix": "20.1.2.0/24", "prefixes": "20.1.2.0/24", "address": "20.1.2.3",
           "number": "1", "duration": "2h", "seconds": "60", "ports": "443", "protocol": "tcp",
           "object": "link", "file": "file", "text": "text"}


@pytest.fixture(scope="module")
def bash(tmp_path_factory):
    """A function: line -> sorted candidates. The program is found by its name."""
    place = tmp_path_factory.mktemp("completion")
    (place / "bin").mkdir()
    (place / "bin" / "apimgate").symlink_to(handbook.binary())
    (place / "cwd").mkdir()
    (place / "cwd" / "apim.list").write_text("")
    env = {"PATH": f"{place}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(place)}

    def offered(line):
        done = subprocess.run(["bash", "--norc", "--noprofile", "-c", SCRIPT, "bash",
                               str(handbook.COMPLETION), line], cwd=place / "cwd", env=env,
                              capture_output=True, text=True, timeout=30)
        assert (done.returncode, done.stderr) == (0, ""), line
        return sorted(word.rstrip() for word in done.stdout.splitlines())

    offered.env, offered.place = env, place
    return offered


def value_of(arg):
    return arg["choices"][0] if arg["choices"] else SAMPLES[arg["value"]]


def start(command):
    """The command with its positional arguments that must be there."""
    words = command.words + [value_of(a) for a in command.args
                             if a["shape"] == "positional" and a["required"]]
    return "apimgate " + " ".join(words) + " "


def keywords(command):
    return [a for a in command.args if a["shape"] != "positional"]


def values_at(command):
    """Candidates that an optional positional argument adds: none where nothing is loaded."""
    return [c for a in command.args if a["shape"] == "positional" and not a["required"]
            for c in a["choices"]]


def test_objects(bash):
    assert bash("apimgate ") == sorted(table().objects)


@pytest.mark.parametrize("name", table().objects)
def test_a_unique_beginning_is_completed(bash, name):
    matching = sorted(o for o in table().objects if o.startswith(name[:2]))
    assert bash(f"apimgate {name[:2]}") == matching


@pytest.mark.parametrize("name", [n for n in table().objects if n != "help"])
def test_commands(bash, name):
    commands = table().objects[name]
    if commands[0].verb:
        wanted = [c.verb for c in commands]
    else:
        wanted = [a["name"] for a in keywords(commands[0])]
    offered = [w for w in bash(f"apimgate {name} ") if w != "help"]
    assert offered == sorted(wanted)
    assert "help" in bash(f"apimgate {name} ")


@pytest.mark.parametrize("command", [c for c in table().commands if c.object != "help"], ids=repr)
def test_keywords(bash, scratch, command):
    # Names in the gate of this machine are not what is asked for.
    line = start(command).replace("apimgate", f"apimgate --pin-dir {scratch}/pins "
                                              f"--state-dir {scratch}/state", 1)
    platform = ["azure-platform"] if any(a["value"] in ("set", "sets") and a["shape"] ==
                                         "positional" and not a["required"]
                                         for a in command.args) else []
    wanted = [a["name"] for a in keywords(command)]
    offered = [w for w in bash(line) if w != "help" and w not in platform]
    assert offered == sorted(wanted)


@pytest.mark.parametrize("command", [c for c in table().commands if len(keywords(c)) > 1], ids=repr)
def test_a_keyword_is_offered_once(bash, command):
    for given in keywords(command):
        words = given["name"] + (" " + value_of(given) if given["shape"] == "keyword" else "")
        wanted = sorted(a["name"] for a in keywords(command) if a is not given)
        assert bash(f"{start(command)}{words} ") == wanted


CHOICES = [(c, a) for c in table().commands for a in c.args if a["choices"]]


@pytest.mark.parametrize("command,arg", CHOICES, ids=lambda x: x["name"] if isinstance(x, dict)
                         else repr(x))
def test_choices(bash, command, arg):
    before = "apimgate " + " ".join(command.words) + " "
    if arg["shape"] == "keyword":
        before = f"{start(command)}{arg['name']} "
    assert bash(before) == sorted(arg["choices"])
    for choice in arg["choices"]:
        assert choice in bash(before + choice[:1])


KEYWORDS = [(c, a) for c in table().commands for a in c.args if a["shape"] == "keyword"]


@pytest.mark.parametrize("command,arg", KEYWORDS, ids=lambda x: x["name"] if isinstance(x, dict)
                         else repr(x))
def test_no_keyword_is_offered_for_a_value(bash, command, arg):
    """Behind a keyword stands its value, and nothing else."""
    others = {a["name"] for a in keywords(command)} - set(arg["choices"])
    assert not others & set(bash(f"{start(command)}{arg['name']} "))


def test_devices(bash):
    assert "lo" in bash("apimgate link attach dev ")
    assert bash("apimgate link attach dev l")[:1] == ["lo"]


def test_files(bash):
    assert bash("apimgate allow load file ap") == ["apim.list"]
    assert bash("apimgate batch file ") == ["apim.list"]


def test_options(bash):
    wanted = sorted("--" + o["name"] for o in table().options)
    assert bash("apimgate -") == wanted
    assert bash("apimgate --") == wanted
    assert bash("apimgate link show --") == wanted
    assert bash("apimgate --pi") == ["--pin-dir"]


def test_options_may_stand_anywhere(bash):
    assert bash("apimgate -j link at") == ["attach"]
    assert bash("apimgate --pin-dir /sys/fs/bpf/other link at") == ["attach"]
    assert bash("apimgate link -p attach dev lo mode g") == ["generic"]


def test_words_may_be_shortened(bash):
    assert bash("apimgate li att d lo mo g") == ["generic"]


def test_help(bash):
    assert bash("apimgate help ") == sorted(table().objects)
    verbs = sorted(c.verb for c in table().objects["link"])
    assert bash("apimgate help link ") == verbs
    assert bash("apimgate link help ") == verbs


@pytest.mark.parametrize("line", ["apimgate nonsense ", "apimgate link nonsense ",
                                  "apimgate link attach nonsense ", "apimgate link show x ",
                                  "apimgate set add name more "])
def test_nothing_is_offered_behind_what_is_wrong(bash, line):
    assert bash(line) == []


# ---- names from a gate ----


@pytest.fixture
def gate(saved_gate):
    return " ".join(saved_gate)


def test_names_of_sets_and_services(bash, gate):
    assert bash(f"apimgate {gate} set delete ") == ["apim-prod", "azure-platform", "mgmt"]
    assert bash(f"apimgate {gate} set delete m") == ["mgmt"]
    assert bash(f"apimgate {gate} service delete ") == ["web"]
    assert bash(f"apimgate {gate} allow load file f set ap") == ["apim-prod"]


def test_lists_are_completed_behind_the_last_comma(bash, gate):
    line = f"apimgate {gate} service add api proto tcp from mgmt,"
    assert "mgmt,apim-prod" in bash(line)
    assert bash(line + "ap") == ["mgmt,apim-prod"]


def test_prefixes(bash, gate):
    assert bash(f"apimgate {gate} allow delete 20.") == ["20.1.2.0/24"]
    # bash has taken a ':' for the end of a word: only what follows is completed.
    assert bash(f"apimgate {gate} allow delete 2001:") == ["db8::/32"]


# ---- the same, in a shell that somebody types into ----


def test_in_a_real_shell(bash):
    child, fd = pty.fork()
    if child == 0:
        os.chdir(bash.place / "cwd")
        os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"],
                   {**bash.env, "PS1": "ready> ", "TERM": "dumb", "INPUTRC": "/dev/null"})
    try:
        wait_for(fd, "ready> ")
        os.write(fd, f"source {handbook.COMPLETION}\n".encode())
        wait_for(fd, "ready> ")
        os.write(fd, b"apimgate li\tatt\tdev l\tau\t")
        wait_for(fd, "apimgate link attach dev lo audit ")
    finally:
        os.close(fd)
        os.waitpid(child, 0)


def wait_for(fd, wanted, seconds=20):
    text, end = "", time.monotonic() + seconds
    while wanted not in text:
        left = end - time.monotonic()
        assert left > 0 and select.select([fd], [], [], left)[0], text
        text += os.read(fd, 4096).decode(errors="replace")
    return text
