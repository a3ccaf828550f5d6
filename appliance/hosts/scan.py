#!/usr/bin/env python3
"""Find every open TCP port of a machine: ``scan.py ADDRESS`` prints JSON. Standard library only: it is sent to hosts.

A port is open when a connection is made; one that refuses or stays silent is not. ``from`` is the address that the
machine saw, by which the firewall judged.
"""

import errno
import json
import resource
import selectors
import socket
import sys
import time
from collections.abc import Iterable

WAIT_SECONDS = 1.5
AT_ONCE = 6000
ALL_PORTS = range(1, 65536)


def scan(address: str, ports: Iterable[int]) -> list[int]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    at_once = min(AT_ONCE, (most if most > 0 else 1024) - 64)
    wanted = list(ports)
    found = []
    for start in range(0, len(wanted), at_once):
        found += scan_some(address, wanted[start : start + at_once])
    return sorted(found)


def scan_some(address: str, ports: Iterable[int]) -> list[int]:
    found: list[int] = []
    waiting = selectors.DefaultSelector()
    for port in ports:
        attempt = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        attempt.setblocking(False)
        code = attempt.connect_ex((address, port))
        if code == errno.EINPROGRESS:
            waiting.register(attempt, selectors.EVENT_WRITE, (attempt, port))
        else:
            found += [port] if code == 0 else []
            attempt.close()
    deadline = time.monotonic() + WAIT_SECONDS
    while waiting.get_map() and (left := deadline - time.monotonic()) > 0:
        for key, _ in waiting.select(left):
            attempt, port = key.data
            if attempt.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                found.append(port)
            waiting.unregister(attempt)
            attempt.close()
    for key in list(waiting.get_map().values()):
        key.data[0].close()
    waiting.close()
    return found


def find_own_address(address: str) -> str:
    """Which of this machine's addresses it would come from; nothing is sent."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((address, 9))
        return str(probe.getsockname()[0])


if __name__ == "__main__":
    answer = {"from": find_own_address(sys.argv[1]), "open": scan(sys.argv[1], ALL_PORTS)}
    sys.stdout.write(json.dumps(answer) + "\n")
