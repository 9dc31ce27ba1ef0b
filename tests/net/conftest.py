# SPDX-License-Identifier: Apache-2.0
"""Tests on real packets, in network namespaces. They need root, and change nothing outside."""
from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import net as network
from net import Net
from world import APIMGATE, World, new_world

TIME_LIMIT = 150


def _why_not() -> str | None:
    if os.geteuid():
        return "needs root, for network namespaces and XDP"
    if not Path(APIMGATE).exists():
        return f"{APIMGATE} is not built: run make"
    return None


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes more than ten seconds")
    if not _why_not():
        network.leave_mount_namespace()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = _why_not()
    for item in items if reason else ():
        item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def shared_net() -> Iterator[Net]:
    """Namespaces for all tests that leave them as they are."""
    with Net() as net:
        yield net


@pytest.fixture(autouse=True)
def time_limit() -> Iterator[None]:
    """A test that hangs fails, and what it waited for is in the trace."""
    def give_up(*_: object) -> None:
        raise TimeoutError(f"the test took more than {TIME_LIMIT} s")
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(TIME_LIMIT)
    yield
    signal.alarm(0)


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the programs that are written in C, built."""
    directory = tmp_path_factory.mktemp("tools")
    for source in sorted(Path(__file__).parent.glob("*.c")):
        if not source.name.endswith(".bpf.c"):
            shared = ("-shared", "-fPIC") if source.name.endswith(".so.c") else ()
            network.run("cc", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", *shared, "-o",
                        str(directory / source.stem), str(source))
    return directory


@pytest.fixture
def world(shared_net: Net) -> Iterator[World]:
    """A new gate, nothing loaded."""
    with contextlib.closing(World(shared_net)) as made:
        yield made


@pytest.fixture
def own_world() -> Iterator[World]:
    """A new gate in namespaces of its own, which the test may take apart."""
    with new_world() as made:
        yield made
