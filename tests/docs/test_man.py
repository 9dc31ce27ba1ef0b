# SPDX-License-Identifier: Apache-2.0
"""The manual pages against the command table and the tables in the sources."""
import os
import re
import shutil
import subprocess

import pytest

import handbook
from handbook import man_sections, man_subsections, rendered, squeeze, synopsis_lines, table

PAGES = handbook.man_pages()
COMMANDS = table().commands
OBJECTS = list(table().objects)


def by_name(page):
    return page.name


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_mandoc_has_nothing_to_say(page):
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(page)],
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def as_man_shows(page):
    done = subprocess.run(["man", "-l", str(page)], capture_output=True, text=True,
                          env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0 and not done.stderr, done.stderr
    return re.sub("\x1b\\[[0-9;]*m|.\b", "", done.stdout)


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_fits_80_columns(page):
    texts = {"mandoc": rendered(page, 80)}
    if shutil.which("man"):
        texts["man"] = as_man_shows(page)
    for viewer, text in texts.items():
        wide = [line for line in text.splitlines() if len(line) > 80]
        assert not wide, f"{viewer}: {wide}"


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_has_its_sections(page):
    wanted = ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "EXIT STATUS", "EXAMPLES", "SEE ALSO"]
    sections = man_sections(page)
    assert [title for title in wanted if not sections.get(title, "").strip()] == []
    assert page.stem in sections["NAME"]
    assert re.search(rf"^\.Dt {page.stem.upper()} 8$", page.read_text(), re.M)
    assert "SPDX-License-Identifier: Apache-2.0" in page.read_text().splitlines()[0]
    assert "docs/json.md" in rendered(page)


@pytest.mark.parametrize("name", OBJECTS)
def test_every_object_has_a_page(name):
    assert handbook.page_of(name).exists()


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_page_has_an_object(page):
    name = page.stem.partition("-")[2]
    assert not name or name in OBJECTS


@pytest.mark.parametrize("command", COMMANDS, ids=repr)
def test_synopsis_is_that_of_the_table(command):
    assert squeeze(command.synopsis) in synopsis_lines(handbook.page_of(command.object))


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_synopsis_has_no_other_command(page):
    known = [squeeze(c.synopsis) for c in COMMANDS if handbook.page_of(c.object) == page]
    if page.stem == "apimgate":
        known.append("apimgate [OPTIONS] OBJECT { COMMAND | help }")
    assert [line for line in synopsis_lines(page) if line not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_commands_are_those_of_the_table(page):
    wanted = [c.verb or c.object for c in COMMANDS if handbook.page_of(c.object) == page]
    assert list(man_subsections(page, "COMMANDS")) == wanted


@pytest.mark.parametrize("command", COMMANDS, ids=repr)
def test_every_argument_is_described(command):
    page = handbook.page_of(command.object)
    text = man_subsections(page, "COMMANDS")[command.verb or command.object]
    tags = [re.split(r"\s{2,}", line.strip())[0] for line in text.splitlines()]
    wanted = [handbook.argument_text(arg) for arg in command.args]
    assert [arg for arg in wanted if arg not in tags] == []


@pytest.mark.parametrize("command", COMMANDS, ids=repr)
def test_no_other_argument_is_described(command):
    source = handbook.page_of(command.object).read_text()
    title = command.verb or command.object
    text = re.search(rf"^\.Ss {title}\n(.*?)(?=^\.S[sh] )", source, re.M | re.S).group(1)
    tags = re.findall(r"^\.It ((?:Cm|Ar) .*)$", text, re.M)
    tags = [squeeze(re.sub(r"\b(Cm|Ar)\b", "", handbook.roff_text(tag))) for tag in tags]
    known = [handbook.argument_text(arg) for arg in command.args]
    assert [tag for tag in tags if tag not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_command_lines_are_right(page, scratch):
    lines = [words for block in handbook.literal_blocks(page)
             for words in handbook.command_lines(block)]
    assert lines or "no example" in rendered(page)
    for words in lines:
        table().check(words)
        assert handbook.parses(words, scratch) is None, words


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_quoted_commands_are_right(page, scratch):
    for words in handbook.man_inline_commands(page):
        words = handbook.with_samples(words)
        table().check(words, complete=False)
        assert handbook.parses(words, scratch) is None, words


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_references_resolve(page):
    names = re.findall(r"^\.Xr (apimgate\S*) 8", page.read_text(), re.M)
    assert page.stem not in names
    assert [n for n in names if not (handbook.MAN / f"{n}.8").exists()] == []
    paths = re.findall(r"^\.Pa (docs/\S+)", page.read_text(), re.M)
    assert [p for p in paths if not (handbook.ROOT / p).exists()] == []


def test_the_main_page_names_every_page():
    text = man_sections(handbook.MAN / "apimgate.8")["SEE ALSO"]
    assert [p.stem for p in PAGES if p.stem != "apimgate" and f"{p.stem}(8)" not in text] == []


def test_the_main_page_names_every_object():
    page = handbook.MAN / "apimgate.8"
    text = man_subsections(page, "DESCRIPTION")["Objects"]
    listed = re.findall(r"^ {5}([a-z]+) {2,}\S", text, re.M)
    assert listed == OBJECTS


def test_options_are_those_of_the_table():
    text = man_sections(handbook.MAN / "apimgate.8")["OPTIONS"]
    tags = [line.strip() for line in text.splitlines() if re.match(r" {5}-", line)]
    wanted = []
    for option in table().options:
        letter = f"-{option['letter']}, " if option["letter"] else ""
        metavar = f" {option['metavar']}" if option["metavar"] else ""
        wanted.append(f"{letter}--{option['name']}{metavar}")
    assert [re.split(r"\s{2,}", tag)[0] for tag in tags] == wanted


def test_exit_statuses_are_those_of_the_source():
    text = man_sections(handbook.MAN / "apimgate.8")["EXIT STATUS"]
    listed = {int(n): line for n, line in re.findall(r"^ {5}(\d) +(.*)$", text, re.M)}
    statuses = handbook.exit_statuses()
    assert sorted(listed) == sorted([0, *statuses])
    for status, name in statuses.items():
        assert f"kind ‘{name}’" in listed[status]


def test_checks_of_doctor_are_those_of_the_source():
    source = "".join(p.read_text() for p in sorted((handbook.ROOT / "agent/gate").glob("doctor*.c")))
    # doctor_add(doctor, LEVEL, "check", ...): the level may be an expression, never a string.
    names = set(re.findall(r'doctor_add\(\s*doctor,[^";]*"([a-z-]+)"', source))
    assert len(names) > 15
    page = (handbook.MAN / "apimgate-doctor.8").read_text()
    assert set(re.findall(r"^\.It Sy (\S+)$", page, re.M)) == names
