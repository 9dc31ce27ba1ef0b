# SPDX-License-Identifier: Apache-2.0
"""Who is measured: how each is set up, armed, asked for its own counters, and taken down.

A contestant has a receiver of its own and stays attached to it while a cell (a family and a list)
is measured, so changing from one to the next between visits costs nothing and disturbs nobody.
"""

import json
import os
import re
import shutil

import prefixes
from system import OTHER_MAC, RX_MAC, CommandError, run, run_json, timed

BPFFS = "/sys/fs/bpf"
SET = "bench"
PORT = "443"


class Cell:
    """A family and a list, as prefixes and as single addresses, with what follows from it.

    All of it is made when first asked for: with a long list each takes a while.
    """

    def __init__(self, family, listed, directory):
        self.family = family
        self.size = len(listed)
        self.directory = directory
        os.makedirs(directory)
        self.lists = {"listed": listed}
        self.files = {}
        self.covered = {}

    def list(self, kind):
        """listed, single, beside or beside-single."""
        if kind not in self.lists:
            if kind == "single":
                made = prefixes.exact(self.family, self.lists["listed"])
            else:
                of = "single" if kind == "beside-single" else "listed"
                made = prefixes.neighbours(self.family, self.list(of))
            self.lists[kind] = made
        return self.lists[kind]

    def file(self, kind):
        """The path of a file with that list."""
        if kind not in self.files:
            path = os.path.join(self.directory, kind)
            prefixes.write(path, self.family, self.list(kind))
            self.files[kind] = path
        return self.files[kind]

    def coverage(self, kind):
        """The share of random sources that are on that list."""
        if kind not in self.covered:
            self.covered[kind] = prefixes.coverage(self.family, self.list(kind))
        return self.covered[kind]


class Contestant:
    """What all have in common."""

    name = title = ""
    hook = "native"		# how its program must be attached, or none
    limit = None		# the longest list it is measured with
    single = False		# knows single addresses only
    targets = None		# a file of destinations, or None for always the same
    needs = ()			# programs it cannot be measured without
    discriminates = True	# drops some and passes others, by the list

    def __init__(self, net, gates):
        self.gates = gates
        self.net = net
        self.rx = None
        self.load = None

    def missing(self):
        """Why it cannot take part on this machine, or None."""
        for tool in self.needs:
            if not shutil.which(tool):
                return f"{tool} is not installed"
        return None

    def setup(self, cell):
        """Gets ready for a cell; what loading the list took is left in self.load."""
        self.rx = self.net.receiver(self.name)
        self.start(cell)

    def start(self, cell):
        """Loads the list and attaches."""
        raise NotImplementedError

    def arm(self, table):
        """Called before the visits for a table."""

    def counts(self):
        """Its own {dropped, passed, other}, as far as it counts them."""
        return {}

    def version(self):
        """What exactly was measured."""
        return ""

    def teardown(self):
        """Undoes setup."""

    def mac(self, table):
        """Where frames are addressed to. Those that pass XDP or the ingress hook are for another
        host, and IP throws them away before it has done anything with them."""
        return OTHER_MAC if table == "allowed" else RX_MAC

    def sources(self, table, cell):
        """The file the sources come from, or None for random ones."""
        if table == "flood":
            return None
        kind = "listed" if table == "allowed" else "beside"
        if self.single:
            kind = {"listed": "single", "beside": "beside-single"}[kind]
        return cell.file(kind)

    def pass_share(self, table, cell):
        """The share of frames that must pass."""
        if table == "flood":
            return cell.coverage("single" if self.single else "listed")
        return 1 if table == "allowed" else 0


class Floor(Contestant):
    """The least that any XDP gate costs: to count and drop, or to pass without a look."""

    name = title = "floor"
    discriminates = False

    def start(self, cell):
        pass

    def arm(self, table):
        self.gates("attach", self.rx, "--gate", "pass" if table == "allowed" else "drop")

    def counts(self):
        return run_json_or_empty(self.gates("counts", self.rx, missing_ok=True))

    def teardown(self):
        self.gates("detach", self.rx)

    def pass_share(self, table, cell):
        return 1 if table == "allowed" else 0


class FloorAgain(Floor):
    """The floor on another device: how far its ratio is from one is the error of the method."""

    name, title = "again", "floor again"


class Lpm(Contestant):
    """The plain way to write such a gate."""

    name, title = "lpm", "LPM trie"

    def start(self, cell):
        self.load = timed(self.gates, "attach", self.rx, "--gate", "lpm", "--family",
                          str(cell.family), "--list", cell.file("listed"))

    def counts(self):
        return run_json_or_empty(self.gates("counts", self.rx))

    def teardown(self):
        self.gates("detach", self.rx)


class Apimgate(Contestant):
    """The product, through its command line."""

    name = title = "apimgate"
    binary = None

    def __init__(self, net, gates):
        super().__init__(net, gates)
        self.pins = self.state = None

    def missing(self):
        return None if os.access(self.binary, os.X_OK) else "build/apimgate is not built"

    def cli(self, *words):
        """Runs one command in the receiver's namespace."""
        return self.rx.run(self.binary, "--pin-dir", self.pins, "--state-dir", self.state, *words)

    def start(self, cell):
        self.pins = os.path.join(BPFFS, f"bench-{cell.family}-{cell.size}")
        self.state = os.path.join(cell.directory, "state")
        self.attach(cell.file("listed"), PORT)

    def attach(self, listed, port):
        """A gate that admits those on the list, a file, to a port, and nobody else."""
        os.makedirs(self.pins, exist_ok=True)
        os.makedirs(self.state, mode=0o700)
        self.cli("set", "add", SET)
        self.load = timed(self.cli, "allow", "load", "file", listed, "set", SET, "force")
        self.cli("service", "add", "web", "proto", "tcp", "port", port, "from", SET)
        self.cli("link", "attach", "dev", self.rx.dev, "mode", "native", "force")

    def counts(self):
        stats = json.loads(self.cli("stats", "show", "-j"))
        counted = find_counter(stats, "not-allowed")
        return {} if counted is None else {"dropped": counted}

    def version(self):
        of = run_json(self.binary, "-j", "version")
        return f"{of['version']}, program {of['program_build']}"

    def teardown(self):
        try:
            self.cli("link", "detach", "dev", self.rx.dev)
        finally:
            shutil.rmtree(self.pins, ignore_errors=True)
            shutil.rmtree(self.state, ignore_errors=True)


class XdpFilter(Contestant):
    """xdp-tools' filter in deny mode. A list's prefixes count as their first address."""

    name = title = "xdp-filter"
    needs = ("xdp-filter",)
    limit = 10000		# the size of its maps
    single = True

    def start(self, cell):
        self.rx.run("xdp-filter", "load", "-m", "native", "-p", "deny", "-f", "ipv4,ipv6",
                    self.rx.dev)
        self.load = timed(self.fill, cell)

    def fill(self, cell):
        """The first address through its own command, all others as copies of that entry."""
        first = prefixes.text(cell.family, cell.list("single")[0]).split("/", maxsplit=1)[0]
        self.rx.run("xdp-filter", "ip", "-m", "src", first)
        self.gates("fill", None, "--map", f"{BPFFS}/xdp-filter/filter_ipv{cell.family}",
                   "--family", str(cell.family), "--list", cell.file("single"))

    def counts(self):
        status = self.rx.run("xdp-filter", "status")
        found = {action: int(number) for action, number in
                 re.findall(r"^\s*(XDP_\w+)\s+(\d+) pkts", status, re.MULTILINE)}
        return {"dropped": found["XDP_DROP"], "passed": found["XDP_PASS"],
                "other": found["XDP_ABORTED"]}

    def version(self):
        # It prints its version and fails, as with any option it stops at.
        return run("sh", "-c", "xdp-filter load --version || :").splitlines()[0]

    def teardown(self):
        self.rx.run("xdp-filter", "unload", self.rx.dev)


class Nftables(Contestant):
    """A set in the ingress hook of the device, the first place where nftables can drop."""

    name, title = "nft", "nftables"
    needs = ("nft",)
    hook = "none"
    limit = 100000

    def start(self, cell):
        ip, kind = ("ip", "ipv4_addr") if cell.family == 4 else ("ip6", "ipv6_addr")
        elements = ", ".join(prefixes.text(cell.family, p) for p in cell.list("listed"))
        rules = f"""
            table netdev bench {{
                counter dropped {{ }}
                set allow {{
                    type {kind}; flags interval; auto-merge;
                    elements = {{ {elements} }};
                }}
                chain ingress {{
                    type filter hook ingress device "{self.rx.dev}" priority 0; policy accept;
                    meta protocol {ip} tcp dport {PORT} {ip} saddr != @allow \
                        counter name dropped drop
                }}
            }}"""
        self.load = timed(lambda: self.rx.run("nft", "-f", "-", stdin=rules))

    def counts(self):
        listing = json.loads(self.rx.run("nft", "-j", "list", "counter", "netdev", "bench",
                                         "dropped"))
        return {"dropped": next(o["counter"]["packets"] for o in listing["nftables"]
                                if "counter" in o)}

    def version(self):
        return run("nft", "--version").splitlines()[0]

    def teardown(self):
        self.rx.run("nft", "delete", "table", "netdev", "bench")


class Ipset(Contestant):
    """A hash:net set asked in the raw table. What passes dies by the next rule there: a frame for
    another host, as the others get it, would never come as far as this table."""

    name, title = "ipset", "ipset, raw"
    needs = ("ipset", "iptables", "ip6tables")
    hook = "none"
    limit = 100000

    def __init__(self, net, gates):
        super().__init__(net, gates)
        self.tables = None

    def mac(self, table):
        return RX_MAC

    def start(self, cell):
        self.tables = "iptables" if cell.family == 4 else "ip6tables"
        inet = "inet" if cell.family == 4 else "inet6"
        script = [f"create {SET} hash:net family {inet} maxelem {max(cell.size, 65536)}"]
        script += [f"add {SET} {prefixes.text(cell.family, p)}" for p in cell.list("listed")]
        self.load = timed(lambda: self.rx.run("ipset", "restore", stdin="\n".join(script) + "\n"))
        rule = (self.tables, "-t", "raw", "-A", "PREROUTING", "-i", self.rx.dev)
        self.rx.run(*rule, "-p", "tcp", "--dport", PORT, "-m", "set", "!", "--match-set", SET,
                    "src", "-j", "DROP")
        self.rx.run(*rule, "-j", "DROP")

    def counts(self):
        saved = self.rx.run(f"{self.tables}-save", "-c", "-t", "raw")
        dropped, passed = re.findall(r"^\[(\d+):\d+\] -A PREROUTING", saved, re.MULTILINE)
        return {"dropped": int(dropped), "passed": int(passed)}

    def version(self):
        return (run("ipset", "version").splitlines()[0] + ", " +
                run("iptables", "--version").strip())

    def teardown(self):
        self.rx.run(self.tables, "-t", "raw", "-F")
        self.rx.run("ipset", "destroy", SET)


ALL = (Floor, FloorAgain, Apimgate, Lpm, XdpFilter, Nftables, Ipset)


def run_json_or_empty(printed):
    """The document, or nothing where there was none to print."""
    return json.loads(printed) if printed else {}


def find_counter(stats, name):
    """What `stats show` counted for one reason, over all links; None where it has none."""
    found = [r["packets"] for r in stats["reasons"] if r["name"] == name]
    return found[0] if found else None


def gates_runner(binary):
    """A function that runs the loader of our own contestants for a receiver."""
    def gates(verb, receiver, *options, missing_ok=False):
        where = ("--netns", receiver.path, "--dev", receiver.dev) if receiver else ()
        try:
            return run(binary, verb, *where, *options)
        except CommandError:
            # The passing floor counts nothing.
            if missing_ok:
                return ""
            raise
    return gates
