# SPDX-License-Identifier: Apache-2.0
"""Measures what a change of the list costs; started by scripts/bench-change."""

import argparse
import ipaddress
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import change_report
import contestants
import kernel_memory
import prefixes
from common import (Progress, add_families, add_place, finish_place, leave_on_signals,
                    options_document, sizes, write_json)
from system import CommandError, Network, describe_machine, run

SMALL = 20			# prefixes of the list that is changed from and to while stalls are watched
STALL_SIZES = 100000		# from this size on
SETTLE = 1.5			# seconds in which the kernel has freed what it was to free
LEAK_CHANGES = 10
# A prefix that is on no list: what is added, looked for and deleted.
EXTRA = {4: "192.0.2.128/26", 6: "2001:db8:0:1::/64"}


class Untrue(Exception):
    """A command that did not do what it was measured for."""


def parse_arguments(argv):
    """The command line, with defaults filled in."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench-change", description="Measures what a change of the list costs: "
        "processor time, wall clock and memory of the command, memory in the kernel, and for how "
        "long the kernel keeps a core from everything else. Needs root.")
    parser.add_argument("--sizes", type=sizes, metavar="N,...",
                        help="prefix counts (20,10000,100000,1000000)")
    add_families(parser)
    parser.add_argument("--tags", metavar="FILE",
                        help="a file of Azure's service tags: measure with a list of it, too")
    parser.add_argument("--tag", default="AzureCloud", metavar="NAME",
                        help="which one (AzureCloud)")
    parser.add_argument("--repeat", type=int, metavar="N",
                        help="how often each command is measured (5)")
    parser.add_argument("--no-stalls", action="store_true",
                        help="leave out how long the kernel is kept busy")
    add_place(parser, "the commands run on", "the lists")
    o = parser.parse_args(argv)
    o.sizes = o.sizes or ([20, 10000] if o.quick else [20, 10000, 100000, 1000000])
    o.repeat = o.repeat or (2 if o.quick else 5)
    if o.repeat < 1:
        parser.error("--repeat must be positive")
    finish_place(parser, o)
    return o


def read_tag(path, name):
    """The lists of one service tag, as {4: [...], 6: [...]}."""
    with open(path, encoding="utf-8") as text:
        values = json.load(text)["values"]
    tag = next((v for v in values if v["name"] == name), None)
    if not tag:
        raise prefixes.PrefixError(f"{path}: there is no service tag {name}")
    found = {4: {}, 6: {}}
    for written in tag["properties"]["addressPrefixes"]:
        net = ipaddress.ip_network(written)
        found[net.version][(int(net.network_address), net.prefixlen)] = None
    return {family: list(listed) for family, listed in found.items()}


class Gate(contestants.Apimgate):
    """The gate on a device of its own; every command to it says what it cost."""

    cost = None		# the program that measures one command
    cpu = 0

    def start(self, cell):
        self.pins = os.path.join(contestants.BPFFS, os.path.basename(cell.directory))
        self.state = os.path.join(cell.directory, "state")
        os.makedirs(self.pins)
        os.makedirs(self.state, mode=0o700)
        self.cli("set", "add", contestants.SET)
        self.cli("service", "add", "web", "proto", "tcp", "port", contestants.PORT, "from",
                 contestants.SET)
        self.cli("link", "attach", "dev", self.rx.dev, "mode", "native", "force")

    def change(self, *words):
        """Runs one command; returns its document, and what it cost."""
        printed = self.rx.run(self.cost, str(self.cpu), self.binary, "--json", "--pin-dir",
                              self.pins, "--state-dir", self.state, *words)
        document, cost = map(json.loads, printed.splitlines())
        cost["cpu_ms"] = cost["user_ms"] + cost["system_ms"]
        return document, cost

    def replace(self, path, count):
        """Makes the set hold the list; `force` only stands for a list that got smaller."""
        document, cost = self.change("allow", "load", "file", path, "set", contestants.SET,
                                     "force")
        if document.get("after") != count:
            raise Untrue(f"the set holds {document.get('after')} prefixes, not {count}")
        return cost

    def add(self, prefix):
        """Adds one prefix."""
        document, cost = self.change("allow", "add", prefix, "set", contestants.SET)
        if document.get("entry") != "added":
            raise Untrue(f"{prefix} was {document.get('entry')}, not added")
        return cost

    def delete(self, prefix):
        """Deletes it again."""
        document, cost = self.change("allow", "delete", prefix, "set", contestants.SET)
        if not document.get("changed") or document.get("sets") != [contestants.SET]:
            raise Untrue(f"{prefix} was not deleted")
        return cost

    def show(self, prefix):
        """Looks for it."""
        document, cost = self.change("allow", "show", "prefix", prefix)
        if prefix not in [entry["prefix"] for entry in document["allow"]]:
            raise Untrue(f"{prefix} is not shown")
        return cost


class StallWatch:
    """Watches all cores while its block runs; what it saw is in .cpus then."""

    program = None

    def __init__(self):
        self.process = None
        self.cpus = {}

    def __enter__(self):
        self.process = subprocess.Popen([self.program], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            self.process.kill()
            self.process.communicate()
            raise CommandError("stall: does not start")
        return self

    def __exit__(self, *_):
        printed = self.process.communicate()[0]
        if self.process.returncode == 0:
            self.cpus = {cpu["cpu"]: cpu for cpu in json.loads(printed)["cpus"]}


def summarise(costs):
    """Median, least and greatest of everything that was measured."""
    result = {}
    for what in ("cpu_ms", "wall_ms", "peak_kib"):
        values = [cost[what] for cost in costs]
        result[what] = {"median": round(statistics.median(values), 3),
                        "min": round(min(values), 3), "max": round(max(values), 3)}
    return result


class Bench:
    """A whole run."""

    def __init__(self, options, net, build, directory):
        self.o = options
        self.net = net
        self.directory = directory
        self.progress = Progress()
        self.changes = []
        self.stalls = []
        self.failed = False
        contestants.Apimgate.binary = os.path.join(build, "apimgate")
        Gate.cost = os.path.join(build, "bench", "cost")
        Gate.cpu = options.cpu
        StallWatch.program = os.path.join(build, "bench", "stall")
        self.gates = contestants.gates_runner(os.path.join(build, "bench", "gates"))

    def cells(self):
        """All lists to measure with, each made when it is its turn."""
        tags = read_tag(self.o.tags, self.o.tag) if self.o.tags else {4: [], 6: []}
        for family in map(int, self.o.families):
            for size in self.o.sizes:
                self.progress.say(f"IPv{family}: making up {size} prefixes")
                yield self.cell(family, "random", prefixes.generate(family, size, self.o.seed))
            if tags[family]:
                yield self.cell(family, self.o.tag, tags[family])

    def cell(self, family, name, listed):
        """A cell, which knows where its list is from."""
        where = os.path.join(self.directory, f"change-{family}-{len(listed)}-{name}")
        cell = contestants.Cell(family, listed, where)
        cell.name = name
        return cell

    def fail(self, cell, error):
        """Notes what went wrong."""
        self.failed = True
        self.progress.note(f"IPv{cell.family}, {cell.size} prefixes ({cell.name}): {error}")
        return str(error)

    def measure_commands(self, gate, cell):
        """What each command costs. The first load of all is no better or worse than the others."""
        nothing = os.path.join(cell.directory, "nothing")
        with open(nothing, "w", encoding="ascii"):
            pass
        extra = EXTRA[cell.family]
        costs = {"load": [], "add": [], "show": [], "delete": []}
        for number in range(self.o.repeat):
            self.progress.say(f"IPv{cell.family}, {cell.size} prefixes ({cell.name}): "
                              f"{number + 1} of {self.o.repeat}")
            if number:
                gate.replace(nothing, 0)
            costs["load"].append(gate.replace(cell.file("listed"), cell.size))
            costs["add"].append(gate.add(extra))
            costs["show"].append(gate.show(extra))
            costs["delete"].append(gate.delete(extra))
        return {command: summarise(list_) for command, list_ in costs.items()}

    def measure_memory(self, gate, empty):
        """What the list takes in the kernel, as the gate and as the kernel say."""
        stats = json.loads(gate.cli("stats", "show", "-j"))["gate"]
        loaded = kernel_memory.read(gate.pins)
        return {"lookup_bytes": stats["lookup_bytes"], "kernel_bytes": stats["kernel_bytes"],
                "bytes_per_prefix": round(stats["bytes_per_prefix"], 2),
                "maps_bytes_empty": empty.maps_bytes, "maps_bytes": loaded.maps_bytes,
                "maps": len(loaded.maps)}

    def find_leak(self, gate, cell, kernel_bytes):
        """Changes the list to and fro: the kernel must hold the same memory as before."""
        extra = EXTRA[cell.family]
        # The first change may still make the hit counters grow.
        gate.add(extra)
        gate.delete(extra)
        before = kernel_memory.read_settled(gate.pins)
        seen = set(before.maps)
        for change in (gate.add, gate.delete) * (LEAK_CHANGES // 2):
            change(extra)
            seen |= kernel_memory.pinned_maps(gate.pins).keys()
        after = kernel_memory.wait_until(
            gate.pins, lambda now: not kernel_memory.leak(before, now, seen, kernel_bytes))
        why = kernel_memory.leak(before, after, seen, kernel_bytes)
        return {"changes": LEAK_CHANGES, "before": before.document(), "after": after.document(),
                "leak": self.fail(cell, why) if why else None}

    def watch(self, family, size, what, *action):
        """Adds how long cores were kept busy while the action ran and its traces were removed."""
        with StallWatch() as watch:
            if action:
                function, *arguments = action
                function(*arguments)
            time.sleep(SETTLE)
        if not watch.cpus:
            raise CommandError("stall: failed")
        self.stalls.append({"family": family, "prefixes": size, "what": what,
                            "cpus": list(watch.cpus.values())})

    def watch_gate(self, gate, cell):
        """From a small list to this one and back."""
        small = os.path.join(cell.directory, "small")
        prefixes.write(small, cell.family, cell.list("listed")[:SMALL])
        for number in range(self.o.repeat):
            self.progress.say(f"IPv{cell.family}, {cell.size} prefixes: stalls, {number + 1} of "
                              f"{self.o.repeat}")
            gate.replace(small, SMALL)
            time.sleep(SETTLE)
            self.watch(cell.family, cell.size, "idle")
            self.watch(cell.family, cell.size, "load", gate.replace, cell.file("listed"), cell.size)
            self.watch(cell.family, cell.size, "add", gate.add, EXTRA[cell.family])
            self.watch(cell.family, cell.size, "free", gate.replace, small, SMALL)

    def watch_lpm(self, cell):
        """The kernel's own trie goes."""
        lpm = contestants.Lpm(self.net, self.gates)
        for _ in range(min(self.o.repeat, 2)):
            self.progress.say(f"IPv{cell.family}, {cell.size} prefixes: stalls, LPM trie")
            lpm.setup(cell)
            time.sleep(SETTLE)
            self.watch(cell.family, cell.size, "lpm free", lpm.teardown)

    def measure_cell(self, cell):
        """Everything about one list."""
        gate = Gate(self.net, self.gates)
        result = {"family": cell.family, "list": cell.name, "prefixes": cell.size}
        stalls = cell.size >= STALL_SIZES and not self.o.no_stalls
        try:
            gate.setup(cell)
            empty = kernel_memory.read(gate.pins)
            result["commands"] = self.measure_commands(gate, cell)
            result["memory"] = self.measure_memory(gate, empty)
            result["leak"] = self.find_leak(gate, cell, result["memory"]["kernel_bytes"])
            if stalls:
                self.watch_gate(gate, cell)
        except (CommandError, Untrue, ValueError, KeyError) as error:
            result["error"] = self.fail(cell, error)
        finally:
            gate.teardown()
        self.changes.append(result)
        if stalls:
            self.watch_lpm(cell)

    def run(self):
        """Everything."""
        for cell in self.cells():
            self.measure_cell(cell)
        self.progress.say("")

    def text(self):
        """The report."""
        return change_report.text(self.changes, self.stalls, self.o)

    def document(self, machine, seconds):
        """The same for programs."""
        return {
            "machine": machine,
            "options": options_document(self.o),
            "seconds": round(seconds, 1),
            "version": run(Gate.binary, "version").splitlines()[0],
            "targets": change_report.targets_document(),
            "changes": self.changes,
            "stalls": self.stalls,
        }


def main(argv):
    """The exit status is 1 if anything failed, or memory is lost. A target that is missed is only
    marked: it depends on the machine."""
    options = parse_arguments(argv)
    leave_on_signals()
    # A session that a change could shut out has nothing to do with what is measured.
    os.environ["SSH_CONNECTION"] = "127.0.0.1 50000 127.0.0.1 22"
    machine = describe_machine(options.cpu)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="apimgate-bench-") as directory, \
            Network(os.environ["BENCH_PREFIX"]) as net:
        bench = Bench(options, net, os.environ["BENCH_BUILD"], directory)
        print(change_report.machine_text(machine), flush=True)
        bench.run()
        print(bench.text(), flush=True)
        if options.json:
            write_json(options.json, bench.document(machine, time.monotonic() - start))
    return 1 if bench.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (CommandError, prefixes.PrefixError, OSError) as problem:
        print(f"scripts/bench-change: {problem}", file=sys.stderr)
        sys.exit(1)
