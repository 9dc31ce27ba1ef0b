# SPDX-License-Identifier: Apache-2.0
"""What the gate costs a request to a real nginx behind it; started by scripts/bench --nginx."""

import argparse
import csv
import os
import re
import shutil
import sys
import tempfile
import time

import contestants
import measure
import report
import servers
from common import Progress, add_families, leave_on_signals, options_document, write_json
from system import CommandError, Network, describe_build, describe_machine, run

BUSY = 16
LOADS = {"busy": BUSY, "alone": 1}		# how many connections are open at once
PERCENTILES = {"50": "p50_us", "99": "p99_us"}
# What the shortest request sends to the server: SYN, the request, and the end of the connection.
FRAMES_A_REQUEST = 3
NEEDS = ("nginx", "ab", "curl", "taskset", "nsenter", "setpriv")
LEGEND = f"""\
Requests to a real nginx over veth, each on a TCP connection of its own. nginx has one core, the
client (ab) another. Latency is from before connect() to the end of the answer, in microseconds,
with one connection at a time and with {BUSY}; requests a second with {BUSY}. A cell is the median
of the rounds; below, its least and greatest. The two ratios are of requests a second, to "no XDP"
and to "empty XDP" of the same round: a veth receives in another way as soon as there is an XDP
program, so that only the second is the gate's own doing."""


def parse_arguments(argv):
    """The command line."""
    cpus = sorted(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(
        prog="scripts/bench --nginx", description="Measures requests a second and latency of an "
        "nginx behind the gate, and without it. Needs root, two cores, nginx and ab.")
    add_families(parser)
    parser.add_argument("--rounds", type=int, default=9, metavar="N",
                        help="visits to each server (9)")
    parser.add_argument("--requests", type=int, default=20000, metavar="N",
                        help="requests a visit; a quarter of that one at a time (20000)")
    parser.add_argument("--server-cpu", type=int, default=cpus[0], metavar="N",
                        help="nginx's core (the first)")
    parser.add_argument("--cpu", type=int, default=cpus[-1], metavar="N",
                        help="the client's core (the last)")
    parser.add_argument("--json", metavar="FILE", help="write the results there too")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 2000 requests")
    o = parser.parse_args(argv)
    if o.quick:
        o.rounds, o.requests = 3, 2000
    if o.rounds < 1 or o.requests < 400:
        parser.error("--rounds must be positive, and --requests 400 or more")
    if o.cpu == o.server_cpu or not {o.cpu, o.server_cpu} <= set(cpus):
        parser.error("the client and nginx need a processor each")
    return o


def field(printed, name, default=None):
    """A number of ab's report."""
    found = re.search(rf"^{name}:\s+([0-9.]+)", printed, re.MULTILINE)
    if not found and default is None:
        raise measure.WrongVerdict(f"ab does not say \"{name}\"")
    return float(found.group(1)) if found else default


def request(server, o, family, load, directory):
    """One visit: requests to one server, all of which must have been answered with the page."""
    wanted = o.requests if load == "busy" else o.requests // 4
    table = os.path.join(directory, "latency.csv")
    before = server.counts()
    printed = run("nsenter", f"--net={server.net.generator_path}", "taskset", "-c", str(o.cpu),
                  "ab", "-q", "-n", str(wanted), "-c", str(LOADS[load]), "-e", table,
                  server.url(family))
    counted = {what: number - before[what] for what, number in server.counts().items()}
    if field(printed, "Complete requests") != wanted:
        raise measure.WrongVerdict("not all requests were answered")
    bad = field(printed, "Failed requests") + field(printed, "Non-2xx responses", 0)
    if bad:
        raise measure.WrongVerdict(f"{bad:.0f} requests failed")
    check(counted, wanted)
    with open(table, encoding="ascii", newline="") as rows:
        latency = {PERCENTILES[row[0]]: float(row[1]) * 1000 for row in csv.reader(rows)
                   if row[0] in PERCENTILES}
    return {"per_second": field(printed, "Requests per second"), **latency}


def check(counted, requests):
    """The gate must have judged these very packets, and let all of them in."""
    if counted and counted["passed"] < FRAMES_A_REQUEST * requests:
        raise measure.WrongVerdict(f"the gate passed {counted['passed']} packets "
                                   f"of {requests} requests")
    if counted and counted["dropped"]:
        raise measure.WrongVerdict(f"the gate dropped {counted['dropped']} packets of the client")


def measure_family(all_servers, o, family, directory, progress):
    """All rounds. Returns {(key, load): [visit of each round]}."""
    visits = {}
    for number in range(o.rounds):
        turn = number % len(all_servers)
        for server in all_servers[turn:] + all_servers[:turn]:
            for load in LOADS:
                progress.say(f"IPv{family}: round {number + 1} of {o.rounds}, "
                             f"{server.title}, {load}")
                visits.setdefault((server.key, load), []).append(
                    request(server, o, family, load, directory))
    return visits


def summarise(visits, family):
    """A result for each server and load, each held against both baselines of its own round."""
    results = []
    for (key, load), rounds in visits.items():
        result = {"family": family, "server": key, "load": load, "connections": LOADS[load]}
        for what in ("per_second", *PERCENTILES.values()):
            values = [v[what] for v in rounds]
            result[what] = measure.spread(values, 1)
            result[what]["rounds"] = [round(v, 1) for v in values]
            for base in ("none", "empty"):
                against = [v[what] for v in visits[(base, load)]]
                result[what][f"to_{base}"] = measure.spread(
                    [a / b for a, b in zip(values, against)], 4)
        results.append(result)
    return results


def table_text(results, family):
    """The figures of one family."""
    def cells(spread, digits=0):
        return (f"{spread['median']:.{digits}f}",
                f"{spread['min']:.{digits}f}-{spread['max']:.{digits}f}")

    widths = (15, 14, 13, 13, 12, 12, 12, 13)
    lines = [f"IPv{family}",
             "".join(c.rjust(w) for c, w in zip(
                 ("", "requests/s", "to no XDP", "to empty", "p50 of 1", "p99 of 1",
                  f"p50 of {BUSY}", f"p99 of {BUSY}"), widths))]
    for kind in servers.ALL:
        busy, alone = (next(r for r in results if (r["family"], r["server"], r["load"]) ==
                            (family, kind.key, load)) for load in ("busy", "alone"))
        columns = [(kind.title, ""), cells(busy["per_second"]),
                   *(cells(busy["per_second"][f"to_{base}"], 3) for base in ("none", "empty")),
                   *(cells(load[what]) for load in (alone, busy) for what in PERCENTILES.values())]
        for line in zip(*columns):
            lines.append("".join(c.rjust(w) for c, w in zip(line, widths)).rstrip())
    return "\n".join(lines) + "\n"


def versions():
    """What exactly was measured."""
    return {"apimgate": contestants.Apimgate(None, None).version(),
            "nginx": run("sh", "-c", "nginx -v 2>&1").strip(),
            "ab": run("ab", "-V").splitlines()[0]}


def document(o, machine, results, seconds):
    """The same for programs."""
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": describe_build(os.environ["BENCH_ROOT"]),
        "machine": machine,
        "options": options_document(o),
        "seconds": round(seconds, 1),
        "versions": versions(),
        "results": results,
    }


def stop(server, progress):
    """Takes a server down, however far it came; what is left goes with its namespaces."""
    try:
        server.stop()
    except CommandError as error:
        progress.note(f"{server.title}: {error}")


def measure_all(o, directory, net):
    """Starts all servers, and visits them in turn."""
    progress, results = Progress(), []
    everyone = [kind(net, number, directory) for number, kind in enumerate(servers.ALL, 1)]
    try:
        for server in everyone:
            progress.say(f"starting nginx, {server.title}")
            server.start(o.server_cpu)
        for family in map(int, o.families):
            visits = measure_family(everyone, o, family, directory, progress)
            results += summarise(visits, family)
    finally:
        progress.say("")
        for server in everyone:
            stop(server, progress)
    return results


def main(argv):
    """Fails if a single request was not answered as it must be."""
    o = parse_arguments(argv)
    missing = [tool for tool in NEEDS if not shutil.which(tool)]
    if missing:
        raise CommandError(f"{', '.join(missing)} not installed; scripts/setup installs it")
    leave_on_signals()
    build = os.environ["BENCH_BUILD"]
    contestants.Apimgate.binary = os.path.join(build, "apimgate")
    servers.Empty.gates = staticmethod(
        contestants.gates_runner(os.path.join(build, "bench", "gates")))
    machine = describe_machine(o.cpu)
    print(report.machine_text(machine) + "\n" + LEGEND + "\n", flush=True)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="apimgate-bench-") as directory, \
            Network(os.environ["BENCH_PREFIX"]) as net:
        results = measure_all(o, directory, net)
    for family in map(int, o.families):
        print(table_text(results, family), flush=True)
    print("".join(f"{n}: {v}\n" for n, v in versions().items()), end="")
    if o.json:
        write_json(o.json, document(o, machine, results, time.monotonic() - start))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (CommandError, measure.WrongVerdict, OSError) as problem:
        print(f"scripts/bench --nginx: {problem}", file=sys.stderr)
        sys.exit(1)
