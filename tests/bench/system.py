# SPDX-License-Identifier: Apache-2.0
"""Commands, namespaces and devices."""

import glob
import json
import os
import resource
import subprocess
import time

FLAWS = "/sys/devices/system/cpu/vulnerabilities/"
RX_DEV = "rx0"
RX_MAC = "02:00:00:00:00:01"
OTHER_MAC = "02:00:00:00:00:02"


class CommandError(Exception):
    """A command that failed, with what it said."""


def run(*argv, stdin=None):
    """Runs a command and returns what it printed; what it says when it fails is the error."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CommandError(f"{argv[0]}: {error.strerror}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        last = said.splitlines()[-1] if said else "no message"
        words = argv[2:] if argv[0] == "nsenter" else argv
        what = " ".join((os.path.basename(words[0]), *words[1:]))
        raise CommandError(f"{what[:200]}: exit {done.returncode}: {last}")
    return done.stdout


def run_json(*argv):
    """Runs a command that prints one JSON document."""
    return json.loads(run(*argv))


def timed(function, *args):
    """Calls function; returns what it took, with the processor time of the commands it ran."""
    wall = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    function(*args)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_ms": round((time.monotonic() - wall) * 1e3, 1), "cpu_ms": round(cpu * 1e3, 1)}


def worker_ticks():
    """The processor time that the kernel's own workers have used, in clock ticks."""
    total = 0
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8", errors="replace") as stat:
                name, _, fields = stat.read().partition("(")[2].rpartition(")")
        except OSError:
            continue		# it ended
        if name.startswith("kworker/"):
            total += sum(map(int, fields.split()[11:13]))
    return total


def let_workers_finish(seconds=20, window=0.25):
    """Waits while the kernel's workers are busy: they free a large map long after it is gone."""
    deadline = time.monotonic() + seconds
    ticks = worker_ticks()
    while time.monotonic() < deadline:
        time.sleep(window)
        before, ticks = ticks, worker_ticks()
        if ticks - before <= window * os.sysconf("SC_CLK_TCK") / 10:
            break


def first_line(path, default="unknown"):
    """The first line of a file, or default."""
    try:
        with open(path, encoding="utf-8") as lines:
            return lines.readline().strip()
    except OSError:
        return default


def describe_machine(cpu):
    """What a reader must know to compare these figures with others."""
    model = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {
        "kernel": os.uname().release,
        "architecture": os.uname().machine,
        "processor": model,
        "processors": os.cpu_count(),
        "pinned_to": cpu,
        "load": os.getloadavg()[0],
        "bpf_jit": first_line("/proc/sys/net/core/bpf_jit_enable"),
        # They make returns, indirect calls and entries of the kernel dearer, and so the floor.
        **{flaw: first_line(FLAWS + flaw) for flaw in
           ("spectre_v1", "spectre_v2", "spec_rstack_overflow", "retbleed", "meltdown",
            "indirect_target_selection")},
    }


def describe_build(root):
    """The commit that is checked out, as far as that can be known."""
    try:
        return run("git", "-C", root, "-c", f"safe.directory={root}", "describe", "--always",
                   "--dirty", "--abbrev=12").strip()
    except CommandError:
        return "unknown"


class Receiver:
    """A namespace with one end of a veth pair, whose other end is in the generator's namespace."""

    def __init__(self, net, name):
        self.netns = f"{net.prefix}-{name}"
        self.gen_dev = f"to-{name}"[:15]
        self.dev = RX_DEV
        net.add_netns(self.netns)
        run("ip", "link", "add", self.gen_dev, "netns", net.generator, "type", "veth",
            "peer", "name", self.dev, "netns", self.netns)
        # No address of its own, so that nothing here ever sends a frame unasked.
        run("ip", "-n", self.netns, "link", "set", self.dev, "address", RX_MAC, "addrgenmode",
            "none")
        run("ip", "-n", self.netns, "link", "set", self.dev, "up")
        run("ip", "-n", net.generator, "link", "set", self.gen_dev, "addrgenmode", "none")
        run("ip", "-n", net.generator, "link", "set", self.gen_dev, "up")

    @property
    def path(self):
        """What nsenter and setns need."""
        return f"/run/netns/{self.netns}"

    def run(self, *argv, stdin=None):
        """Runs a command inside; not through ip netns exec, which hides the BPF file system."""
        return run("nsenter", f"--net={self.path}", *argv, stdin=stdin)

    def xdp_mode(self):
        """native, generic or none: how a program is attached here."""
        link = run_json("ip", "-n", self.netns, "-j", "link", "show", "dev", self.dev)[0]
        return {None: "none", 1: "native", 2: "generic"}.get(link.get("xdp", {}).get("mode"),
                                                             "other")


class Network:
    """The generator's namespace and the receivers beside it."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.generator = f"{prefix}-gen"
        self.made = []
        self.receivers = {}

    def __enter__(self):
        self.add_netns(self.generator)
        return self

    def __exit__(self, *_):
        for name in reversed(self.made):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def add_netns(self, name):
        """Makes a namespace that goes with this object."""
        run("ip", "netns", "add", name)
        self.made.append(name)

    def receiver(self, name):
        """The receiver of that name, made when first asked for."""
        if name not in self.receivers:
            self.receivers[name] = Receiver(self, name)
        return self.receivers[name]

    @property
    def generator_path(self):
        """What setns needs."""
        return f"/run/netns/{self.generator}"
