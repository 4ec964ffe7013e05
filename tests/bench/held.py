# SPDX-License-Identifier: MIT
"""A node that holds 100,000 bundles for ten homes which are away: the
memory of each, the start, and what relayd does while nothing happens."""

import tempfile
import time

from measure import Result, cpu_seconds, pss_kb, timed, written_bytes
from relay_net import Net, wait_for

HOMES = 10
WATCHED = 600  # s; an hour is reckoned from it


def relayd_pid(net):
    """`ip netns exec` becomes what it runs."""
    return net.alice.relayd.p.pid


def restarted(net):
    net.alice.relayd.stop()
    return timed(net.alice.start)


def run(options, progress):
    base = tempfile.mkdtemp(prefix="agamid-bench-", dir=options.dir)
    net = Net(base, ["alice", *(f"home{n}" for n in range(HOMES))])
    try:
        yield from measured(net, options, progress)
    finally:
        net.close()


def measured(net, options, progress):
    alice = net.alice
    alice.settings = {"reserve": "1M"}  # with a user's times
    net.configure()
    count = options.count(100000) // HOMES * HOMES
    alice.start()
    restarted(net)
    empty = pss_kb(relayd_pid(net))
    for n in range(HOMES):
        alice.bundles(f"home{n}", count // HOMES, size=1000, copies=1)
        progress(f"{(n + 1) * count // HOMES} bundles made")
    wait_for(lambda: len(alice.held()) == count, 1800, "all held")
    starts = []
    for number in range(options.runs):
        starts.append(restarted(net))
        progress(f"start {number + 1} of {options.runs}: {starts[-1]:.3f} s")
    # The first calls to the absent are over.
    wait_for(lambda: all(alice.logged(f"peer=home{n}") for n in range(HOMES)), 60, "ten calls")
    used = pss_kb(relayd_pid(net))
    pid, begun = relayd_pid(net), time.monotonic()
    cpu, written = cpu_seconds(pid), written_bytes(pid)
    end = begun + max(WATCHED * options.scale, 10)
    wait_for(lambda: time.monotonic() > end, WATCHED + 60, "that time to pass")
    hour = 3600 / (time.monotonic() - begun)
    yield Result("held", f"memory of each of {count}", "bytes", [(used - empty) * 1024 / count], ("<=", 100))
    yield Result("held", f"start with {count}", "s", starts, ("<=", 1))
    yield Result("held", "processor time in an hour", "s", [(cpu_seconds(pid) - cpu) * hour], ("<=", 1))
    yield Result("held", "written in an hour", "bytes", [(written_bytes(pid) - written) * hour], ("<=", 0))
