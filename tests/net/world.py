# SPDX-License-Identifier: Apache-2.0
"""A gate of its own on the backend: BPF file system, state directory, and the CLI."""
from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from net import APIM4, APIM6, Net, run, until
from traffic import DNS, WEB

REPOSITORY = Path(__file__).resolve().parents[2]
APIMGATE = os.environ.get("APIMGATE", str(REPOSITORY / "build" / "apimgate"))
# Sanitizers cost time: with them, no test has an opinion on how long something takes.
IS_SLOW = os.environ.get("SAN") == "1"
# A session from the loopback interface is none that could be locked out, so
# the tests do not depend on whether a person runs them over SSH.
NO_SESSION = {"SSH_CONNECTION": "127.0.0.1 50000 127.0.0.1 22"}
OK, FAILED, USAGE, NOT_FOUND, NOT_PERMITTED, REFUSED = range(6)


@dataclass
class Done:
    """How a command ended."""
    argv: list[str]
    status: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        """The one document that -j prints; a second one, or none, is an error."""
        try:
            return json.loads(self.out)
        except ValueError as error:
            raise AssertionError(f"{self}: not one JSON document: {error}") from None

    def __str__(self) -> str:
        told = self.out[-2000:] + self.err[-2000:]
        return f"{shlex.join(self.argv)}: status {self.status}\n{told}"


class World:
    """Commands are given as one string, split like in a shell."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self.host = "backend"
        self.directory = Path(tempfile.mkdtemp(prefix="apimgate-test-"))
        self.directory.chmod(0o755)
        self.bpffs = self.directory / "bpf"
        self.bpffs.mkdir()
        self.pins = self.bpffs / "gate"
        self.state = self.directory / "state"
        self.state_file = self.state / "gate.state"
        self.state_previous = self.state / "gate.state.previous"
        self.processes: list[subprocess.Popen] = []
        self.mounts: list[Path] = []
        self.mount(self.bpffs, "bpf")

    # ---- taking down ----

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()
        for path in reversed(self.mounts):
            run("umount", "-l", str(path), check=False)
        self.wait_detached()
        shutil.rmtree(self.directory, ignore_errors=True)

    def mount(self, path: Path, kind: str, options: str = "") -> None:
        run("mount", "-t", kind, *(("-o", options) if options else ()), "test", str(path))
        self.mounts.append(path)

    def unmount(self, path: Path) -> None:
        run("umount", str(path))
        self.mounts.remove(path)

    def has_xdp(self, dev: str = "eth0") -> bool:
        return "prog/xdp" in run("ip", "-n", self.net.names[self.host], "-d", "link", "show", "dev",
                                 dev, check=False).stdout

    def wait_detached(self, dev: str = "eth0") -> None:
        """The kernel lets go of a link some time after its last pin."""
        until(lambda: not self.has_xdp(dev), f"{dev} has no program")

    def reboot(self) -> None:
        """What is in the kernel is gone; what is on the disk is there."""
        self.unmount(self.bpffs)
        self.wait_detached()
        self.mount(self.bpffs, "bpf")

    # ---- the CLI ----

    def argv(self, command: str | list[str], *, as_json: bool = True, pins: Path | None = None,
             state: Path | None = None) -> list[str]:
        words = shlex.split(command) if isinstance(command, str) else list(command)
        options = ["--pin-dir", str(pins or self.pins), "--state-dir", str(state or self.state)]
        return [APIMGATE, *options, *(["-j"] if as_json else []), *words]

    @staticmethod
    def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
        return {**os.environ, "LC_ALL": "C.UTF-8", **NO_SESSION, **(extra or {})}

    def call(self, command: str | list[str], *, as_json: bool = True, stdin: str | None = None,
             env: dict[str, str] | None = None, prefix: tuple[str, ...] = (), timeout: float = 60,
             **where) -> Done:
        """Runs the command in the backend's namespace, whatever becomes of it."""
        argv = [*prefix, *self.argv(command, as_json=as_json, **where)]
        given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        done = self.net.run(self.host, *argv, check=False, env=self.environment(env),
                            timeout=timeout, **given)
        assert done.returncode >= 0, f"{argv}: killed by signal {-done.returncode}: {done.stderr}"
        assert "AddressSanitizer" not in done.stderr and "runtime error" not in done.stderr
        return Done(argv, done.returncode, done.stdout, done.stderr)

    def gate(self, command: str | list[str], **options) -> dict:
        """The JSON document of a command that succeeds."""
        done = self.call(command, **options)
        assert done.status == OK, str(done)
        assert done.err == "", str(done)
        return done.json

    def fails(self, status: int, command: str | list[str], **options) -> dict:
        """The JSON document of a command that fails with this status."""
        done = self.call(command, **options)
        assert done.status == status, str(done)
        assert done.err == "", str(done)
        assert isinstance(done.json["error"], str) and done.json["error"], str(done)
        assert done.json["hint"] is None or done.json["hint"], str(done)
        return done.json

    def text(self, command: str | list[str], status: int = OK, **options) -> str:
        """What a person sees, errors included."""
        done = self.call(command, as_json=False, **options)
        assert done.status == status, str(done)
        return done.out + done.err

    def start(self, command: str | list[str], *, as_json: bool = True,
              stdin: int | None = subprocess.DEVNULL, env: dict[str, str] | None = None,
              **where) -> subprocess.Popen:
        """Starts the command; whoever calls waits for it. It is killed at the end of the test."""
        with self.net.inside(self.host):
            process = subprocess.Popen(self.argv(command, as_json=as_json, **where), text=True,
                                       stdin=stdin, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, env=self.environment(env))
        self.processes.append(process)
        return process

    # ---- what most tests begin with ----

    def policy(self) -> None:
        """The set apim with APIM's addresses, and two services that it may reach."""
        self.gate("batch file - atomic", stdin=f"""
            set add apim
            allow add {APIM4} set apim
            allow add {APIM6} set apim
            service add web proto tcp port {WEB} from apim
            service add dns proto udp port {DNS} from apim
            """)

    def protect(self, mode: str = "native", words: str = "") -> dict:
        self.policy()
        return self.gate(f"link attach dev eth0 mode {mode} {words}")

    # ---- questions ----

    def generation(self) -> int:
        return self.gate("stats show")["gate"]["generation"]

    def saved_generation(self) -> int:
        return self.gate("stats show")["gate"]["saved_generation"]

    def link(self, dev: str = "eth0") -> dict:
        found = [link for link in self.gate("link show")["links"] if link["device"] == dev]
        assert len(found) == 1, found
        return found[0]

    def reason(self, name: str, key: str = "packets") -> int:
        rows = self.gate("stats show")["reasons"]
        return next(row[key] for row in rows if row["name"] == name)

    def prefixes(self, name: str = "apim") -> list[str]:
        return [row["prefix"] for row in self.gate(f"allow show set {name}")["allow"]]

    def hits(self, name: str = "apim") -> dict[str, int]:
        return {row["prefix"]: row["hits"] for row in self.gate(f"allow show set {name}")["allow"]}

    def check(self, source: str, destination: str, proto: str, dport: int) -> dict:
        return self.gate(f"check src {source} dst {destination} proto {proto} dport {dport}")

    def file(self, name: str, lines: object) -> Path:
        path = self.directory / name
        path.write_text("".join(f"{line}\n" for line in lines))
        return path


@contextlib.contextmanager
def new_world(mtu: int = 1500) -> Iterator[World]:
    """A gate in namespaces of its own."""
    with Net(mtu) as net:
        with contextlib.closing(World(net)) as made:
            yield made
