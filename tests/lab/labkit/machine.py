# SPDX-License-Identifier: MIT
"""A host from a Debian root (tests/root), under that Debian's own systemd.

The root itself is only read: what the host writes lies above it in memory
(overlay on tmpfs), so that nothing is left of it when it is switched off.
It has its own process, mount, host name, IPC and network namespaces and its
own branch of the control groups; the kernel's settings it can't change."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess

from . import wait
from .node import alive, children, ip

# Before its systemd: one more program of the host's than is needed to make
# the mounts would be one too many.
STAND = r"""
name=$1 root=$2 work=$3 packages=$4 before=$5
mount -t cgroup2 cgroup2 "$work"
mkdir -p "$work/$name"
echo $$ >"$work/$name/cgroup.procs"
exec unshare -C -p -f -i -u --kill-child bash -euc '
name=$1 root=$2 new=$3 packages=$4 before=$5
umount "$new"
mount -t tmpfs -o mode=755 tmpfs "$new"
mkdir "$new/upper" "$new/work" "$new/root"
mount -t overlay -o "lowerdir=$root,upperdir=$new/upper,workdir=$new/work" overlay "$new/root"
new=$new/root
hostname "$name"
mount --bind -o ro "$packages" "$new/mnt"
mount -t proc proc "$new/proc"
mount --bind -o ro "$new/proc/sys" "$new/proc/sys"
mount -t sysfs -o ro sysfs "$new/sys"
mount -t cgroup2 cgroup2 "$new/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$new/run"
mount -t tmpfs -o mode=755 tmpfs "$new/dev"
for device in null zero full random urandom; do
	touch "$new/dev/$device"
	mount --bind "/dev/$device" "$new/dev/$device"
done
mkdir "$new/dev/pts" "$new/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$new/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$new/dev/shm"
ln -s pts/ptmx "$new/dev/ptmx"
ln -s /proc/self/fd "$new/dev/fd"
cd "$new"
pivot_root . .
umount -l .
cd /
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
# What a host in a namespace has no use for.
mkdir -p /run/systemd/system
for unit in apt-daily.timer apt-daily-upgrade.timer console-getty.service \
    dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    ldconfig.service sys-fs-fuse-connections.mount systemd-logind.service \
    systemd-modules-load.service systemd-sysctl.service; do
	ln -s /dev/null "/run/systemd/system/$unit"
done
bash -euc "$before"
exec env -i container=lxc PATH="$PATH" /lib/systemd/systemd --system
' boot "$name" "$root" "$work" "$packages" "$before"
"""
# A group that still has a dying process can't be removed.
PRUNE = """
mount -t cgroup2 cgroup2 "$1"
find "$1/$2" -depth -type d -exec rmdir {} + 2>/dev/null
"""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def is_process_one(pid):
    """Of a process namespace of its own."""
    with contextlib.suppress(OSError):
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        return re.search(r"^NSpid:\t.*\t1$", status, re.M) is not None
    return False


class Machine:
    """name is its host name; netns its network namespace, made by
    join_network(); directory is for its own few files; before is what bash
    does in it ahead of its systemd; packages is bound to /mnt."""

    def __init__(self, name, root, packages, directory, before=""):
        self.name = name
        self.root = root
        self.packages = packages
        self.log = directory / f"{name}.log"
        self.work = directory / f"{name}.work"  # to mount on
        self.before = before
        self.netns = f"ag-{os.getpid()}-{name.split('.')[0]}"
        self.pid = None

    def join_network(self, switch, address):
        """A cable to the bridge br0 of the namespace switch."""
        ip("netns", "add", self.netns)
        port = f"p-{self.name.split('.')[0]}"[:15]
        ip("-n", switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", self.netns)
        ip("-n", switch, "link", "set", port, "master", "br0", "up")
        ip("-n", self.netns, "link", "set", "lo", "up")
        ip("-n", self.netns, "addr", "add", f"{address}/24", "dev", "eth0")
        ip("-n", self.netns, "link", "set", "eth0", "up")

    def boot(self):
        self.work.mkdir()
        with open(self.log, "ab") as log:
            shim = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.netns}", "unshare", "-m", "--propagation", "private",
                 "bash", "-euc", STAND, "stand", self.name, str(self.root), str(self.work), str(self.packages), self.before],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        wait.until(lambda: self._is_made(shim), 60, f"{self.name}'s first process")
        state = wait.until(lambda: self._state(), 60, f"{self.name}'s systemd")
        if state != "running":
            raise RuntimeError(f"{self.name} is {state}:\n{self.journal()}")

    def _is_made(self, shim):
        if shim.poll() is not None:
            raise RuntimeError(f"{self.name} did not boot:\n{self.log.read_text()}")
        self.pid = next((pid for pid in children(shim.pid) if is_process_one(pid)), None)
        return self.pid

    def _state(self):
        said = self.exec("systemctl", "is-system-running", check=False).stdout.strip()
        return said if said in ("running", "degraded") else None

    def off(self):
        """Every process of it dies at once, and its mounts go with them."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            wait.until(lambda: not alive(self.pid), 60, f"{self.name} to die")
            self.pid = None
            wait.until(lambda: subprocess.run(["unshare", "-m", "--propagation", "private", "bash", "-c", PRUNE, "prune",
                                               str(self.work), self.name]).returncode == 0, 20, "its control groups")
        if os.path.exists(f"/run/netns/{self.netns}"):
            ip("netns", "del", self.netns)

    def exec(self, *argv, check=True, stdin=None):
        """Run a command in it; its CompletedProcess (text)."""
        result = subprocess.run(
            ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "-C", "--", "/usr/bin/env", "-i",
             f"PATH={PATH}", "HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", *map(str, argv)],
            input=stdin, capture_output=True, text=True)
        if check and result.returncode != 0:
            raise RuntimeError(f"{self.name}: {' '.join(map(str, argv))}: exit {result.returncode}\n"
                               f"{result.stdout}{result.stderr}")
        return result

    def shell(self, script, check=True):
        return self.exec("bash", "-euc", script, check=check).stdout

    def path(self, inner):
        """A file of it, seen from outside."""
        return f"/proc/{self.pid}/root{inner}"

    def journal(self):
        return self.exec("bash", "-c", "systemctl --failed; journalctl -q | grep -v imap | tail -n 200; true").stdout
