# SPDX-License-Identifier: MIT
"""labkit - a laboratory of real mail hosts on one machine.

Each host is a set of namespaces (network, mount, uts, ipc, pid) with its
own /etc, /var/spool, /var/lib, /var/log, /var/mail, /home, /tmp and /run,
in which the unmodified Debian programs and the Agamid under test run with
their usual paths.

  topology.py    which nodes there are (a YAML file)
  files.py       what is written into a node before its first start
  node.py        one node: namespaces, boot, exec, power, cable
  node_init.py   process 1 of a node: mounts, then supervises services
  lab.py         all of them: up, down, zone, manifests to and fro
  netns.py       sockets inside a node's network, for tests
"""
