# SPDX-License-Identifier: Apache-2.0
"""The command table as the program prints it, and the documents as data."""
import functools
import json
import os
import re
import shlex
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAN = ROOT / "docs" / "man"
REASONS_H = ROOT / "include" / "apimgate" / "reasons.h"
REPORT_H = ROOT / "agent" / "base" / "report.h"
COMPLETION = ROOT / "deploy" / "completion" / "apimgate"
UNIT = ROOT / "deploy" / "systemd" / "apimgate.service"

# Their commands are on the page of the program itself.
FOLDED = ("version", "help")

# What stands for a value in the documents, and a value that is right there.
SAMPLES = {
    "NAME": "name", "SET": "name", "PREFIX": "20.1.2.0/24", "ADDRESS": "20.1.2.3",
    "SECONDS": "60", "DURATION": "2h", "PORT": "443", "FILE": "file", "TEXT": "text",
    "NUMBER": "1", "PROTOCOL": "tcp", "OBJECT": "link", "COMMAND": "show", "DIR": "dir",
}


def binary():
    return os.path.abspath(os.environ.get("APIMGATE", ROOT / "build" / "apimgate"))


def apimgate(*words, **options):
    return subprocess.run([binary(), *words], capture_output=True, text=True, timeout=60, **options)


# ---- the command table ----


class Command:
    def __init__(self, of, row):
        self.object, self.verb = of, row["command"]
        self.help, self.synopsis = row["help"], row["synopsis"]
        self.args = row["args"]

    @property
    def words(self):
        return [self.object] + ([self.verb] if self.verb else [])

    def __repr__(self):
        return " ".join(self.words)


class Table:
    def __init__(self, document):
        self.options = document["options"]
        self.objects = {row["object"]: [Command(row["object"], c) for c in row["commands"]]
                        for row in document["objects"]}
        self.help = {row["object"]: row["help"] for row in document["objects"]}

    @property
    def commands(self):
        return [c for commands in self.objects.values() for c in commands]

    def find(self, words):
        """The command that the words name, written out, and the words behind it."""
        words = list(self._without_options(words))
        if not words:
            raise ValueError("there is no object")
        if words[0] not in self.objects:
            raise ValueError(f"there is no object '{words[0]}'")
        commands = self.objects[words[0]]
        if words[0] == "help" or "help" in words[1:2]:
            return None, words
        if commands[0].verb is None:
            return commands[0], words[1:]
        verb = words[1] if len(words) > 1 else "show"
        for command in commands:
            if command.verb == verb:
                return command, words[2:]
        raise ValueError(f"{words[0]} has no command '{verb}'")

    def check(self, words, complete=True):
        """Is that a command line as the program accepts it? complete: nothing may be missing."""
        command, rest = self.find(words)
        if command is None:
            return
        given = self._walk(command, rest)
        missing = [a["name"] for a in command.args if a["required"] and a["name"] not in given]
        if complete and missing:
            raise ValueError(f"{command}: {', '.join(missing)} is missing")

    def _walk(self, command, words):
        positional = [a for a in command.args if a["shape"] == "positional"]
        keywords = {a["name"]: a for a in command.args if a["shape"] != "positional"}
        given, words = set(), list(words)
        while words:
            word = words.pop(0)
            if positional and not given & keywords.keys():
                given.add(positional.pop(0)["name"])
                continue
            if word not in keywords:
                raise ValueError(f"{command} knows no word '{word}'")
            if word in given:
                raise ValueError(f"{command}: '{word}' is given twice")
            given.add(word)
            if keywords[word]["shape"] == "keyword":
                if not words:
                    raise ValueError(f"{command}: '{word}' has no value")
                words.pop(0)
        return given

    def _without_options(self, words):
        takes = {"--" + o["name"]: o["metavar"] is not None for o in self.options}
        takes.update({"-" + o["letter"]: False for o in self.options if o["letter"]})
        words = iter(words)
        for word in words:
            if not re.match(r"-.", word):
                yield word
            elif word.split("=")[0] not in takes:
                raise ValueError(f"there is no option '{word}'")
            elif takes[word.split("=")[0]] and "=" not in word:
                next(words, None)


def argument_text(arg):
    """One argument as a synopsis shows it, without brackets."""
    value = "|".join(arg["choices"]) if arg["value"] == "choice" else arg["metavar"]
    parts = [] if arg["shape"] == "positional" else [arg["name"]]
    return " ".join(parts + ([value] if arg["shape"] != "flag" else []))


@functools.lru_cache(maxsize=None)
def table():
    done = apimgate("help", "-j")
    assert done.returncode == 0, f"apimgate help -j: {done.stderr or done.stdout}"
    return Table(json.loads(done.stdout))


# ---- tables in the sources ----


def reasons():
    """name -> (verdict, description) of include/apimgate/reasons.h."""
    text = re.sub(r"\\\n", " ", REASONS_H.read_text())
    rows = re.findall(r'GATE_REASON\([A-Z_]+,\s*"([^"]+)",\s*(PASS|DROP),\s*"([^"]+)"\)', text)
    assert len(rows) > 10
    return {name: (verdict.lower(), what) for name, verdict, what in rows}


def exit_statuses():
    """status -> name of agent/base/report.h."""
    rows = re.findall(r'REPORT_KIND\([A-Z_]+,\s*(\d+),\s*"([^"]+)"\)', REPORT_H.read_text())
    assert len(rows) > 3
    return {int(status): name for status, name in rows}


# ---- manual pages ----


def man_pages():
    return sorted(MAN.glob("*.8"))


def page_of(name):
    return MAN / ("apimgate.8" if name in FOLDED else f"apimgate-{name}.8")


@functools.lru_cache(maxsize=None)
def rendered(page, width=500):
    """What mandoc shows, without overstriking."""
    done = subprocess.run(["mandoc", "-T", "utf8", "-O", f"width={width}", str(page)],
                          capture_output=True, text=True, check=True)
    return re.sub(".\b", "", done.stdout)


def man_sections(page):
    """Title -> text of the rendered page's sections."""
    return _split(rendered(page), r"^(\S.*)$")


def man_subsections(page, title):
    return _split(man_sections(page).get(title, ""), r"^ {3}(\S.*)$")


def _split(text, heading):
    sections, title = {}, None
    for line in text.splitlines():
        match = re.match(heading, line)
        if match:
            title = match.group(1).strip()
            sections[title] = ""
        elif title is not None:
            sections[title] += line + "\n"
    return sections


def synopsis_lines(page):
    return [squeeze(line) for line in man_sections(page)["SYNOPSIS"].splitlines() if line.strip()]


def squeeze(text):
    return " ".join(text.split())


def roff_text(text):
    return text.replace(r"\e", "\\").replace(r"\-", "-").replace(r"\&", "")


def literal_blocks(page):
    """Each .Bd -literal block as a list of lines."""
    blocks = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", page.read_text(), re.M | re.S)
    return [roff_text(block).splitlines() for block in blocks]


def man_inline_commands(page):
    """What is quoted as a command within a sentence."""
    for text in re.findall(r"^\.(?:Pq )?Ql (.*)$", page.read_text(), re.M):
        words = re.sub(r"( [.,:;)])+$", "", roff_text(text)).split()
        if words[0] == "apimgate" and len(words) > 1:
            yield words[1:]
        elif len(words) > 1 and words[0] in table().objects:
            if words[1] in [c.verb for c in table().objects[words[0]]]:
                yield words


# ---- command lines in blocks of text ----

# "# ", "$ " or "backend# ", in front of a command of ours.
PROMPT = re.compile(r"\s*[\w.@~:-]*[$#] (?=(sudo )?apimgate )")


def command_lines(block):
    """
    Every command line of apimgate in a block of shell text, as words: also
    behind a prompt and in a pipe, continued lines, and the lines that a here
    document gives to `batch`. With prompts in the block, lines without one are
    output.
    """
    lines = list(block)
    prompted = any(PROMPT.match(line) for line in lines)
    while lines:
        line = lines.pop(0)
        prompt = PROMPT.match(line)
        if prompted and not prompt:
            continue
        text = line[prompt.end():] if prompt else line
        while text.endswith("\\") and lines:
            text = text[:-1] + " " + lines.pop(0)
        if not re.search(r"(^|[\s/])apimgate\s", text) or text.lstrip().startswith("#"):
            continue
        here = re.search(r"<<-?'?(\w+)'?", text)
        found = list(_split_commands(text))
        yield from found
        while here and lines:
            inner = lines.pop(0)
            if inner.strip() == here.group(1):
                break
            while inner.endswith("\\") and lines:
                inner = inner[:-1] + " " + lines.pop(0)
            words = shlex.split(inner, comments=True)
            if words and found and "batch" in found[0]:
                yield words


def _split_commands(text):
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words = []
    for token in list(lexer) + ["|"]:
        if token and set(token) <= set("|&;<>()"):
            yield from _command(words)
            words = []
        else:
            words.append(token)


def _command(words):
    while words and (words[0] in ("sudo", "watch", "time") or "=" in words[0]):
        words = words[1:]
    if len(words) > 1 and os.path.basename(words[0]) == "apimgate":
        yield words[1:]


def with_samples(words):
    """Placeholders of a documented command line, replaced by values that are right."""
    return [SAMPLES.get(word, word) for word in words]


def parses(words, directory):
    """
    Asks the program itself: with --help it reads every word and runs nothing.
    Returns its error, or None. The directories are for the day that it does
    run something.
    """
    done = apimgate("--pin-dir", f"{directory}/pins", "--state-dir", f"{directory}/state",
                    *words, "--help")
    return None if done.returncode == 0 else done.stderr.strip() or done.stdout.strip()


# ---- markdown ----


def markdown_files():
    return [p for p in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))] if p.exists()]


def code_blocks(path):
    """The fenced blocks, also within lists, as lists of lines."""
    blocks = re.findall(r"^( *)```[^\n]*\n(.*?)^ *```", path.read_text(), re.M | re.S)
    return [[line[len(indent):] for line in text.splitlines()] for indent, text in blocks]


def prose(path):
    """The text without fenced blocks."""
    return re.sub(r"^ *```.*?^ *```", "", path.read_text(), flags=re.M | re.S)


def code_spans(path):
    return [squeeze(span) for span in re.findall(r"`([^`]+)`", prose(path))]


def headings(path):
    return [h.strip() for h in re.findall(r"^#+ (.*)$", prose(path), re.M)]


def anchor(heading):
    """As GitHub makes it."""
    text = re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
