# SPDX-License-Identifier: MIT
"""Fixtures: one key, one sealer, one Dovecot for a module's tests."""
import os
import pathlib

import pytest

from dovebox import Dovecot, Key, Sealer

PASSWORD = "frank's pass"


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: long; only with AGAMID_SOAK set")


def pytest_collection_modifyitems(items, config):
    """The long ones are another run's: they are left out, not skipped."""
    if "AGAMID_SOAK" in os.environ:
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    items[:] = [item for item in items if item not in long]
    config.hook.pytest_deselected(items=long)


@pytest.fixture(scope="session")
def key(tmp_path_factory):
    key = Key(tmp_path_factory.mktemp("key"), PASSWORD)
    yield key
    key.close()


@pytest.fixture(scope="session")
def sealer(tmp_path_factory, key):
    return Sealer(pathlib.Path(tmp_path_factory.mktemp("sealer")), key)


@pytest.fixture(scope="session")
def ending():
    """Dovecots that were told to end."""
    boxes = []
    yield boxes
    for box in boxes:
        box.close()


@pytest.fixture
def dovecot(key, sealer, ending):
    """Make Dovecots: dovecot(location=...); all end with the test."""
    made = []

    def make(with_key=True, **how):
        box = Dovecot(**how)
        made.append(box)
        box.install(key if with_key else None, sealer)
        return box.start()
    yield make
    for box in made:
        box.end()
    ending.extend(made)
