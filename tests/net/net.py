# SPDX-License-Identifier: Apache-2.0
"""Three hosts on a virtual switch, each a network namespace: apim, stranger, backend.

This process makes sockets in any of them (a socket belongs to the namespace
that its thread was in), so the tests need no helper processes to talk.
"""
from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator

APIM4, APIM6 = "198.51.100.10", "2001:db8:a::10"
STRANGER4, STRANGER6 = "203.0.113.66", "2001:db8:5::66"
BACKEND4, BACKEND6 = "192.0.2.20", "2001:db8:b::20"
ADDRESSES = {
    "apim": {4: APIM4, 6: APIM6},
    "stranger": {4: STRANGER4, 6: STRANGER6},
    "backend": {4: BACKEND4, 6: BACKEND6},
}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def leave_mount_namespace() -> None:
    """All mounts made from here on are this process's own, and end with it."""
    _checked(libc.unshare(CLONE_NEWNS), "unshare")
    _checked(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mount --make-rprivate /")
    os.makedirs("/run/netns", exist_ok=True)
    _checked(libc.mount(b"tmpfs", b"/run/netns", b"tmpfs", 0, None), "mount /run/netns")


def run(*argv: str, check: bool = True, **options) -> subprocess.CompletedProcess:
    done = subprocess.run(argv, capture_output=True, text=True, **options)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(argv)}: status {done.returncode}\n{done.stderr}")
    return done


def until(condition: Callable[[], object], what: str, seconds: float = 10.0) -> object:
    """Waits until the condition is true, and returns what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.005)


class Net:
    """The namespaces. Use as a context manager."""

    _count = itertools.count()

    def __init__(self, mtu: int = 1500) -> None:
        self.mtu = mtu
        tag = f"{os.getpid()}-{next(Net._count)}"
        self.names = {h: f"ag-{h}-{tag}" for h in ("switch", "backend", "apim", "stranger")}
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.fds: dict[str, int] = {}

    def __enter__(self) -> Net:
        try:
            for host in self.names:
                self._add_namespace(host)
            self.ip("switch", f"link add br0 mtu {self.mtu} type bridge "
                              "forward_delay 0 mcast_snooping 0")
            self.ip("switch", "link set br0 up")
            for host in ADDRESSES:
                self.add_interface(host)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for fd in (*self.fds.values(), self.home):
            os.close(fd)
        for name in self.names.values():
            run("ip", "netns", "del", name, check=False)

    def _add_namespace(self, host: str) -> None:
        run("ip", "netns", "add", self.names[host])
        self.fds[host] = os.open(f"/run/netns/{self.names[host]}", os.O_RDONLY | os.O_CLOEXEC)
        with self.inside(host):
            for what in ("default", "all"):
                write_text(f"/proc/sys/net/ipv6/conf/{what}/accept_dad", "0")
                write_text(f"/proc/sys/net/ipv4/conf/{what}/rp_filter", "0")
        self.ip(host, "link set lo up")

    def add_interface(self, host: str, dev: str = "eth0") -> None:
        """A port of the switch, with the host's addresses and a route to everybody."""
        self.ip("switch", f"link add {host} mtu {self.mtu} type veth "
                          f"peer name {dev} mtu {self.mtu} netns {self.names[host]}")
        self.ip("switch", f"link set {host} master br0 up")
        self.ip(host, f"link set {dev} up")
        self.ip(host, f"addr add {ADDRESSES[host][4]}/32 dev {dev}")
        self.ip(host, f"-6 addr add {ADDRESSES[host][6]}/128 dev {dev} nodad")
        self.ip(host, f"route add default dev {dev}")
        self.ip(host, f"-6 route add default dev {dev}")

    @contextlib.contextmanager
    def inside(self, host: str) -> Iterator[None]:
        """This thread, and the processes that it starts, are in the host's namespace."""
        _checked(libc.setns(self.fds[host], CLONE_NEWNET), "setns")
        try:
            yield
        finally:
            _checked(libc.setns(self.home, CLONE_NEWNET), "setns")

    def ip(self, host: str, command: str) -> str:
        return run("ip", "-n", self.names[host], *command.split()).stdout

    def run(self, host: str, *argv: str, check: bool = True,
            **options) -> subprocess.CompletedProcess:
        with self.inside(host):
            return run(*argv, check=check, **options)

    def socket(self, host: str, family: int, kind: int, proto: int = 0) -> socket.socket:
        with self.inside(host):
            return socket.socket(family, kind, proto)

    def forget_neighbours(self) -> None:
        for host in ADDRESSES:
            self.ip(host, "neigh flush all")


def write_text(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def has_kind(kind: str) -> bool:
    """Can this kernel make such devices?"""
    with Net() as net:
        below, more = (("link", "eth0"), ("id", "7")) if kind == "vlan" else ((), ())
        return net.run("backend", "ip", "link", "add", *below, "name", "probe0", "type", kind,
                       *more, check=False).returncode == 0
