# SPDX-License-Identifier: Apache-2.0
"""The systemd unit."""
import os
import re
import shutil
import subprocess

import pytest

import handbook
from handbook import table


def settings(section):
    text = re.search(rf"^\[{section}\]\n(.*?)(?=^\[|\Z)", handbook.UNIT.read_text(),
                     re.M | re.S).group(1)
    out = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", text, re.M):
        out.setdefault(key, []).extend(value.split())
    return out


def test_runs_before_any_network():
    unit = settings("Unit")
    assert unit["DefaultDependencies"] == ["no"]
    assert "network-pre.target" in unit["Before"]
    assert "network-pre.target" in unit["Wants"]
    assert {"local-fs.target", "sys-fs-bpf.mount"} <= set(unit["After"])


def test_stopping_it_changes_nothing():
    service = settings("Service")
    assert service["Type"] == ["oneshot"]
    assert service["RemainAfterExit"] == ["yes"]
    assert not {"ExecStop", "ExecStopPost", "ExecReload"} & service.keys()
    assert "Conflicts" not in settings("Unit") or \
        settings("Unit")["Conflicts"] == ["shutdown.target"]


def test_runs_a_command_that_exists(scratch):
    program, *words = settings("Service")["ExecStart"]
    assert words == ["restore"]
    table().check(words)
    assert handbook.parses(words, scratch) is None
    # Where `make install` puts it.
    makefile = (handbook.ROOT / "Makefile").read_text()
    assert "$(DESTDIR)$(PREFIX)/sbin/apimgate" in makefile and program == "/usr/sbin/apimgate"


def test_has_what_bpf_needs():
    service = settings("Service")
    assert {"CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"} == set(service["CapabilityBoundingSet"])
    assert "bpf" in service["SystemCallFilter"]
    assert "ProtectKernelTunables" not in service and "PrivateNetwork" not in service
    assert service["StateDirectory"] == ["apimgate"]


def test_systemd_has_nothing_to_say(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "apimgate.service"
    unit.write_text(handbook.UNIT.read_text().replace("/usr/sbin/apimgate", handbook.binary()))
    (tmp_path / "man").mkdir()
    (tmp_path / "man" / "man8").symlink_to(handbook.MAN)
    done = subprocess.run(["systemd-analyze", "verify", f"--man={man_is_there()}", str(unit)],
                          capture_output=True, text=True,
                          env={**os.environ, "MANPATH": str(tmp_path / "man")})
    # Only what is said of this unit: the host's own ones are not ours.
    said = [line for line in (done.stdout + done.stderr).splitlines() if "apimgate" in line]
    assert said == []


def man_is_there():
    return "yes" if shutil.which("man") else "no"
