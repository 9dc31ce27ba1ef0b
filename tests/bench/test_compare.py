# SPDX-License-Identifier: Apache-2.0
"""When a loss is one: the comparison on documents that nobody measured."""

import copy
import json

import pytest

import check
import compare

MACHINE = {"kernel": "6.1.0-42-amd64", "architecture": "x86_64", "processor": "One",
           "bpf_jit": "1", "spectre_v2": "Mitigation: Retpolines"}
CELL = (4, "flood", 1000)


def spread(median):
    return {"median": median, "min": median * 0.9, "max": median * 1.2}


def result(contestant, median, cell=CELL):
    family, table, prefixes = cell
    return {"family": family, "table": table, "prefixes": prefixes, "contestant": contestant,
            "ns": spread(100 * median), "ratio": spread(median),
            "above_floor_ns": spread(100 * (median - 1))}


def document(*results, **options):
    return {"date": "2026-01-02T03:04:05Z", "commit": "0123456789ab", "machine": dict(MACHINE),
            "versions": {"apimgate": "0.1.0"},
            "options": {"rounds": 9, "frames": 524288, "seed": 1, "list": None, "quick": False,
                        **options},
            "results": [result("floor", 1), *results]}


def recorded(*ratios):
    """A record of the gate at that many sizes."""
    return compare.record(document(*(result("apimgate", r, (4, "flood", 1000 * 10 ** i))
                                     for i, r in enumerate(ratios))))


def run(ratio, control=1.0):
    return document(result("again", control), result("apimgate", ratio))


@pytest.mark.parametrize("loss, state, status", [
    (-16, "gained", 0), (-14, "ok", 0), (0, "ok", 0), (14, "ok", 0), (14.9, "ok", 0),
    (15.1, "lost", 1), (16, "lost", 1), (300, "lost", 1)])
def test_a_loss_of_more_than_15_percent_fails(loss, state, status):
    rows = compare.compare(recorded(1.2), run(1.2 * (1 + loss / 100)))
    assert [row["state"] for row in rows] == [state]
    assert rows[0]["loss"] == pytest.approx(loss)
    assert compare.verdict(rows) == status


def test_the_limit_can_be_another():
    assert compare.verdict(compare.compare(recorded(2), run(2.2), 5)) == 1
    assert compare.verdict(compare.compare(recorded(2), run(2.2), 15)) == 0


def test_only_the_ratio_counts_and_not_how_fast_the_machine_is():
    slow = run(1.2)
    for r in slow["results"]:
        r["ns"] = spread(r["ns"]["median"] * 3)
    assert compare.verdict(compare.compare(recorded(1.2), slow)) == 0


def test_the_median_counts_and_not_one_bad_round():
    bad = run(1.2)
    bad["results"][-1]["ratio"]["max"] = 9
    assert compare.verdict(compare.compare(recorded(1.2), bad)) == 0


@pytest.mark.parametrize("control", (0.9, 1.1))
def test_where_the_floor_is_not_like_itself_nothing_is_proved(control):
    for ratio in (1.2, 1.5):
        rows = compare.compare(recorded(1.2), run(ratio, control))
        assert compare.doubtful(rows) == [CELL]
        assert compare.verdict(rows) == 77


def test_a_great_loss_shows_through_the_noise():
    assert compare.verdict(compare.compare(recorded(1.2), run(2.4, 1.1))) == 1


def test_a_failing_cell_is_acquitted_by_the_second_look_and_only_that_cell():
    other = (4, "flood", 10000)
    first = run(1.5)
    first["results"].append(result("apimgate", 1.5, other))
    rows = compare.compare(recorded(1.2, 1.2), first)
    assert compare.doubtful(rows) == [CELL, other]
    again = compare.compare(recorded(1.2, 1.2), run(1.21))
    rows = compare.replace(rows, again)
    assert [row["state"] for row in rows] == ["ok", "lost"]
    assert compare.verdict(rows) == 1


def test_a_cell_without_a_figure_fails_even_elsewhere():
    broken = run(1.2)
    broken["results"][-1] = {"family": 4, "table": "flood", "prefixes": 1000,
                             "contestant": "apimgate", "state": "ERROR", "error": "it broke"}
    rows = compare.compare(recorded(1.2), broken)
    assert rows[0]["state"] == "missing"
    assert compare.verdict(rows) == 1
    assert compare.verdict(rows, ["another machine"]) == 1
    assert "0 passed, 1 failed, 0 skipped" in compare.summary(rows, ["another machine"])


def test_cells_that_were_not_asked_for_are_not_missed():
    rows = compare.compare(recorded(1.2, 1.3, 1.4), run(1.2))
    assert [row["cell"] for row in rows] == [CELL]


def test_nothing_in_common_proves_nothing():
    other = document(result("apimgate", 1, (6, "flood", 7)))
    del other["results"][0]
    rows = compare.compare(recorded(1.2), other)
    assert rows == [] and compare.verdict(rows) == 77


@pytest.mark.parametrize("name, value", [
    ("spectre_v2", "Vulnerable"), ("kernel", "5.10.0"), ("processor", "Another"),
    ("bpf_jit", "0"), ("retbleed", "Mitigation: untrained return thunk")])
def test_on_another_kind_of_machine_it_is_advice(name, value):
    machine = {**MACHINE, name: value}
    reasons = compare.differences(MACHINE, machine)
    assert len(reasons) == 1 and value in reasons[0]
    rows = compare.compare(recorded(1.2), run(2.4))
    assert compare.verdict(rows, reasons) == 77
    assert compare.summary(rows, reasons).endswith("0 passed, 0 failed, 1 skipped")
    assert compare.verdict(rows, []) == 1		# forced


def test_load_and_a_newer_kernel_of_the_series_do_not_make_another_machine():
    assert not compare.differences(MACHINE, {**MACHINE, "kernel": "6.18.1", "load": 3.5})


def test_the_table_names_cell_figures_and_loss():
    text = compare.table(compare.compare(recorded(1.25), run(1.5)))
    assert text.splitlines()[1].split() == [
        "IPv4", "flood", "1,000", "1.250", "1.500", "+20.0", "%", "lost"]


@pytest.mark.parametrize("options", ({"quick": True}, {"rounds": 3}, {"list": "some.txt"}))
def test_a_run_that_says_little_is_not_recorded(options):
    with pytest.raises(compare.CompareError):
        compare.record(document(result("apimgate", 1.2), **options))


def test_a_run_without_the_gate_is_not_recorded():
    with pytest.raises(compare.CompareError):
        compare.record(document(result("lpm", 1.2)))


def test_a_noisy_run_is_not_recorded():
    with pytest.raises(compare.CompareError, match="IPv4 flood 1,000"):
        compare.record(run(1.2, 1.09))


def test_recording_keeps_what_comparing_needs(tmp_path):
    results, kept = tmp_path / "results.json", tmp_path / "recorded.json"
    measured = document(result("apimgate", 1.2), result("lpm", 3))
    results.write_text(json.dumps(measured))
    assert check.keep([str(results), str(kept)]) == 0
    record = json.loads(kept.read_text())
    assert len(record["cells"]) == 1
    assert record["machine"] == MACHINE and record["commit"] == "0123456789ab"
    assert compare.verdict(compare.compare(record, copy.deepcopy(measured))) == 0


def test_the_recorded_file_of_the_repository_can_be_compared_with():
    record = check.load(check.RECORDED)
    tables = {(c["family"], c["table"]) for c in record["cells"]}
    assert tables == {(f, t) for f in (4, 6) for t in ("flood", "allowed")}
    assert not compare.differences(record["machine"], record["machine"])
