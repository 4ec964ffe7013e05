# SPDX-License-Identifier: MIT
"""Fixtures: one lab of the four friends for all tests of a run. Before
each test every node is up, joined and quiet; after a failed one the logs
are shown."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from labkit import story, wait  # noqa: E402
from labkit.lab import Lab  # noqa: E402


@pytest.fixture(scope="session")
def whole_lab():
    root, system = os.environ.get("AGAMID_LAB_ROOT"), os.environ.get("AGAMID_LAB_SYSTEM")
    assert root or system, "AGAMID_LAB_ROOT must name where make install DESTDIR= put Agamid"
    lab = Lab(f"t{os.getpid()}", os.environ.get("AGAMID_LAB_NODES"), root, system)
    lab.up()
    yield lab
    lab.down()


def empty_mailboxes(lab):
    """Or each look into one takes longer than the last."""
    for node in lab.nodes.values():
        for path in (node.directory / "var/mail").rglob("*"):
            if path.parent.name in ("cur", "new"):
                path.unlink()


def settle(lab):
    """Every node runs and is reachable, no bundle is under way."""
    for node in lab.nodes.values():
        node.heal()
        faults = node.path("/run/agamid-faults")
        if node.pid is None:
            lab.start(node)
        elif faults.exists():
            faults.unlink()
        node.start_services()
    for node in lab.nodes.values():
        lab.ready(node)
    wait.until(lambda: not story.spooled(lab), 180, "spools to be empty")
    empty_mailboxes(lab)


@pytest.fixture
def lab(whole_lab):
    settle(whole_lab)
    return whole_lab


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    lab = item.funcargs.get("lab") if hasattr(item, "funcargs") else None
    if report.failed and lab is not None:
        for node in lab.all():
            report.sections.append((f"logs of {node.name}", node.log_text()))
