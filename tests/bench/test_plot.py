# SPDX-License-Identifier: Apache-2.0
"""The picture, of results that nobody measured."""

import copy
import json
import re
import shutil
import xml.etree.ElementTree as tree

import pytest

import plot

pytestmark = pytest.mark.skipif(not shutil.which("gnuplot"), reason="gnuplot is not installed")
SIZES = (20, 1000, 10000, 100000, 1000000)
SLOPE = {"floor": 0, "again": 0, "apimgate": 5, "lpm": 60, "xdp-filter": 10, "nft": 200,
         "ipset": 210}


def document():
    results = []
    for table, family, _ in plot.PANELS:
        for number, prefixes in enumerate(SIZES):
            for contestant, slope in SLOPE.items():
                if contestant in ("nft", "ipset") and prefixes > 100000:
                    results.append({"table": table, "family": family, "prefixes": prefixes,
                                    "contestant": contestant, "state": "-"})
                    continue
                above = 0 if not slope else 20 + slope * number * family
                spread = {"median": above, "min": above - 30.0, "max": above * 1.5}
                results.append({"table": table, "family": family, "prefixes": prefixes,
                                "contestant": contestant, "above_floor_ns": spread,
                                "ns": {"median": 160 + above}})
    return {"date": "2026-01-02T03:04:05Z", "commit": "0123456789ab",
            "machine": {"processor": "A_processor \"{9}\"", "kernel": "6.1.0-42-amd64"},
            "options": {"rounds": 9, "json": "/some/where"}, "results": results}


@pytest.fixture(name="svg", scope="module")
def fixture_svg():
    return plot.draw(document())


def test_it_is_a_small_picture_on_white(svg):
    tree.fromstring(svg)
    assert len(svg.encode()) < 60_000
    assert re.search(r"<rect [^>]*fill=['\"]#ffffff", svg)


def test_the_same_results_give_the_same_picture(svg):
    later = copy.deepcopy(document())
    later.update(date="2027-12-31T00:00:00Z", commit="f" * 12)
    later["options"]["json"] = "/else/where"
    assert plot.draw(later) == svg


def test_nothing_of_the_tool_the_time_or_the_place_is_in_it(svg):
    for word in ("gnuplot", "2026", "0123456789ab", "/some"):
        assert word not in svg.lower()


def test_it_names_what_is_drawn(svg):
    text = " ".join(tree.fromstring(svg).itertext())
    for words in ("apimgate", "nftables", "IPv4, refused", "IPv6, allowed", "10k", "1M",
                  "prefixes on the list", "Linux 6.1", "160 to 160 ns where refused"):
        assert words in text, words


def test_who_did_not_take_part_is_not_in_the_legend():
    alone = document()
    alone["results"] = [r for r in alone["results"] if r["contestant"] in ("floor", "apimgate")]
    text = " ".join(tree.fromstring(plot.draw(alone)).itertext())
    assert "apimgate" in text and "nftables" not in text


def test_results_without_figures_are_refused():
    with pytest.raises(plot.PlotError):
        plot.draw({**document(), "results": []})


def test_the_command_writes_the_file(svg, tmp_path):
    results, picture = tmp_path / "results.json", tmp_path / "picture.svg"
    results.write_text(json.dumps(document()))
    assert plot.main([str(results), str(picture)]) == 0
    assert picture.read_text() == svg
