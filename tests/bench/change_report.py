# SPDX-License-Identifier: Apache-2.0
"""The tables of change.py."""

import os

from report import machine_text as plain_machine_text

# The most that a median may be, by family and number of prefixes.
EITHER = (4, 6)
TARGETS = {
    ("load", "cpu_ms"): {(family, size): most for family in EITHER
                         for size, most in ((10000, 25), (100000, 250), (1000000, 3000))},
    ("add", "wall_ms"): {(family, 100000): 300 for family in EITHER},
    ("memory", "bytes_per_prefix"): {(4, 100000): 64, (6, 100000): 128},
}

COMMANDS = {"load": "load", "add": "add one", "delete": "delete one", "show": "show one"}
MEASURES = {"cpu_ms": "Processor time", "wall_ms": "Wall clock"}

STALLS = {
    "idle": "idle",
    "load": "switching to the list",
    "add": "adding one prefix to it",
    "free": "switching away, the list freed",
    "lpm free": "LPM trie of the same list freed",
}

LEGEND = """\
Each command is a process of its own, which reads what runs, compiles, saves and switches. Processor
time is all of that process, system calls included. Cells are the median of the runs, in ms, and the
greatest; behind it the target, with a ! where the median misses it."""


def targets_document():
    """The targets for JSON, whose keys must be words."""
    return [{"of": of, "what": what, "family": family, "prefixes": prefixes, "most": most}
            for (of, what), most_of in TARGETS.items()
            for (family, prefixes), most in most_of.items()]


def machine_text(machine):
    """What was measured on."""
    # Whether the kernel lets itself be preempted decides how long it keeps a core.
    return plain_machine_text(machine) + f"kernel build: {os.uname().version}\n"


def number(value):
    """Short."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def target(key, result):
    """The most that this figure of a result may be, or None; only made-up lists have targets."""
    if result["list"] != "random":
        return None
    return TARGETS[key].get((result["family"], result["prefixes"]))


def against(most, value):
    """The target of a figure, marked if it is missed."""
    return "" if most is None else f" <= {most:,}{' !' if value > most else '  '}"


def line(widths, cells):
    """A line of a table, its columns to the right."""
    return "".join(cell.rjust(width) for width, cell in zip(widths, cells)).rstrip()


def label(result):
    """What the line is about."""
    return f"IPv{result['family']} {result['list']} {result['prefixes']:,}"


def command_cells(result, what):
    """The cells of one line: a figure for each command, and its target if there is any."""
    cells = [label(result)]
    for command in COMMANDS:
        value = result["commands"][command][what]
        cells.append(f"{number(value['median'])} ({number(value['max'])})")
        if (command, what) in TARGETS:
            cells.append(against(target((command, what), result), value["median"]))
    return cells


def commands_text(results):
    """What the commands cost."""
    lines = [LEGEND]
    for what, title in MEASURES.items():
        heads, widths = [title], [24]
        for command, name in COMMANDS.items():
            heads.append(name)
            widths.append(16)
            if (command, what) in TARGETS:
                heads.append("")
                widths.append(10)
        lines += ["", line(widths, heads)]
        lines += [line(widths, command_cells(result, what)) for result in results]
    widths = (24, 16, 16, 16, 16)
    lines += ["", line(widths, ("Peak memory, MiB", *COMMANDS.values()))]
    lines += [line(widths, (label(result), *(number(result["commands"][c]["peak_kib"]["max"] / 1024)
                                             for c in COMMANDS))) for result in results]
    return "\n".join(lines) + "\n"


def mib(value):
    """Bytes as mebibytes."""
    return f"{value / (1 << 20):.2f}"


def memory_text(results):
    """What a list takes in the kernel."""
    widths = (24, 12, 12, 10, 13, 13, 11)
    lines = ["Memory in the kernel, MiB: what lookups of sources read; the whole generation; all "
             "maps of\nthe gate as the kernel accounts for them; what these lost in "
             "10 changes to and fro.", "",
             line(widths, ("list", "lookup", "a prefix", "", "generation", "all maps", "lost"))]
    for result in results:
        memory, leak = result["memory"], result["leak"]
        lost = leak["after"]["maps_bytes"] - leak["before"]["maps_bytes"]
        lines.append(line(widths, (
            label(result), mib(memory["lookup_bytes"]), f"{memory['bytes_per_prefix']:.1f} B",
            against(target(("memory", "bytes_per_prefix"), result), memory["bytes_per_prefix"]),
            mib(memory["kernel_bytes"]), mib(memory["maps_bytes"]),
            f"LEAK {mib(lost)}" if leak["leak"] else mib(lost))))
    return "\n".join(lines) + "\n"


def stall_rows(stalls, cpu):
    """(family, prefixes, what) -> worst on the core of the command, worst on others, late ones."""
    rows = {}
    for stall in stalls:
        row = rows.setdefault((stall["family"], stall["prefixes"], stall["what"]), [0, 0, 0, 0])
        row[3] += 1
        for seen in stall["cpus"]:
            at = 0 if seen["cpu"] == cpu else 1
            row[at] = max(row[at], seen["worst_us"] / 1e3)
            row[2] += seen["late"]
    return rows


def stalls_text(stalls, cpu):
    """How long the kernel kept cores from a thread of real-time priority."""
    widths = (7, 11, 34, 14, 14, 12)
    lines = ["The longest that a thread of real-time priority was kept from a core, in ms: the "
             "core of the\ncommand, the others; and how often it was more than 1 ms, in a "
             "watch of all cores.", "",
             line(widths, ("", "prefixes", "while", "this core", "other cores", "over 1 ms"))]
    for (family, prefixes, what), row in stall_rows(stalls, cpu).items():
        lines.append(line(widths, (f"IPv{family}", f"{prefixes:,}", STALLS[what],
                                   f"{row[0]:.2f}", f"{row[1]:.2f}", f"{row[2] / row[3]:.1f}")))
    return "\n".join(lines) + "\n"


def text(changes, stalls, options):
    """All tables."""
    good = [c for c in changes if "error" not in c]
    parts = [commands_text(good), memory_text(good)] if good else []
    if stalls:
        parts.append(stalls_text(stalls, options.cpu))
    parts += [f"{label(c)}: ERROR: {c['error']}\n" for c in changes if "error" in c]
    return "\n".join(parts)
