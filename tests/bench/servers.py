# SPDX-License-Identifier: Apache-2.0
"""Real web servers, with and without a gate in front: how each is set up, asked and proved.

Each has a namespace, an nginx and a veth pair of its own, so going from one to the next changes
nothing. Both families at once: a server has an address of each.
"""

import json
import os
import subprocess
import time

import contestants
import prefixes
from system import RX_DEV, CommandError, run

PORT = "80"
PAGE = "hello from the backend\n"
# Private, and so on none of the made-up lists. N is the server's number.
NETS = {4: ("10.0.{n}.{host}", 24), 6: ("fd00:0:0:{n}::{host}", 64)}
SERVER, CLIENT, STRANGER = 1, 2, 3

CONFIG = """\
user root;
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_timeout 0;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen {ipv4}:{port} backlog=4096;
        listen [{ipv6}]:{port} backlog=4096;
        root {directory}/www;
    }}
}}
"""


class Server:
    """What all have in common; alone, it is the one with no program before it."""

    hook = "none"
    title, key = "no XDP", "none"

    def __init__(self, net, number, directory):
        self.net = net
        self.number = number
        self.directory = os.path.join(directory, self.key)
        self.rx = None
        self.nginx = None

    def address(self, family, host):
        """Of the server, the client or the stranger."""
        return NETS[family][0].format(n=self.number, host=host)

    def url(self, family):
        """The page."""
        host = self.address(family, SERVER)
        return f"http://{f'[{host}]' if family == 6 else host}:{PORT}/"

    def start(self, cpu):
        """Brings up network, nginx and gate, and proves that they are what they should be."""
        os.makedirs(os.path.join(self.directory, "www"))
        self.rx = self.net.receiver(self.key)
        for family, (_, bits) in NETS.items():
            self.rx.run("ip", "address", "add", f"{self.address(family, SERVER)}/{bits}", "dev",
                        RX_DEV, *(["nodad"] if family == 6 else []))
            for host in (CLIENT, STRANGER):
                # Never the client's own choice: it has to ask for the stranger's address.
                rare = ["nodad", "preferred_lft", "0" if host == STRANGER else "forever"]
                run("ip", "-n", self.net.generator, "address", "add",
                    f"{self.address(family, host)}/{bits}", "dev", self.rx.gen_dev,
                    *(rare if family == 6 else []))
        self.start_nginx(cpu)
        self.protect()
        if self.rx.xdp_mode() != self.hook:
            raise CommandError(f"{self.title}: XDP mode is {self.rx.xdp_mode()}, not {self.hook}")
        for family in NETS:
            self.prove(family)

    def start_nginx(self, cpu):
        """One worker on one core."""
        with open(os.path.join(self.directory, "www", "index.html"), "w", encoding="ascii") as out:
            out.write(PAGE)
        config = os.path.join(self.directory, "nginx.conf")
        with open(config, "w", encoding="ascii") as out:
            out.write(CONFIG.format(directory=self.directory, port=PORT,
                                    ipv4=self.address(4, SERVER), ipv6=self.address(6, SERVER)))
        self.nginx = subprocess.Popen(
            ["nsenter", f"--net={self.rx.path}", "setpriv", "--pdeathsig", "TERM",
             "taskset", "-c", str(cpu), "nginx", "-c", config],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not all(self.fetch(family, CLIENT) for family in NETS):
            if time.monotonic() > deadline or self.nginx.poll() is not None:
                raise CommandError(f"nginx of {self.title} does not answer")
            time.sleep(0.05)

    def fetch(self, family, host):
        """Whether the page can be had from that address."""
        try:
            return run("nsenter", f"--net={self.net.generator_path}", "curl", "--silent",
                       "--max-time", "1", "--interface", self.address(family, host),
                       self.url(family)) == PAGE
        except CommandError:
            return False

    def prove(self, family):
        """The client gets in. Where nothing refuses, so does the stranger."""
        for host, wanted in ((CLIENT, True), (STRANGER, self.admits_strangers())):
            if self.fetch(family, host) != wanted:
                raise CommandError(f"{self.title}: {self.address(family, host)} "
                                   f"{'does not get' if wanted else 'gets'} in")

    def admits_strangers(self):
        """Whether nothing refuses anybody."""
        return True

    def protect(self):
        """Puts a program before it."""

    def counts(self):
        """What the program counted, {passed, dropped}; empty where nothing counts."""
        return {}

    def stop(self):
        """Undoes start."""
        if self.nginx:
            self.nginx.terminate()
            self.nginx.wait()


class Empty(Server):
    """An XDP program that passes everything: what native XDP on a veth costs by itself."""

    hook = "native"
    title, key = "empty XDP", "empty"
    gates = None

    def protect(self):
        self.gates("attach", self.rx, "--gate", "pass")

    def stop(self):
        super().stop()
        if self.rx and self.rx.xdp_mode() == self.hook:
            self.gates("detach", self.rx)


class Gate(Server):
    """apimgate, enforcing, with the client's addresses on a list."""

    hook = "native"
    size = None

    def __init__(self, net, number, directory):
        super().__init__(net, number, directory)
        self.gate = contestants.Apimgate(net, None)

    def protect(self):
        """As many prefixes of each family as it says, the client's among them."""
        listed = os.path.join(self.directory, "list")
        with open(listed, "w", encoding="ascii") as out:
            for family, bits in prefixes.BITS.items():
                out.write(f"{self.address(family, CLIENT)}/{bits}\n")
                out.writelines(f"{prefixes.text(family, p)}\n" for p in
                               prefixes.generate(family, self.size - 1, 1))
        self.gate.rx = self.rx
        self.gate.pins = os.path.join(contestants.BPFFS, f"bench-{self.key}")
        self.gate.state = os.path.join(self.directory, "state")
        self.gate.attach(listed, PORT)

    def admits_strangers(self):
        return False

    def counts(self):
        stats = json.loads(self.gate.cli("stats", "show", "-j"))
        return {"passed": contestants.find_counter(stats, "allowed"),
                "dropped": contestants.find_counter(stats, "not-allowed")}

    def stop(self):
        super().stop()
        if self.gate.pins:
            self.gate.teardown()


class Gate20(Gate):
    """A short list."""

    title, key, size = "apimgate, 20", "gate-20", 20


class Gate100k(Gate):
    """A long one."""

    title, key, size = "apimgate, 100k", "gate-100k", 100000


ALL = (Server, Empty, Gate20, Gate100k)
