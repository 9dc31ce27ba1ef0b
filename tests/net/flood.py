# SPDX-License-Identifier: Apache-2.0
"""Steady traffic from both sides while a test does something else; see flood.c."""
from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

from net import ADDRESSES, Net
from traffic import DNS

SENDERS = {"apim": 1, "stranger": 2}


class Flood:
    """APIM and the stranger send numbered packets to the backend's UDP service."""

    def __init__(self, net: Net, tools: Path, rate: int, family: int = 4) -> None:
        self.net, self.program = net, str(tools / "flood")
        self.address = ADDRESSES["backend"][family]
        self.rate = rate
        self.sent: dict[str, int] = {}
        self.received: dict[str, int] = {}
        self.twice: dict[str, int] = {}

    def _start(self, host: str, *words: str) -> subprocess.Popen:
        with self.net.inside(host):
            process = subprocess.Popen([self.program, *words], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        return process

    @staticmethod
    def _finish(process: subprocess.Popen) -> dict:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        return json.loads(out)

    def __enter__(self) -> Flood:
        self.receiver = self._start("backend", "receive", self.address, str(DNS))
        self.senders = {host: self._start(host, "send", self.address, str(DNS), str(number),
                                          str(self.rate)) for host, number in SENDERS.items()}
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        if failed:
            for process in (*self.senders.values(), self.receiver):
                process.kill()
                process.communicate()
            return
        for host, sender in self.senders.items():
            self.sent[host] = self._finish(sender)["sent"]
        received = self._finish(self.receiver)
        for host, number in SENDERS.items():
            self.received[host] = received[str(number)]["received"]
            self.twice[host] = received[str(number)]["twice"]

    def assert_all_right(self) -> None:
        """Every packet of APIM came in, once; none of the stranger's did."""
        assert self.sent["apim"] > 0 and self.sent["stranger"] > 0
        assert self.received["stranger"] == 0
        assert self.twice["apim"] == 0
        assert self.received["apim"] == self.sent["apim"]
