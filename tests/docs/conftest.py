# SPDX-License-Identifier: Apache-2.0
import json
import os
import shutil
import zlib

import pytest

import handbook


def pytest_sessionstart(session):
    if not os.access(handbook.binary(), os.X_OK):
        pytest.exit(f"{handbook.binary()} is not there: build it, or name it in APIMGATE", 1)
    if not shutil.which("mandoc"):
        pytest.exit("mandoc is not installed: scripts/setup installs it", 1)


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    """A directory that commands may have as theirs."""
    return tmp_path_factory.mktemp("apimgate")


def state_document():
    text = ("apimgate-document 1\ngeneration 3\ndefault pass non-ip pass\n"
            "set 0 azure-platform static\nset 1 apim-prod static\nset 2 mgmt static\n"
            "service 0 web tcp 443,8443-8450 to 10.0.0.4/32 from 1,2\n"
            "link nosuchdevice auto enforce\n"
            "allow 1 20.1.2.0/24\nallow 1 2001:db8::/32 comment \"one\"\n")
    lines = text.count("\n")
    return f"{text}end {lines} crc32 {zlib.crc32(text.encode()):08x}\n"


@pytest.fixture(scope="session")
def saved_gate(scratch):
    """Options that name a gate with a saved policy, and none in the kernel."""
    options = ["--pin-dir", f"{scratch}/pins", "--state-dir", f"{scratch}/saved"]
    (scratch / "saved").mkdir(mode=0o700)
    (scratch / "saved" / "gate.state").write_text(state_document())
    done = handbook.apimgate(*options, "-j", "set")
    if done.returncode == 4:
        pytest.skip("without privileges nobody may ask whether a gate is loaded")
    assert [s["name"] for s in json.loads(done.stdout)["sets"]][1:] == ["apim-prod", "mgmt"]
    return options
