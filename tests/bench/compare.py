# SPDX-License-Identifier: Apache-2.0
"""What is recorded of a full run, and whether another run is worse than that. Measures nothing.

Compared are ratios: what a packet costs behind the gate, to what it costs behind the floor, which
is visited in the same round. Whatever makes the machine slower for a while hits both.
"""

import statistics

GATE, CONTROL = "apimgate", "again"
LIMIT = 15.0		# the greatest loss, in percent
LEAST_ROUNDS = 5	# that a record is made of

# What a ratio depends on beside the gate: cost and weight of the floor's own kernel code.
DEPENDS_ON = ("architecture", "processor", "bpf_jit", "spectre_v1", "spectre_v2",
              "spec_rstack_overflow", "retbleed", "meltdown", "indirect_target_selection")


class CompareError(Exception):
    """A document that nothing can be compared with."""


def key(result):
    """What tells one cell from another."""
    return result["family"], result["table"], result["prefixes"]


def title(cell):
    """The cell, as people call it."""
    family, table, prefixes = cell
    return f"IPv{family} {table} {prefixes:,}"


def figures(document, contestant):
    """The ratios to the floor that a run has for one contestant, {cell: {median, min, max}}."""
    return {key(r): r["ratio"] for r in document["results"]
            if r["contestant"] == contestant and "ratio" in r}


def distance(ratio):
    """How far the floor is from itself, in percent."""
    return abs(ratio["median"] - 1) * 100


def record(document):
    """What is kept of a full run, in the shape that is compared with later."""
    options = document["options"]
    if options["list"]:
        raise CompareError("it was measured with a list of its own, which others do not have")
    if options["quick"] or options["rounds"] < LEAST_ROUNDS:
        raise CompareError(f"it has less than {LEAST_ROUNDS} rounds, or was a quick one")
    noisy = [cell for cell, ratio in figures(document, CONTROL).items()
             if distance(ratio) > LIMIT / 2]
    if noisy:
        raise CompareError("the floor differs too much from itself in: " +
                           "; ".join(map(title, noisy)))
    cells = [{name: r[name] for name in ("family", "table", "prefixes", "ratio", "above_floor_ns")}
             for r in document["results"] if r["contestant"] == GATE and "ratio" in r]
    if not cells:
        raise CompareError("it has no figure of the gate")
    return {
        "date": document["date"],
        "commit": document["commit"],
        "version": document["versions"].get(GATE, "unknown"),
        "machine": document["machine"],
        "options": {name: options[name] for name in ("rounds", "frames", "seed")},
        "cells": cells,
    }


def differences(recorded, machine):
    """Why ratios of this machine cannot be held against those recorded; empty if they can."""
    found = []
    for name in DEPENDS_ON:
        then, now = recorded.get(name, "unknown"), machine.get(name, "unknown")
        if then != now:
            found.append(f"{name} was \"{then}\" and is \"{now}\"")
    then, now = (m["kernel"].split(".")[0] for m in (recorded, machine))
    if then != now:
        found.append(f"the kernel was Linux {recorded['kernel']} and is {machine['kernel']}")
    return found


def judge(loss, doubt, limit):
    """The state of one cell. doubt is how far the floor is from itself, in percent."""
    if doubt > limit / 2 and loss <= limit + 2 * doubt:
        return "noisy"
    if loss > limit:
        return "lost"
    return "gained" if loss < -limit else "ok"


def compare(recorded, document, limit=LIMIT):
    """A row for each recorded cell that the run was asked for: how much of its speed is lost.

    The loss is how much greater the median ratio is than the one recorded. The same of the floor
    on another device, which must be one, says how far the run can be trusted.
    """
    measured, control = figures(document, GATE), figures(document, CONTROL)
    asked = {key(r) for r in document["results"]}
    rows = []
    for cell in recorded["cells"]:
        if key(cell) not in asked:
            continue
        row = {"cell": key(cell), "recorded": cell["ratio"]["median"], "measured": None,
               "loss": None, "state": "missing"}
        if key(cell) in measured:
            row["measured"] = measured[key(cell)]["median"]
            row["loss"] = (row["measured"] / row["recorded"] - 1) * 100
            doubt = distance(control.get(key(cell), {"median": 1}))
            row["state"] = judge(row["loss"], doubt, limit)
        rows.append(row)
    return rows


def replace(rows, again):
    """The rows, those that were measured again in their new state."""
    newer = {row["cell"]: row for row in again}
    return [newer.get(row["cell"], row) for row in rows]


def doubtful(rows):
    """The cells that are worth another look before anybody is alarmed."""
    return [row["cell"] for row in rows if row["state"] in ("lost", "noisy")]


def verdict(rows, reasons=()):
    """The exit status: 0 well, 1 a loss, 77 nothing is proved. reasons make all of it advice."""
    states = {row["state"] for row in rows}
    if "missing" in states:
        return 1
    if reasons or not rows:
        return 77
    if "lost" in states:
        return 1
    return 77 if "noisy" in states else 0


def table(rows):
    """The rows as text."""
    lines = [f"{'cell':<26}{'recorded':>10}{'measured':>10}{'loss':>9}"]
    for row in rows:
        shown = "-" if row["measured"] is None else f"{row['measured']:.3f}"
        loss = "-" if row["loss"] is None else f"{row['loss']:+.1f} %"
        lines.append(f"{title(row['cell']):<26}{row['recorded']:>10.3f}{shown:>10}{loss:>9}"
                     f"  {row['state']}")
    return "\n".join(lines)


def summary(rows, reasons=()):
    """The last line, as every suite has it, and the one before it, the overall loss."""
    losses = [row["loss"] for row in rows if row["loss"] is not None]
    missing = sum(row["state"] == "missing" for row in rows)
    if reasons:
        bad, unknown = missing, len(rows) - missing
    else:
        bad = missing + sum(row["state"] == "lost" for row in rows)
        unknown = sum(row["state"] == "noisy" for row in rows)
    overall = f"median loss {statistics.median(losses):+.1f} %\n" if losses else ""
    return f"{overall}{len(rows) - bad - unknown} passed, {bad} failed, {unknown} skipped"
