"""The scanner against real sockets."""

import json
import socket
import subprocess
import sys

from appliance.hosts import scan


def test_scan_finds_what_listens_and_nothing_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        ports = sorted([one.getsockname()[1], two.getsockname()[1]])
        with socket.create_server(("127.0.0.1", 0)) as closed:
            gone = closed.getsockname()[1]
        assert scan.scan("127.0.0.1", [*ports, gone]) == ports


def test_program_says_from_where_it_looked() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = subprocess.run([sys.executable, scan.__file__, "127.0.0.1"], capture_output=True, text=True, check=True)
        answer = json.loads(done.stdout)
        assert answer["from"] == "127.0.0.1"
        assert server.getsockname()[1] in answer["open"]
