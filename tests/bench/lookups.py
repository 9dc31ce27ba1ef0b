# SPDX-License-Identifier: Apache-2.0
"""Nanoseconds, bytes and milliseconds of structures that a lookup of prefixes could use."""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import prefixes
import system

CANDIDATES = {
    "lpm": "the kernel's LPM trie (memory: without its inner nodes)",
    "stride8": "multibit trie, 8 bits a step, run-coded nodes, 16-bit root",
    "poptrie": "6 bits a step, two bitmaps a node, 16-bit root",
    "dir24": "DIR-24-8: 2^24 values, then blocks of 256",
    "hashlen": "hashing with a binary search on lengths",
    "gate": "the gate's own: fronts, buckets, root, lines, nodes",
    "front16": "only a bitmap of the first 16 bits",
    "front24": "only a bitmap of the first 24 bits",
    "fronthash": "only a bitmap of the hash of the first 32 bits",
}
KINDS = ("flood", "hit", "near")


def lists(options):
    """(name, family, prefixes) of all lists to be measured."""
    for family in options.families:
        for size in options.sizes:
            yield f"random {size:,}", family, prefixes.generate(family, size, options.seed)
    for path in options.list:
        for family, found in prefixes.read(path).items():
            if found and family in options.families:
                yield f"{os.path.basename(path)} {len(found):,}", family, found


def measure(options, name, family, found):
    """The results of one list."""
    with tempfile.NamedTemporaryFile("w", encoding="ascii") as file:
        prefixes.write(file.name, family, found)
        argv = ["taskset", "-c", str(options.cpu), options.program, str(family), file.name,
                str(options.rounds), *options.only]
        lines = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [{"list": name, **json.loads(line)} for line in lines.splitlines()]


def cells(row):
    """The figures of a row, as text."""
    costs = [f"{row[kind]['ns']:.0f}" for kind in KINDS]
    if row["candidate"].startswith("front"):
        costs[1:] = [f"{100 * row['flood']['found']:.1f} % pass", ""]
    return [row["candidate"], *costs, f"{row['bytes'] / row['prefixes']:,.0f}",
            f"{row['build_ms']:,.1f}"]


HEADINGS = ("", "flood", "hit", "near", "bytes a prefix", "build, ms")


def show(rows, markdown):
    """One list's table."""
    print(f"\nIPv{rows[0]['family']}, {rows[0]['list']} prefixes\n")
    table = [cells(row) for row in rows]
    if markdown:
        for line in (HEADINGS, ["---"] * len(HEADINGS), *table):
            print("| " + " | ".join(line) + " |")
        return
    for line in (HEADINGS, *table):
        print(f"{line[0]:>10}" + "".join(f"{cell:>16}" for cell in line[1:]))


def parse(argv):
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench-lookup", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Nanoseconds that a lookup takes above an empty program, by the kernel's clock "
        "in BPF_PROG_TEST_RUN: a different address each time, of 65,536. All answers are held "
        "against sorted intervals first.",
        epilog="candidates:\n" + "\n".join(f"  {name:10} {text}"
                                           for name, text in CANDIDATES.items()) +
        "\n\nstreams:\n  flood      random: all of IPv4; 2000::/3\n"
        "  hit        a random address of a random prefix\n"
        "  near       a random address of the /24 (IPv4) or /32 (IPv6) around one")
    parser.add_argument("--sizes", default="20,1000,10000,100000", metavar="N,...",
                        help="of random lists (%(default)s)")
    parser.add_argument("--families", default="4,6", metavar="4,6")
    parser.add_argument("--list", action="append", default=[], metavar="FILE",
                        help="a real list, a prefix a line; may be repeated")
    parser.add_argument("--only", default="", metavar="CANDIDATE,...")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cpu", type=int, default=os.cpu_count() - 1)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--json", metavar="FILE", help="write the results there too")
    parser.add_argument("--program", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    options.sizes = [int(size) for size in options.sizes.split(",") if size]
    options.families = [int(family) for family in options.families.split(",")]
    options.only = [name for name in options.only.split(",") if name]
    unknown = set(options.only) - set(CANDIDATES)
    if unknown:
        parser.error(f"no such candidate: {', '.join(sorted(unknown))}")
    return options


def main():
    """Measures list after list."""
    options = parse(sys.argv[1:])
    results = []
    for name, family, found in lists(options):
        rows = measure(options, name, family, found)
        show(rows, options.markdown)
        sys.stdout.flush()
        results += rows
    if options.json:
        with open(options.json, "w", encoding="ascii") as out:
            json.dump({"system": system.describe_machine(options.cpu), "results": results}, out, indent=1)


if __name__ == "__main__":
    try:
        main()
    except (prefixes.PrefixError, subprocess.CalledProcessError, OSError, ValueError) as error:
        sys.exit(f"scripts/bench-lookup: {error}")
