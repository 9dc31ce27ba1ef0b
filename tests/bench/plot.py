# SPDX-License-Identifier: Apache-2.0
"""Draws the results of a run as one SVG picture, with gnuplot; started by scripts/bench-plot."""

import argparse
import json
import math
import re
import subprocess
import sys
import xml.etree.ElementTree as tree

WIDTH, HEIGHT = 960, 800
FONT = "Helvetica,Arial,sans-serif"
INK, PALE = "#24292f", "#6e7781"
NUMBERS = "#0057b9"		# a colour that nothing else has: halo() knows them by it
TITLE = "What a packet costs, by the length of the list"

# name, words of the legend and their width in pixels, colour, gnuplot's point, line width.
# Drawn in this order, so that the last is on top.
LINES = (
    ("ipset", "ipset, raw table", 132, "#8c8c8c", 11, 1.6),
    ("nft", "nftables, ingress", 135, "#b5679b", 9, 1.6),
    ("xdp-filter", "xdp-filter (addresses only)", 192, "#009e73", 13, 1.6),
    ("lpm", "XDP + kernel's LPM trie", 180, "#d55e00", 5, 1.6),
    ("apimgate", "apimgate", 90, "#0057b8", 7, 3.6),
)
PANELS = (
    ("flood", 4, "IPv4, refused: a flood from random sources"),
    ("flood", 6, "IPv6, refused: a flood from random sources"),
    ("allowed", 4, "IPv4, allowed: sources on the list"),
    ("allowed", 6, "IPv6, allowed: sources on the list"),
)
# What children have from their parents, and what we give to the outermost.
INHERITED = {"fill": "none", "color": "black", "stroke": "none", "stroke-width": "1.0",
             "stroke-linecap": "butt", "stroke-linejoin": "miter", "text-anchor": "middle",
             "font-family": FONT, "font-size": "13.0"}
SPACES = {"": "http://www.w3.org/2000/svg", "xlink": "http://www.w3.org/1999/xlink"}


class PlotError(Exception):
    """Results that no picture can be made of."""


def series(document, table, family, contestant):
    """The points of one line: (prefixes, median, least, greatest) nanoseconds above the floor."""
    return sorted((r["prefixes"], *(r["above_floor_ns"][what] for what in ("median", "min", "max")))
                  for r in document["results"]
                  if (r["table"], r["family"], r["contestant"]) == (table, family, contestant)
                  and "above_floor_ns" in r)


def short(number):
    """20, 1k, 100k, 1M."""
    for size, unit in ((1000000, "M"), (1000, "k")):
        if number >= size:
            return f"{number / size:g}{unit}"
    return f"{number:g}"


def axis(document):
    """The least and the greatest of the cost axis, which all panels share."""
    values = [point[1] for table, family, _ in PANELS for line in LINES
              for point in series(document, table, family, line[0]) if point[1] > 0]
    if not values:
        raise PlotError("there is nothing to draw in it")
    low, high = min(values), max(values)
    least = 10 ** math.floor(math.log10(low / 1.5))
    # As far down as the numbers below the lowest points need.
    least *= max(step for step in (1, 2, 5) if least * step <= low / 1.5)
    return max(1, least), high * 1.35


def ticks(least, greatest):
    """1, 2 and 5 of each power of ten on the axis."""
    found = [step * 10 ** power for power in range(0, 7) for step in (1, 2, 5)]
    return ", ".join(f'"{n:,}" {n}' for n in found if least <= n <= greatest)


def rows(points, least):
    """A gnuplot data block's lines. What cannot be shown on a logarithmic axis sits at its end."""
    return "".join(f"{n} {max(median, least):.2f} {max(low, least):.2f} {max(high, least):.2f}\n"
                   for n, median, low, high in points)


def beside(points, others):
    """For each point whether there is more room above (1) or below (-1) it for its number."""
    found = []
    for prefixes, median, *_ in points:
        near = [math.log(max(m, 1) / max(median, 1)) for n, m, *_ in others if n == prefixes]
        above = min([d for d in near if d >= 0], default=9)
        below = min([-d for d in near if d < 0], default=9)
        found.append(1 if above > below else -1)
    return found


def legend(present):
    """Lines and words above the panels."""
    lines = [line for line in reversed(LINES) if line[0] in present]
    at = (WIDTH - sum(line[2] + 44 for line in lines) + 16) / 2
    y = 1 - 64 / HEIGHT
    out = []
    for name, words, width, colour, point, thick in lines:
        left, right = at / WIDTH, (at + 28) / WIDTH
        bold = f"{{/:Bold {words}}}" if name == "apimgate" else words
        out += [f"set arrow from screen {left:.4f},{y:.4f} to screen {right:.4f},{y:.4f} "
                f"nohead lw {thick} lc rgb '{colour}'",
                f"set label '' at screen {(left + right) / 2:.4f},{y:.4f} "
                f"point pt {point} ps 0.8 lc rgb '{colour}'",
                f"set label \"{bold}\" at screen {right + 6 / WIDTH:.4f},{y:.4f} left "
                f"tc rgb '{INK}'"]
        at += width + 44
    return "\n".join(out)


def floors(document, table):
    """What the floor costs by itself, in words."""
    found = [r["ns"]["median"] for r in document["results"]
             if (r["table"], r["contestant"]) == (table, "floor") and "ns" in r]
    return f"{min(found):.0f} to {max(found):.0f} ns" if found else "not measured"


def heading(document):
    """Title, legend and what it was measured on; drawn with the first panel."""
    machine, options = document["machine"], document["options"]
    refused, allowed = (floors(document, table) for table in ("flood", "allowed"))
    present = {r["contestant"] for r in document["results"] if "above_floor_ns" in r}
    kernel = ".".join(machine["kernel"].split(".")[:2])
    feet = (f"{machine['processor']}, Linux {kernel}, one core, veth, native XDP. "
            f"Median of {options['rounds']} rounds; bars from the least to the greatest.",
            "The floor, an XDP program that looks at nothing, and making the packet: "
            f"{refused} where refused, {allowed} where allowed.")
    feet = [re.sub(r'["\\{}_^@&~]', " ", foot) for foot in feet]
    return (f"set label \"{{/:Bold=18 {TITLE}}}\" at screen 0.5,{1 - 26 / HEIGHT:.4f} "
            f"center tc rgb '{INK}'\n{legend(present)}\n" +
            "".join(f"set label \"{foot}\" at screen 0.5,{(30 - 16 * line) / HEIGHT:.4f} "
                      f"center tc rgb '{PALE}' font '{FONT},12'\n"
                      for line, foot in enumerate(feet)))


def numbers(points, others, limits):
    """The figures of one line, written at its points."""
    out = []
    for point, side in zip(points, beside(points, others)):
        at = min(max(point[1], limits[0]), limits[1])
        out.append(f"set label \"{{/:Bold {point[1]:,.0f}}}\" at {point[0]},{at:.2f} center front "
                   f"offset 0,{1.0 * side} tc rgb '{NUMBERS}' font '{FONT},12'\n")
    return "".join(out)


def panel(document, number, limits, sizes):
    """One of the four."""
    table, family, title = PANELS[number]
    blocks, plots, labels = [], [], ""
    for name, _, _, colour, point, thick in LINES:
        points = series(document, table, family, name)
        if not points:
            continue
        block = f"${name.replace('-', '_')}{number}"
        blocks.append(f"{block} << END\n{rows(points, limits[0])}END\n")
        plots += [f"{block} using 1:3:(0):($4-$3) with vectors nohead lw 1.2 lc rgb '{colour}'",
                  f"{block} using 1:2 with linespoints pt {point} ps 0.8 lw {thick} "
                  f"lc rgb '{colour}'"]
        if name == "apimgate":
            labels = numbers(points, [p for other in LINES if other[0] != name for p in
                                      series(document, table, family, other[0])], limits)
    left, bottom = 0.08 + number % 2 * 0.485, 0.54 - number // 2 * 0.415
    xtics = ", ".join(f'"{short(n)}" {n}' for n in sizes)
    return "".join(blocks) + labels + f"""
set lmargin at screen {left:.4f}
set rmargin at screen {left + 0.425:.4f}
set bmargin at screen {bottom:.4f}
set tmargin at screen {bottom + 0.325:.4f}
set title "{{/:Bold {title}}}" offset 0,-0.5 tc rgb '{INK}'
set xrange [{sizes[0] / 1.6:.2f}:{sizes[-1] * 1.6:.2f}]
set yrange [{limits[0]:.4f}:{limits[1]:.4f}]
set xtics ({xtics})
set ytics ({ticks(*limits)})
set xlabel "{'prefixes on the list' if number > 1 else ''}" offset 0,0.3
set ylabel "{'' if number % 2 else 'ns a packet, above the floor'}" offset 1.5,0
plot {", ".join(plots) or "NaN"}
unset label
unset arrow
"""


def script(document):
    """All that gnuplot needs to know."""
    limits = axis(document)
    sizes = sorted({r["prefixes"] for r in document["results"]})
    return f"""
set terminal svg size {WIDTH},{HEIGHT} enhanced font '{FONT},13' background rgb '#ffffff'
set encoding utf8
unset key
set logscale xy
set border 3 lc rgb '{PALE}'
set tics nomirror out scale 0.5 textcolor rgb '{INK}'
set xlabel tc rgb '{INK}'
set ylabel tc rgb '{INK}'
set grid xtics ytics lt 1 lw 0.6 lc rgb '#e4e7eb'
set multiplot
{heading(document)}
""" + "".join(panel(document, number, limits, sizes) for number in range(len(PANELS)))


def slim(element, inherited):
    """Leaves out what says nothing: empty groups, and attributes that have their value anyway."""
    attributes = element.attrib
    attributes.pop("class", None)
    for name, value in list(attributes.items()):
        attributes[name] = value = re.sub(r"(\d\.\d)\d+", r"\1", value).strip()
        if inherited.get(name) == value:
            del attributes[name]
    inner = {**inherited, **{n: v for n, v in attributes.items() if n in INHERITED}}
    kept = []
    for child in list(element):
        tag = child.tag.rpartition("}")[2]
        if tag != "defs":
            slim(child, inner)
        if tag in ("desc", "script") or tag in ("g", "text") and not len(child) and not child.text:
            continue
        kept += list(child) if tag == "g" and not child.attrib else [child]
    element[:] = kept
    if len(kept) == 1 and kept[0].tag.endswith("}tspan") and not kept[0].attrib:
        element.text = kept[0].text
        element[:] = []
    for text in ("text", "tail"):
        if not (getattr(element, text) or "").strip():
            setattr(element, text, None)


def drop_unused(root):
    """Leaves out the symbols that nothing refers to."""
    defs = root.find(".//{*}defs")
    link = f"{{{SPACES['xlink']}}}href"
    used = {e.get(link)[1:] for e in root.iter() if e.get(link) and e not in list(defs)}
    for symbol in reversed(list(defs)):
        if symbol.get("id") not in used:
            defs.remove(symbol)
        elif symbol.get(link):
            used.add(symbol.get(link)[1:])


def halo(root):
    """Numbers stay legible where they stand on a line."""
    colour = tuple(int(NUMBERS[i:i + 2], 16) for i in (1, 3, 5))
    for group in root.iter(f"{{{SPACES['']}}}g"):
        if group.get("fill") == f"rgb({','.join(map(str, colour))})":
            group.attrib.update({"paint-order": "stroke", "stroke": "#ffffff",
                                 "stroke-width": "2.5"})


def draw(document):
    """The picture: the same results, the same file, whatever the version of gnuplot is called."""
    try:
        done = subprocess.run(["gnuplot"], input=script(document), capture_output=True, text=True,
                              check=False)
    except FileNotFoundError as error:
        raise PlotError("gnuplot is not installed; scripts/setup installs it") from error
    if done.returncode or "</svg>" not in done.stdout:
        raise PlotError(f"gnuplot: {done.stderr.strip() or 'it drew nothing'}")
    for prefix, space in SPACES.items():
        tree.register_namespace(prefix, space)
    root = tree.fromstring(done.stdout)
    for group in root.iter(f"{{{SPACES['']}}}g"):
        group.attrib.pop("id", None)
    slim(root, INHERITED)
    root.attrib.update(INHERITED)
    drop_unused(root)
    halo(root)
    root.find("{*}title").text = TITLE
    tree.indent(root, "")
    return tree.tostring(root, encoding="unicode") + "\n"


def main(argv):
    """The command."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench-plot", description="Draws the results of scripts/bench --json.")
    parser.add_argument("results", metavar="RESULTS")
    parser.add_argument("picture", metavar="SVG")
    o = parser.parse_args(argv)
    with open(o.results, encoding="utf-8") as results:
        svg = draw(json.load(results))
    with open(o.picture, "w", encoding="utf-8") as picture:
        picture.write(svg)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (PlotError, OSError, ValueError, KeyError) as problem:
        print(f"scripts/bench-plot: {problem}", file=sys.stderr)
        sys.exit(1)
