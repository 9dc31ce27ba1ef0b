# SPDX-License-Identifier: Apache-2.0
"""Holds the gate's cost against the recorded one (--check), and records it (--record)."""

import argparse
import json
import os
import sys

import bench
import compare
from common import sizes, write_json
from system import CommandError, describe_machine

HERE = os.path.dirname(os.path.abspath(__file__))
RECORDED = os.path.join(HERE, "recorded.json")
LONGEST = 100000	# the longest list that is checked unless asked: a million takes its time


def parse_arguments(argv):
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench --check", description="Measures the gate and the floors only, and "
        "compares the ratios with the recorded ones. Exits with 1 if a cell has lost more than "
        "the limit, twice; with 77 if the machine is another, or too noisy to tell.")
    parser.add_argument("--recorded", metavar="FILE", default=RECORDED,
                        help="compare with that (tests/bench/recorded.json)")
    parser.add_argument("--limit", type=float, default=compare.LIMIT, metavar="PERCENT",
                        help=f"the greatest loss ({compare.LIMIT:g})")
    parser.add_argument("--force", action="store_true",
                        help="a verdict, even if the machine is not like the recorded one")
    parser.add_argument("--sizes", type=sizes, metavar="N,...",
                        help=f"prefix counts (all recorded up to {LONGEST})")
    parser.add_argument("--rounds", type=int, default=5, metavar="N",
                        help="visits to each contestant (5; three times that for a second look)")
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)), metavar="N",
                        help="the core that does all the work (the last)")
    return parser.parse_args(argv)


def load(path):
    """A JSON document from a file."""
    try:
        with open(path, encoding="utf-8") as document:
            return json.load(document)
    except ValueError as error:
        raise compare.CompareError(f"{path}: {error}") from error


def measuring_options(o, recorded):
    """The benchmark's options that make its figures comparable with the recorded ones."""
    sizes = o.sizes or sorted({c["prefixes"] for c in recorded["cells"]
                               if c["prefixes"] <= LONGEST})
    return bench.parse_arguments([
        "--only", f"{compare.GATE},{compare.CONTROL}",
        "--sizes", ",".join(map(str, sizes)), "--rounds", str(o.rounds), "--cpu", str(o.cpu),
        "--frames", str(recorded["options"]["frames"]),
        "--seed", str(recorded["options"]["seed"])])


def measure_again(cells, options, recorded, limit):
    """A longer look at some cells, one after the other."""
    rows = []
    for family, table, prefixes in cells:
        longer = argparse.Namespace(**{**vars(options), "families": [str(family)],
                                       "tables": [table], "sizes": [prefixes],
                                       "rounds": 3 * options.rounds})
        print(f"{compare.title((family, table, prefixes))}: measured again, "
              f"with {longer.rounds} rounds", flush=True)
        rows += compare.compare(recorded, bench.measure_all(longer)[1], limit)
    return rows


def check(argv):
    """Measures and compares; returns the exit status."""
    o = parse_arguments(argv)
    recorded = load(o.recorded)
    options = measuring_options(o, recorded)
    reasons = compare.differences(recorded["machine"], describe_machine(o.cpu))
    print(f"The gate's cost to the floor's, beside that of {recorded['date']} "
          f"(commit {recorded['commit']}).", flush=True)
    for reason in reasons:
        print(f"Not the machine that was recorded: {reason}.")
    rows = compare.compare(recorded, bench.measure_all(options)[1], o.limit)
    again = compare.doubtful(rows)
    if again:
        print(compare.table(rows) + "\n", flush=True)
        rows = compare.replace(rows, measure_again(again, options, recorded, o.limit))
    binding = [] if o.force else reasons
    print(compare.table(rows))
    if binding:
        print("skip: ratios of unlike machines differ by themselves; this is advice "
              "(--force makes it a verdict).")
    if any(row["state"] == "noisy" for row in rows):
        print("skip: where the state is noisy, even the floor differs too much from itself.")
    print(compare.summary(rows, binding))
    return compare.verdict(rows, binding)


def keep(argv):
    """Records a full run."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench --record", description="Keeps the gate's ratios of a full run, "
        "as written by scripts/bench --json, as those to compare with.")
    parser.add_argument("results", metavar="RESULTS")
    parser.add_argument("recorded", metavar="FILE", nargs="?", default=RECORDED)
    o = parser.parse_args(argv)
    try:
        write_json(o.recorded, compare.record(load(o.results)))
    except compare.CompareError as error:
        raise compare.CompareError(f"{o.results} is not recorded: {error}") from error
    return 0


if __name__ == "__main__":
    try:
        sys.exit({"--check": check, "--record": keep}[sys.argv[1]](sys.argv[2:]))
    except (CommandError, compare.CompareError, OSError) as problem:
        print(f"scripts/bench: {problem}", file=sys.stderr)
        sys.exit(1)
