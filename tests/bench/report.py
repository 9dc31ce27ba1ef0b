# SPDX-License-Identifier: Apache-2.0
"""The tables."""

LABEL = 9
WIDTH = 13

TITLES = {
    "flood": "Flood of misses: random sources, dropped. Floor: count and XDP_DROP.",
    "allowed": "Allowed traffic: sources from the list, passed. Floor: an empty program, XDP_PASS.",
    "near": "Near misses: sources right beside listed prefixes. Floor: count and XDP_DROP.",
}

LEGEND = """\
Nanoseconds a packet, generator and veth included, one core, native XDP. A cell is: median and its
ratio to the floor; least and greatest ratio of the rounds; nanoseconds above the floor. Each ratio
is to the floor of the same round. "floor again" is the floor on another device: the method's error.
In the allowed table a frame dies right after its verdict: addressed to another host, IP drops it
first thing. ipset's frames die by the next rule of the raw table, which those would not reach."""


def number(value):
    """Four figures at most, so that columns stay narrow."""
    return f"{value:.1f}" if value < 1000 else f"{value:.0f}"


def times(ratio):
    """A ratio, as precise as it is worth."""
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}"


def cell_lines(result, is_floor):
    """The lines of one cell."""
    if "ns" not in result:
        return [result["state"], "", ""]
    ns, ratio, above = result["ns"], result["ratio"], result["above_floor_ns"]
    if is_floor:
        return [number(ns["median"]), f"{number(ns['min'])}-{number(ns['max'])}", ""]
    return [f"{number(ns['median'])} {times(ratio['median'])}x",
            f"{times(ratio['min'])}-{times(ratio['max'])}",
            f"{'+' if above['median'] >= 0 else '-'}{number(abs(above['median']))}"]


def row(cells):
    """A line of the table."""
    label, *rest = cells
    return (label.rjust(LABEL) + "".join(c.rjust(WIDTH) for c in rest)).rstrip()


def table_text(table, family, rows, contestants):
    """One table: rows are (size, {contestant: result})."""
    lines = [f"IPv{family}. {TITLES[table]}", "",
             row(["prefixes"] + [c.title for c in contestants])]
    for size, results in rows:
        cells = [cell_lines(results[c.name], c.name == "floor") for c in contestants]
        for i, label in enumerate((f"{size:,}", "", "")):
            lines.append(row([label] + [c[i] for c in cells]))
    return "\n".join(lines) + "\n"


def machine_text(machine):
    """What was measured on."""
    return (f"{machine['processor']}, {machine['processors']} processors, pinned to "
            f"{machine['pinned_to']}, Linux {machine['kernel']}, load {machine['load']:.2f} "
            f"at the start\n"
            f"spectre_v2: {machine['spectre_v2']}\n"
            f"spec_rstack_overflow: {machine['spec_rstack_overflow']}\n")


def loads_text(loads):
    """What loading the lists took: (family, size, title, {wall_ms, cpu_ms})."""
    lines = ["Loading the list: ms of wall clock / of processor time:",
             ""]
    for family, size, title, load in loads:
        lines.append(f"  IPv{family} {size:>9,} {title:<12} {load['wall_ms']:>9.1f} /"
                     f"{load['cpu_ms']:>9.1f}")
    return "\n".join(lines) + "\n"
