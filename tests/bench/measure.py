# SPDX-License-Identifier: MIT
"""What every part of the benchmark uses: timed runs that take turns, what
a process needs, and results that know what they ought to be."""

import dataclasses
import os
import pathlib
import statistics
import time

TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass
class Result:
    """One figure: the median of its runs, and what it is compared with.
    goal is (relation, number), as (">=", 0.7), or None."""

    part: str
    what: str
    unit: str
    runs: list
    goal: tuple = None

    @property
    def value(self):
        return statistics.median(self.runs)

    @property
    def met(self):
        if self.goal is None:
            return None
        relation, number = self.goal
        return self.value >= number if relation == ">=" else self.value <= number

    def as_dict(self):
        return {"part": self.part, "what": self.what, "unit": self.unit, "median": self.value,
                "lowest": min(self.runs), "highest": max(self.runs), "runs": self.runs,
                "goal": self.goal and " ".join(map(str, self.goal)), "met": self.met}


def take_turns(variants, runs, progress):
    """{name: function that runs once and returns a figure}: each variant
    runs once, then each again, so that what else the machine does falls on
    all of them. {name: [figures]}"""
    figures = {name: [] for name in variants}
    for number in range(runs):
        for name, run in variants.items():
            figures[name].append(run())
            progress(f"{name}, run {number + 1} of {runs}: {figures[name][-1]:.4g}")
    return figures


def ratios(figures, name, to):
    """Of each run to that of its own turn."""
    return [a / b for a, b in zip(figures[name], figures[to])]


def timed(run):
    begun = time.monotonic()
    run()
    return time.monotonic() - begun


def pss_kb(pid):
    """A process's share of memory (proportional set size), in kB; 0 if it
    is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")), 0)


def family(pid):
    """A process and all below it."""
    found = [pid]
    for number in found:
        for task in pathlib.Path(f"/proc/{number}/task").glob("*/children"):
            try:
                found += [int(p) for p in task.read_text(encoding="ascii").split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
    return found


def cpu_seconds(pid):
    """Processor time of a process, of all below it, and of those that have
    ended."""
    ticks = 0
    for number in family(pid):
        try:
            text = pathlib.Path(f"/proc/{number}/stat").read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            continue
        ticks += sum(int(f) for f in text.rpartition(")")[2].split()[11:15])
    return ticks / TICKS


def written_bytes(pid):
    """What a process has caused to be written to disk."""
    for line in pathlib.Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise ValueError("no write_bytes")


def table(results):
    rows = [("part", "what", "median", "lowest", "highest", "unit", "goal", "")]
    for r in results:
        verdict = {None: "", True: "met", False: "NOT MET"}[r.met]
        goal = " ".join(map(str, r.goal)) if r.goal else ""
        rows.append((r.part, r.what, *(f"{n:.4g}" for n in (r.value, min(r.runs), max(r.runs))), r.unit, goal, verdict))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [c.rjust(w) if 2 <= i <= 4 else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
