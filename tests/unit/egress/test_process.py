"""The process itself: where it listens, and that it needs a layout that has it."""

import http.client
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance.settings import environment
from tests.engines.launch import free_port

HOSTS = """
layout: hosts
data_dir: var
database: {{host: /run/postgresql}}
redis: {{socket: /run/valkey/valkey.sock}}
engine_proxy: {{ca_file: ca.pem, certificate_file: certificate.pem, key_file: key.pem}}
egress: {{port: {port}, allow: [hooks.example.com:443]}}
"""


def start(config: Path) -> "subprocess.Popen[str]":
    env = {"APPLIANCE_CONFIG": str(config), "PYTHONPATH": str(environment.REPOSITORY), "PATH": "/usr/bin:/bin"}
    argv = [sys.executable, "-P", "-m", "appliance.egress"]
    return subprocess.Popen(argv, env=env, stderr=subprocess.PIPE, text=True, cwd=config.parent)


def ask(port: int, method: str, target: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, target)
        return connection.getresponse().status
    finally:
        connection.close()


def test_process_listens_where_the_topology_says_and_stops_when_told(tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "appliance.yaml"
    config.write_text(HOSTS.format(port=port))
    with start(config) as process:
        try:
            assert process.stderr
            assert f"listening on 127.0.0.1 port {port}; allowed: hooks.example.com:443" in process.stderr.readline()
            assert ask(port, "GET", "/healthz") == 200
            assert ask(port, "CONNECT", "example.com:443") == 403
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            rest = process.stderr.read()
            assert process.wait(10) == 0
            assert time.monotonic() - began < 5
        finally:
            process.kill()
    assert "refused example.com:443 for 127.0.0.1: egress.allow does not name it" in rest
    assert "Traceback" not in rest


@pytest.mark.parametrize(("text", "problem"), [("layout: embedded", "has no egress"), ("egres: 1", "did you mean")])
def test_process_without_a_place_for_it_says_why(tmp_path: Path, text: str, problem: str) -> None:
    config = tmp_path / "appliance.yaml"
    config.write_text(text)
    with start(config) as process:
        assert process.stderr
        assert problem in process.stderr.read()
        assert process.wait(10) == 3
