"""The port matrix says what the topology says."""

import json
import subprocess
import sys
from pathlib import Path

from appliance.rendering.ports import Row, list_rows
from appliance.settings import environment
from appliance.topology import build_topology
from tests.unit.topology.layouts import TLS, hosts


def test_row_says_where_and_how(tmp_path: Path) -> None:
    rows = list(list_rows(build_topology(hosts(engine_proxy={**TLS, "port": 9443}))))
    assert [row for row in rows if (row.source, row.target) == ("ingester", "engine-proxy")] == [
        Row("ingester", "engine-proxy", "0.0.0.0:9443", "tcp 9443", "TLS with client certificates", "network",
            ("documents", "embeddings"), "Embeds passages."),
    ]  # fmt: skip


def test_every_flow_has_a_row() -> None:
    topology = build_topology(hosts())
    assert {(row.source, row.target) for row in list_rows(topology)} == {
        (flow.source, flow.target) for flow in topology.flows
    }


def test_command_prints_the_matrix() -> None:
    command = [sys.executable, "-m", "appliance.rendering", "ports"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=environment.REPOSITORY).stdout
    document = json.loads(printed)
    assert document["schema_version"] == 1
    assert {"source": "browser", "target": "web"}.items() <= document["ports"][0].items()
