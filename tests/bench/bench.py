# SPDX-License-Identifier: Apache-2.0
"""Measures what the gate costs a packet, beside what others cost; started by scripts/bench."""

import argparse
import os
import random
import sys
import tempfile
import time

import contestants
import measure
import prefixes
import report
from common import (Progress, add_families, add_frames, add_place, choice_list, finish_frames,
                    finish_place, leave_core, leave_on_signals, options_document, sizes,
                    write_json)
from system import CommandError, Network, describe_build, describe_machine, let_workers_finish

PROBE_FRAMES = 1 << 12
FRAMES = 1 << 19		# a visit
TABLES = ("flood", "allowed", "near")
NAMES = [c.name for c in contestants.ALL]


def parse_arguments(argv):
    """The command line, with defaults filled in."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures nanoseconds a packet of the gate, beside its "
        "floor, a kernel LPM trie, xdp-filter, nftables and ipset. Needs root.",
        epilog="Other things, each with a --help of its own: scripts/bench --nginx measures a "
        "request to a real nginx behind the gate; --check compares with what is recorded; "
        "--record records. scripts/bench-plot draws. See tests/bench/README.md.")
    parser.add_argument("--sizes", type=sizes, metavar="N,...",
                        help="prefix counts (20,1000,10000,100000,1000000)")
    parser.add_argument("--list", metavar="FILE",
                        help="measure with this list, one prefix a line, instead of made-up ones")
    add_families(parser)
    parser.add_argument("--tables", type=choice_list(TABLES), default=["flood", "allowed"],
                        metavar="TABLE,...", help=", ".join(TABLES) + " (flood,allowed)")
    parser.add_argument("--only", type=choice_list(NAMES), metavar="NAME,...",
                        help="contestants: " + ", ".join(NAMES) + "; the floor always takes part")
    add_frames(parser, "each contestant", FRAMES)
    add_place(parser, "does all the work", "the lists and the sources")
    o = parser.parse_args(argv)
    o.sizes = o.sizes or ([20, 1000] if o.quick else [20, 1000, 10000, 100000, 1000000])
    finish_frames(parser, o, FRAMES)
    finish_place(parser, o)
    return o


class Bench:
    """A whole run."""

    def __init__(self, options, net, build, directory):
        self.o = options
        self.net = net
        self.directory = directory
        self.progress = Progress()
        self.results = []
        self.loads = []
        self.failed = False
        self.generator = measure.Generator(os.path.join(build, "bench", "generator"), net,
                                           options.cpu)
        contestants.Apimgate.binary = os.path.join(build, "apimgate")
        gates = contestants.gates_runner(os.path.join(build, "bench", "gates"))
        self.contestants = [c(net, gates) for c in contestants.ALL
                            if not options.only or c.name in options.only or c.name == "floor"]
        self.absent = {c.name: c.missing() for c in self.contestants if c.missing()}

    def note_absent(self):
        """Says who cannot take part; fails if one was asked for by name."""
        for name, why in self.absent.items():
            self.progress.note(f"{name} is left out: {why}")
            self.failed = self.failed or bool(self.o.only)

    def lists(self, family):
        """The lists to measure with."""
        if self.o.list:
            found = prefixes.read(self.o.list)[family]
            return [found] if found else []
        return [prefixes.generate(family, size, self.o.seed) for size in self.o.sizes]

    def fail(self, contestant, cell, error):
        """Notes that a contestant has no figure here, and why."""
        self.failed = True
        self.progress.note(f"{contestant.title}, IPv{cell.family}, {cell.size} prefixes: {error}")
        return {"state": "ERROR", "error": str(error)}

    def prepare(self, cell):
        """Sets all up; returns those that are, and the state of those that are not."""
        ready, states = [], {}
        for c in self.contestants:
            if c.name in self.absent:
                states[c.name] = {"state": "absent"}
                continue
            if c.limit and cell.size > c.limit:
                states[c.name] = {"state": "-"}
                continue
            self.progress.say(f"IPv{cell.family}, {cell.size} prefixes: loading {c.title}")
            # Taken down even if setting it up failed half-way.
            ready.append(c)
            try:
                c.load = None
                c.setup(cell)
                if c.load:
                    self.loads.append((cell.family, cell.size, c.title, c.load))
            except (CommandError, ValueError) as error:
                states[c.name] = self.fail(c, cell, error)
        return ready, states

    def arm(self, ready, states, cell, table):
        """Arms all for a table, and proves each with a few frames before it is timed."""
        for c in ready:
            if c.name in states:
                continue
            try:
                c.arm(table)
                if c.rx.xdp_mode() != c.hook:
                    raise CommandError(f"XDP mode is {c.rx.xdp_mode()}, not {c.hook}")
                # A gate that drops everything would win a flood, so it must also pass the list.
                for probe in {table, "allowed", "flood"} if c.discriminates else {table}:
                    self.generator.visit(c, cell, probe, PROBE_FRAMES, self.o.seed)
            except (CommandError, measure.WrongVerdict, ValueError, KeyError) as error:
                states[c.name] = self.fail(c, cell, error)

    def round(self, number, ready, states, visits, cell, table):
        """Visits every contestant once. The order turns, so that none is always after the same."""
        seed = random.Random(f"{self.o.seed}/{cell.family}/{cell.size}/{table}/{number}")
        seed = seed.randrange(1, 1 << 63)
        turn = number % len(ready)
        for c in ready[turn:] + ready[:turn]:
            if c.name in states:
                continue
            self.progress.say(f"IPv{cell.family}, {cell.size} prefixes, {table}: round "
                              f"{number + 1} of {self.o.rounds}, {c.title}")
            try:
                visit = self.generator.visit(c, cell, table, self.o.frames, seed)
                visits.setdefault(c.name, []).append(visit)
            except (CommandError, measure.WrongVerdict, ValueError, KeyError) as error:
                states[c.name] = self.fail(c, cell, error)

    def measure_table(self, ready, states, cell, table):
        """All rounds of one table for one cell."""
        states, visits = dict(states), {}
        self.arm(ready, states, cell, table)
        for number in range(self.o.rounds):
            if "floor" not in states:
                self.round(number, ready, states, visits, cell, table)
        for c in self.contestants:
            result = states.get(c.name)
            if not result:
                result = ({"state": "no floor"} if "floor" in states else
                          measure.summarise(visits[c.name], visits["floor"]))
            self.results.append({"family": cell.family, "prefixes": cell.size, "table": table,
                                 "contestant": c.name, **result})

    def measure_cell(self, cell):
        """All tables for one family and list."""
        ready, states = self.prepare(cell)
        try:
            for table in self.o.tables:
                self.measure_table(ready, states, cell, table)
        finally:
            for c in ready:
                try:
                    c.teardown()
                except CommandError as error:
                    if c.name not in states:
                        self.fail(c, cell, error)
            let_workers_finish()

    def run(self):
        """Everything."""
        self.note_absent()
        for family in map(int, self.o.families):
            for listed in self.lists(family):
                where = os.path.join(self.directory, f"{family}-{len(listed)}")
                self.measure_cell(contestants.Cell(family, listed, where))
        self.progress.say("")

    def text(self):
        """The report."""
        parts = []
        for family in map(int, self.o.families):
            for table in self.o.tables:
                rows = {}
                for r in self.results:
                    if (r["family"], r["table"]) == (family, table):
                        rows.setdefault(r["prefixes"], {})[r["contestant"]] = r
                if rows:
                    parts.append(report.table_text(table, family, rows.items(),
                                                   self.contestants))
        if self.loads:
            parts.append(report.loads_text(self.loads))
        parts.append("".join(f"{n}: {v}\n" for n, v in self.versions().items()))
        return "\n".join(parts)

    def versions(self):
        """What exactly was measured, of those contestants that are not ours alone."""
        found = {}
        for c in self.contestants:
            if c.name not in self.absent:
                try:
                    found[c.name] = c.version()
                except (CommandError, IndexError):
                    found[c.name] = "unknown"
        return {name: version for name, version in found.items() if version}

    def document(self, machine, seconds):
        """The same for programs."""
        return {
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "commit": describe_build(os.environ["BENCH_ROOT"]),
            "machine": machine,
            "options": options_document(self.o),
            "seconds": round(seconds, 1),
            "versions": self.versions(),
            "absent": self.absent,
            "results": self.results,
            "loads": [{"family": f, "prefixes": n, "contestant": t, **load}
                      for f, n, t, load in self.loads],
        }


def measure_all(options):
    """Runs it all; returns the text, the document, and whether a figure is missing."""
    leave_on_signals()
    leave_core(options.cpu)
    machine = describe_machine(options.cpu)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="apimgate-bench-") as directory, \
            Network(os.environ["BENCH_PREFIX"]) as net:
        bench = Bench(options, net, os.environ["BENCH_BUILD"], directory)
        bench.run()
        document = bench.document(machine, time.monotonic() - start)
        return bench.text(), document, bench.failed


def main(argv):
    """The exit status is 1 if any figure is missing that should be there."""
    options = parse_arguments(argv)
    print(report.machine_text(describe_machine(options.cpu)) + "\n" + report.LEGEND + "\n",
          flush=True)
    text, document, failed = measure_all(options)
    print(text, flush=True)
    if options.json:
        write_json(options.json, document)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (CommandError, prefixes.PrefixError, OSError) as problem:
        print(f"scripts/bench: {problem}", file=sys.stderr)
        sys.exit(1)
