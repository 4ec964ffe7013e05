# SPDX-License-Identifier: MIT
"""Waiting on a condition, with a deadline: never a bare sleep."""

import time


class Deadline(AssertionError):
    """What was waited for did not come."""


def until(condition, seconds, what, every=0.02):
    """The first true value of condition() within seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Deadline(f"waited {seconds} s for {what}")
        time.sleep(every)
