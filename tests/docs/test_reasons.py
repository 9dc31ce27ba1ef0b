# SPDX-License-Identifier: Apache-2.0
"""Every reason is explained, and none is made up."""
import re

import pytest

import handbook

REASONS = handbook.reasons()
STATS = handbook.MAN / "apimgate-stats.8"
POLICY = handbook.ROOT / "docs" / "policy.md"


def explained():
    """verdict -> {reason: what the page says}."""
    source = STATS.read_text()
    out = {}
    for verdict in ("pass", "drop"):
        part = re.search(rf"^\.Ss Reasons that {verdict}\n(.*?)(?=^\.S[sh] )", source,
                         re.M | re.S).group(1)
        items = re.split(r"^\.It Sy (\S+)\n", part, flags=re.M)[1:]
        out[verdict] = dict(zip(items[::2], items[1::2]))
    return out


def test_the_page_has_every_reason_under_its_verdict():
    page = explained()
    for verdict in ("pass", "drop"):
        wanted = [name for name, (what, _) in REASONS.items() if what == verdict]
        assert list(page[verdict]) == wanted


@pytest.mark.parametrize("name", REASONS)
def test_the_page_says_what_the_source_says(name):
    verdict, text = REASONS[name]
    said = handbook.squeeze(explained()[verdict][name]).lower()
    assert text.lower() in said


@pytest.mark.parametrize("name", REASONS)
def test_the_policy_has_every_reason(name):
    assert f"`{name}`" in POLICY.read_text()


# Where a document names a reason: beside a verdict, in an event, in check and stats.
PATTERNS = (
    r"\b(?:drop|drops|pass|passes|reason) `([a-z][a-z-]*)`",
    r"\b(?:WOULD-)?DROP ([a-z-]+) (?:tcp|udp|icmp)",
    r"^ *reason +([a-z-]+):",
    r"^ *([a-z-]+) +(?:pass|drop)(?: +\d+){3} *$",
    r'"reason": *"([^"]+)"',
    r"reason ‘([a-z-]+)’",
)


@pytest.mark.parametrize("path", [*handbook.markdown_files(), *handbook.man_pages()],
                         ids=lambda p: p.name)
def test_no_other_reason_is_named(path):
    text = handbook.rendered(path) if path.suffix == ".8" else path.read_text()
    named = {name for pattern in PATTERNS for name in re.findall(pattern, text, re.M)}
    assert named <= REASONS.keys()
