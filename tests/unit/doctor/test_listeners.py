"""Listening ports are read from /proc without other tools."""

import os
import socket

from appliance.doctor.examine import parse_meminfo
from appliance.doctor.listeners import find_listeners, parse_listening

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:20D0 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0
   1: 0100007F:20D0 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0 100 0 0 10 0
   2: 00000000000000000000000001000000:0016 00000000:0000 0A 0:0 00:0 0 0 0 4713 1
"""


def test_only_listening_sockets_count() -> None:
    assert parse_listening(TABLE) == {8400: "4711", 22: "4713"}


def test_listener_is_found_with_its_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = find_listeners([port])
    assert found[port].process.startswith(f"process {os.getpid()} (")


def test_free_port_has_no_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert find_listeners([port]) == {}


def test_meminfo_is_in_bytes() -> None:
    assert parse_meminfo("MemTotal:  2048 kB\nHugePages_Total: 0\nMemAvailable: 1024 kB\n") == {
        "MemTotal": 2 * 2**20, "MemAvailable": 2**20,
    }  # fmt: skip
