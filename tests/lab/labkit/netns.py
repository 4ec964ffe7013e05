# SPDX-License-Identifier: MIT
"""Sockets inside a node's network, for tests and the demo."""

import contextlib
import ctypes
import os
import threading

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def _setns(fd):
    if _LIBC.setns(fd, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextlib.contextmanager
def inside(name):
    """While in the block, this thread makes its sockets in the named
    network namespace; a socket stays where it was made."""
    home = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        _setns(there)
        yield
    finally:
        _setns(home)
        os.close(home)
        os.close(there)
