# SPDX-License-Identifier: Apache-2.0
"""What the program itself says about how it is used."""
import pytest

import handbook
from handbook import apimgate, table

COMMANDS = table().commands
WAYS = ["help"] + [f"help {name}" for name in table().objects] + \
       [f"help {command}" for command in COMMANDS if command.verb]


def shown(*words):
    done = apimgate(*words)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("words", WAYS)
def test_help_is_there_and_fits_80_columns(words):
    text = shown(*words.split())
    assert len(text.strip().splitlines()) > 1
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


@pytest.mark.parametrize("name", table().objects)
def test_help_can_be_asked_for_in_every_order(name):
    if name != "help":
        assert shown(name, "help") == shown("help", name)
        assert shown(name, "--help") == shown("help", name)
        assert shown("-h", name) == shown("help", name)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.verb], ids=repr)
def test_help_on_a_command_can_be_asked_for_in_every_order(command):
    text = shown("help", *command.words)
    assert shown(command.object, "help", command.verb) == text
    assert shown(*command.words, "--help") == text


@pytest.mark.parametrize("command", COMMANDS, ids=repr)
def test_help_has_synopsis_and_every_argument(command):
    text = shown("help", *command.words)
    assert handbook.squeeze(command.synopsis) in handbook.squeeze(text)
    for arg in command.args:
        assert any(line.strip().startswith(handbook.argument_text(arg))
                   for line in text.splitlines()), arg["name"]


def test_everything_in_the_table_has_a_help_text():
    texts = {f"--{o['name']}": o["help"] for o in table().options}
    texts.update(table().help)
    for command in COMMANDS:
        texts[str(command)] = command.help
        texts.update({f"{command} {a['name']}": a["help"] for a in command.args})
    assert [name for name, text in texts.items() if not text or not text.strip()] == []


def test_the_overview_has_every_object_option_and_exit_status():
    text = shown("help")
    assert [n for n in table().objects if f"\n  {n} " not in text] == []
    assert [o["name"] for o in table().options if f"--{o['name']}" not in text] == []
    assert [n for n in (0, *handbook.exit_statuses()) if f"{n} " not in
            text.partition("Exit status:")[2]] == []


def test_no_object_is_a_usage_error():
    done = apimgate()
    assert done.returncode == 2
    assert done.stdout == "" and "apimgate help" in done.stderr


def test_version_can_be_asked_for_as_an_option():
    assert shown("--version") == shown("-V") == shown("version")
