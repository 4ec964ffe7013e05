# SPDX-License-Identifier: MIT
"""Fixtures: one key, one sealer, one Dovecot for a module's tests."""
import os
import pathlib

import pytest

from dovebox import Dovecot, Key, Sealer

PASSWORD = "frank's pass"


# Marker: the variable of the environment without which it is left out.
WANTED = {"soak": "AGAMID_SOAK", "imaptest": "AGAMID_IMAPTEST"}


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "both: tests/all runs it on Dovecot 2.4, too")
    for marker, variable in WANTED.items():
        config.addinivalue_line(
            "markers", f"{marker}: only where {variable} is set")


def is_wanted(item):
    return all(variable in os.environ or not item.get_closest_marker(marker)
               for marker, variable in WANTED.items())


def pytest_collection_modifyitems(items, config):
    """What is another run's is left out, not skipped."""
    config.hook.pytest_deselected(
        items=[item for item in items if not is_wanted(item)])
    items[:] = [item for item in items if is_wanted(item)]


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
