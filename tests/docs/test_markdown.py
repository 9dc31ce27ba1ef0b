# SPDX-License-Identifier: Apache-2.0
"""The guides: their commands exist, their links lead somewhere."""
import json
import re

import pytest

import handbook
from handbook import table

FILES = handbook.markdown_files()
JSON_MD = handbook.ROOT / "docs" / "json.md"


def by_name(path):
    return path.name


@pytest.mark.parametrize("name", ["README.md", "docs/json.md", "docs/policy.md",
                                  "docs/architecture.md", "docs/operations.md"])
def test_is_there(name):
    assert (handbook.ROOT / name).read_text().startswith("# ")


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_command_lines_are_right(path, scratch):
    for block in handbook.code_blocks(path):
        for words in handbook.command_lines(block):
            words = handbook.with_samples(words)
            table().check(words)
            assert handbook.parses(words, scratch) is None, words


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_quoted_commands_are_right(path, scratch):
    for span in handbook.code_spans(path):
        words = span.split()
        if words[0] != "apimgate" or len(words) < 2:
            continue
        words = handbook.with_samples(words[1:])
        if any("..." in word for word in words):
            words = words[:next(i for i, word in enumerate(words) if "..." in word)]
        table().check(words, complete=False)
        assert handbook.parses(words, scratch) is None, span


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_links_resolve(path):
    broken = []
    for target in re.findall(r"\[[^]]*\]\(([^)\s]+)\)", handbook.prose(path)):
        name, _, fragment = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        file = (path.parent / name).resolve() if name else path
        if not file.exists():
            broken.append(target)
        elif fragment and fragment not in map(handbook.anchor, handbook.headings(file)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_named_files_of_the_repository_exist(path):
    spans = [s for s in handbook.code_spans(path)
             if re.fullmatch(r"(?:docs|deploy|scripts|tests|bpf|agent|include)/[\w./-]+", s)]
    assert [s for s in spans if not (handbook.ROOT / s).exists()] == []


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_nothing_is_left_to_fill_in(path):
    assert re.findall(r"^[A-Z]+_[A-Z_]+$|\b(?:TODO|FIXME|XXX)\b", handbook.prose(path), re.M) == []


def test_operations_has_a_section_for_everything():
    """The contents list is complete and in order."""
    path = handbook.ROOT / "docs" / "operations.md"
    listed = re.findall(r"^- \[([^]]+)\]\(#", path.read_text(), re.M)
    sections = re.findall(r"^## (.*)$", handbook.prose(path), re.M)
    assert listed == sections


def names_command(line, command):
    """`link enforce`, or `link attach`, `enforce`, ... in one line."""
    spans = [span for part in re.findall(r"`([^`]+)`|^#+ (.*)$", line) for span in part if span]
    if any(span == str(command) or span.startswith(f"{command} ") for span in spans):
        return True
    return command.verb in spans and any(span.startswith(f"{command.object} ") for span in spans)


@pytest.mark.parametrize("command", table().commands, ids=repr)
def test_json_of_every_command_is_documented(command):
    assert any(names_command(line, command) for line in JSON_MD.read_text().splitlines())


def test_json_of_an_error_is_documented():
    text = JSON_MD.read_text()
    assert [k for k in ("error", "hint", "kind", "warnings") if f"`{k}`" not in text] == []
    for status, name in handbook.exit_statuses().items():
        assert re.search(rf"^ *\| {status} \| `{name}` \|", text, re.M)


def keys_of(document):
    if isinstance(document, dict):
        return set(document).union(*map(keys_of, document.values()))
    return set().union(*map(keys_of, document)) if isinstance(document, list) else set()


def documented(key):
    return re.search(rf"[`\"{{, ]{re.escape(key)}[`\"]", JSON_MD.read_text())


@pytest.mark.parametrize("words", ["version", "help", "help link attach", "doctor", "nonsense"])
def test_every_json_key_is_documented(words):
    printed = json.loads(handbook.apimgate("-j", *words.split()).stdout)
    assert [key for key in keys_of(printed) if not documented(key)] == []


@pytest.mark.parametrize("words", ["link", "set", "allow", "service", "default", "stats"])
def test_every_json_key_of_a_policy_is_documented(words, saved_gate):
    done = handbook.apimgate(*saved_gate, "-j", *words.split())
    assert done.returncode == 0, done.stdout
    assert [key for key in keys_of(json.loads(done.stdout)) if not documented(key)] == []


@pytest.mark.parametrize("page", handbook.man_pages(), ids=by_name)
def test_json_keys_in_manual_pages_are_documented(page):
    part = handbook.man_sections(page).get("JSON", "")
    assert [key for key in re.findall("‘([^’]+)’", part) if not documented(key)] == []
