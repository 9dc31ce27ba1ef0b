# SPDX-License-Identifier: Apache-2.0
"""Does a packet get through? Everything happens in this thread, with sockets of several hosts."""
from __future__ import annotations

import socket
import struct
from contextlib import closing

from net import ADDRESSES, FAMILIES, Net

# Long enough for a busy machine; an allowed packet is there in microseconds.
ALLOWED_WAIT = 5.0
# A refused packet never comes: shorter than TCP's first retransmission.
REFUSED_WAIT = 0.3

WEB, DNS, OTHER = 8080, 8081, 9090  # ports: protected TCP, protected UDP, not protected


def bound(net: Net, host: str, family: int, kind: int, port: int) -> socket.socket:
    """A socket on the host's address and the port."""
    sock = net.socket(host, FAMILIES[family], kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((ADDRESSES[host][family], port))
    return sock


def _tcp(net: Net, client: str, server: str, family: int, port: int, wait: float,
         payload: bytes) -> bool:
    with closing(bound(net, server, family, socket.SOCK_STREAM, port)) as listener, \
            closing(net.socket(client, FAMILIES[family], socket.SOCK_STREAM)) as sock:
        listener.listen()
        listener.settimeout(wait)
        sock.settimeout(wait)
        try:
            sock.connect((ADDRESSES[server][family], port))
        except TimeoutError:
            return False
        peer, address = listener.accept()
        with closing(peer):
            assert address[0] == ADDRESSES[client][family]
            peer.settimeout(wait)
            for one, other in ((sock, peer), (peer, sock)):
                one.sendall(payload)
                got = b""
                while len(got) < len(payload):
                    got += other.recv(1 << 16)
                assert got == payload
    return True


def _udp(net: Net, client: str, server: str, family: int, port: int, wait: float,
         payload: bytes) -> bool:
    with closing(bound(net, server, family, socket.SOCK_DGRAM, port)) as listener, \
            closing(net.socket(client, FAMILIES[family], socket.SOCK_DGRAM)) as sock:
        listener.settimeout(wait)
        sock.settimeout(wait)
        sock.sendto(payload, (ADDRESSES[server][family], port))
        try:
            got, address = listener.recvfrom(1 << 16)
        except TimeoutError:
            return False
        assert got == payload and address[0] == ADDRESSES[client][family]
        listener.sendto(payload, address)
        assert sock.recv(1 << 16) == payload
    return True


_TALK = {"tcp": _tcp, "udp": _udp}
_PORT = {"tcp": WEB, "udp": DNS}


def gets_in(net: Net, client: str, proto: str = "tcp", family: int = 4, port: int | None = None,
            server: str = "backend", payload: bytes = b"hello") -> bool:
    """A whole conversation, both ways. False: nothing was heard for a long time."""
    return _TALK[proto](net, client, server, family, port or _PORT[proto], ALLOWED_WAIT, payload)


def is_refused(net: Net, client: str, proto: str = "tcp", family: int = 4, port: int | None = None,
               server: str = "backend", payload: bytes = b"hello") -> bool:
    """Nothing comes through, and nothing comes back. An answer of any kind fails the test."""
    return not _TALK[proto](net, client, server, family, port or _PORT[proto], REFUSED_WAIT,
                            payload)


def ping(net: Net, client: str, family: int = 4, wait: float = 1.0, size: int = 56) -> bool:
    done = net.run(client, "ping", f"-{family}", "-n", "-c1", f"-W{wait}", f"-s{size}",
                   ADDRESSES["backend"][family], check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


# ---- frames made by hand ----

def mac_of(net: Net, host: str, dev: str = "eth0") -> bytes:
    words = net.ip(host, f"-o link show dev {dev}").split()
    return bytes.fromhex(words[words.index("link/ether") + 1].replace(":", ""))


def checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(source: str, destination: str, proto: int, payload: bytes) -> bytes:
    def header(check: int) -> bytes:
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, proto, check,
                           socket.inet_aton(source), socket.inet_aton(destination))
    return header(checksum(header(0))) + payload


def udp_header(sport: int, dport: int, payload: bytes) -> bytes:
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def send_frame(net: Net, host: str, frame: bytes, dev: str = "eth0") -> None:
    with closing(net.socket(host, socket.AF_PACKET, socket.SOCK_RAW)) as sock:
        sock.bind((dev, 0))
        sock.send(frame)
