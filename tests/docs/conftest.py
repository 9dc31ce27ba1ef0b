# SPDX-License-Identifier: Apache-2.0
import os
import shutil

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
