# SPDX-License-Identifier: Apache-2.0
"""Measures whether a packet costs more with more services and destinations; started by
scripts/bench-classify."""

import argparse
import ipaddress
import json
import os
import random
import sys
import tempfile
import time

import contestants
import measure
import prefixes
import report
from common import (Progress, add_families, add_frames, add_place, choice_list, counts,
                    finish_frames, finish_place, leave_core, leave_on_signals, options_document,
                    sizes, write_json)
from system import CommandError, Network, describe_machine, run

TABLES = ("flood", "allowed")
TARGETS = 1 << 14		# different destinations that frames go to in turn
FIRST_PORT = 10000		# of the first service: a range of ports and a single one
PORTS = 50
SINGLE_PORT = 30000
MOST_SERVICES = 64
MOST_TO = 1000
FRAMES = 1 << 18		# a visit


def parse_arguments(argv):
    """The command line, with defaults filled in."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench-classify", description="Measures nanoseconds a packet for gates with "
        "different numbers of services, and of destination prefixes in them. Needs root.")
    parser.add_argument("--services", type=sizes, metavar="N,...",
                        help=f"numbers of services, {MOST_SERVICES} at most (1,4,16,64)")
    parser.add_argument("--to", type=counts, metavar="N,...", help="numbers of destination "
                        f"prefixes in all of them, {MOST_TO} at most (0,10,100,1000)")
    parser.add_argument("--prefixes", type=int, default=1000, metavar="N",
                        help="sources that the services admit (1000)")
    add_families(parser)
    parser.add_argument("--tables", type=choice_list(TABLES), default=list(TABLES),
                        metavar="TABLE,...", help=", ".join(TABLES) + " (both)")
    add_frames(parser, "each gate", FRAMES)
    add_place(parser, "does all the work", "lists, sources and destinations")
    o = parser.parse_args(argv)
    o.services = o.services or ([1, 64] if o.quick else [1, 4, 16, 64])
    o.to = o.to if o.to is not None else [0, 1000] if o.quick else [0, 10, 100, 1000]
    finish_frames(parser, o, FRAMES)
    finish_place(parser, o)
    if max(o.services) > MOST_SERVICES or max(o.to) > MOST_TO:
        parser.error(f"--services are {MOST_SERVICES} and --to {MOST_TO} at most")
    return o


class Service:
    """One service: two ranges of ports of its own, and its share of the destinations."""

    def __init__(self, number, to):
        self.name = f"s{number}"
        self.first = FIRST_PORT + number * PORTS
        self.single = SINGLE_PORT + number
        self.to = to

    def words(self, family):
        """How it is added."""
        to = ",".join(prefixes.text(family, p) for p in self.to)
        return ["service", "add", self.name, "proto", "tcp", "port",
                f"{self.first}-{self.first + PORTS - 1},{self.single}",
                *(["to", to] if to else []), "from", contestants.SET]

    def target(self, family, rng):
        """Some address and port that it covers."""
        bits = prefixes.BITS[family]
        port = rng.choice((self.single, rng.randrange(self.first, self.first + PORTS)))
        if self.to:
            first, length = rng.choice(self.to)
            address = first + rng.randrange(1 << (bits - length))
        else:
            address = rng.randrange(*prefixes.SPACE[family])
        make = ipaddress.IPv6Address if family == 6 else ipaddress.IPv4Address
        return f"{make(address)} {port}\n"


def make_services(family, count, to_count, seed):
    """Services that share the destinations; with fewer destinations than services, the rest have
    none of their own and cover every address."""
    to = prefixes.generate(family, to_count, seed + 1) if to_count else []
    return [Service(number, to[number::count]) for number in range(count)]


def write_targets(path, family, services, seed):
    """A file of destinations: any service with equal chance, then any port and address of it."""
    rng = random.Random(f"{seed}/{path}")
    with open(path, "w", encoding="ascii") as out:
        out.writelines(rng.choice(services).target(family, rng) for _ in range(TARGETS))


class Gate(contestants.Apimgate):
    """The gate with so many services and destinations."""

    def __init__(self, net, services, to, seed):
        super().__init__(net, None)
        self.name = f"s{services}t{to}"
        self.title = f"{services} services, {to} destinations"
        self.service_count = services
        self.to_count = to
        self.seed = seed

    def start(self, cell):
        services = make_services(cell.family, self.service_count, self.to_count, self.seed)
        where = os.path.join(cell.directory, self.name)
        self.pins = os.path.join(contestants.BPFFS, f"classify-{cell.family}-{self.name}")
        self.state = os.path.join(where, "state")
        self.targets = os.path.join(where, "targets")
        os.makedirs(self.pins)
        os.makedirs(self.state, mode=0o700)
        write_targets(self.targets, cell.family, services, self.seed)
        script = os.path.join(where, "script")
        with open(script, "w", encoding="ascii") as out:
            out.write(f"set add {contestants.SET}\n"
                      f"allow load file {cell.file('listed')} set {contestants.SET}\n")
            out.writelines(" ".join(service.words(cell.family)) + "\n" for service in services)
        self.cli("batch", "file", script, "atomic")
        self.cli("link", "attach", "dev", self.rx.dev, "mode", "native", "force")

    def stats(self):
        """What it counts."""
        return json.loads(self.cli("stats", "show", "-j"))

    def counts(self):
        """Frames that were to no service count as neither, so they are found out."""
        stats = self.stats()
        return {"dropped": contestants.find_counter(stats, "not-allowed"),
                "passed": contestants.find_counter(stats, "allowed")}

    def by_service(self):
        """{service: frames}"""
        return {s["name"]: s["pass_packets"] + s["drop_packets"]
                for s in self.stats()["services"]}


class Bench:
    """A whole run."""

    PROBE_FRAMES = 1 << 14

    def __init__(self, options, net, build, directory):
        self.o = options
        self.net = net
        self.directory = directory
        self.progress = Progress()
        self.results = []
        self.failed = False
        self.generator = measure.Generator(os.path.join(build, "bench", "generator"), net,
                                           options.cpu)
        contestants.Apimgate.binary = os.path.join(build, "apimgate")
        run_gates = contestants.gates_runner(os.path.join(build, "bench", "gates"))
        self.floors = [contestants.Floor(net, run_gates), contestants.FloorAgain(net, run_gates)]
        self.gates = [Gate(net, services, to, options.seed)
                      for services in options.services for to in options.to]

    def prove(self, gate, cell, table):
        """A few frames before it is timed: as many as were sent must be counted by services, and
        none of these may be left out."""
        before = gate.by_service()
        self.generator.visit(gate, cell, table, self.PROBE_FRAMES, self.o.seed)
        after = gate.by_service()
        if len(after) != gate.service_count:
            raise measure.WrongVerdict(f"it has {len(after)} services")
        for name, number in after.items():
            if number == before.get(name, 0):
                raise measure.WrongVerdict(f"no frame was counted for service {name}")

    def measure_table(self, cell, table):
        """All rounds of one table."""
        everyone = self.floors + self.gates
        for floor in self.floors:
            floor.arm(table)
            # The same work for the generator; where to is nothing to the floor.
            floor.targets = self.gates[-1].targets
        for gate in self.gates:
            self.prove(gate, cell, table)
        visits = {c.name: [] for c in everyone}
        for number in range(self.o.rounds):
            seed = random.Random(f"{self.o.seed}/{cell.family}/{table}/{number}")
            seed = seed.randrange(1, 1 << 63)
            turn = number % len(everyone)
            for c in everyone[turn:] + everyone[:turn]:
                self.progress.say(f"IPv{cell.family}, {table}: round {number + 1} of "
                                  f"{self.o.rounds}, {c.title}")
                visits[c.name].append(self.generator.visit(c, cell, table, self.o.frames, seed))
        for c in everyone:
            self.results.append({
                "family": cell.family, "table": table, "gate": c.name,
                "services": getattr(c, "service_count", None), "to": getattr(c, "to_count", None),
                **measure.summarise(visits[c.name], visits["floor"])})

    def measure_family(self, family):
        """All tables of one family."""
        listed = prefixes.generate(family, self.o.prefixes, self.o.seed)
        cell = contestants.Cell(family, listed, os.path.join(self.directory, str(family)))
        set_up = []
        try:
            for c in self.floors + self.gates:
                self.progress.say(f"IPv{family}: setting up {c.title}")
                set_up.append(c)
                c.setup(cell)
            for table in self.o.tables:
                self.measure_table(cell, table)
        except (CommandError, measure.WrongVerdict, KeyError, ValueError) as error:
            self.failed = True
            self.progress.note(f"IPv{family}: {error}")
        finally:
            for c in set_up:
                c.teardown()

    def run(self):
        """Everything."""
        for family in map(int, self.o.families):
            self.measure_family(family)
        self.progress.say("")


LEGEND = """\
Nanoseconds a packet above the floor of the same round: median, and least and greatest of the
rounds. Frames go in turn to any port and destination of any service, all of which admit the same
sources. "floor again" is the floor on another device: the error of the method."""

TITLES = {
    "flood": "Flood of misses: random sources, dropped. Floor: count and XDP_DROP",
    "allowed": "Allowed traffic: sources from the list, passed. Floor: an empty program, XDP_PASS",
}


def table_text(family, table, results, o):
    """Services down, destinations across."""
    found = {r["gate"]: r for r in results if (r["family"], r["table"]) == (family, table)}
    if not found:
        return None

    def cell(name):
        above = found[name]["above_floor_ns"]
        return f"{above['median']:.1f} ({above['min']:.1f}-{above['max']:.1f})".rjust(22)

    lines = [f"IPv{family}. {TITLES[table]}: {found['floor']['ns']['median']:.1f} ns.", "",
             "services".rjust(11) + "".join(f"{to:,} destinations".rjust(22) for to in o.to)]
    lines += [f"{services:,}".rjust(11) + "".join(cell(f"s{services}t{to}") for to in o.to)
              for services in o.services]
    lines.append("floor again" + cell("again"))
    return "\n".join(lines) + "\n"


def text(bench):
    """All tables."""
    tables = [table_text(family, table, bench.results, bench.o)
              for family in map(int, bench.o.families) for table in bench.o.tables]
    return "\n".join(t for t in tables if t)


def main(argv):
    """The exit status is 1 if any figure is missing that should be there."""
    options = parse_arguments(argv)
    leave_on_signals()
    leave_core(options.cpu)
    machine = describe_machine(options.cpu)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="apimgate-bench-") as directory, \
            Network(os.environ["BENCH_PREFIX"]) as net:
        bench = Bench(options, net, os.environ["BENCH_BUILD"], directory)
        print(report.machine_text(machine) + "\n" + LEGEND + "\n", flush=True)
        bench.run()
        print(text(bench), flush=True)
        if options.json:
            document = {"machine": machine,
                        "options": options_document(options),
                        "seconds": round(time.monotonic() - start, 1),
                        "version": run(Gate.binary, "version").splitlines()[0],
                        "results": bench.results}
            write_json(options.json, document)
    return 1 if bench.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (CommandError, OSError) as problem:
        print(f"scripts/bench-classify: {problem}", file=sys.stderr)
        sys.exit(1)
