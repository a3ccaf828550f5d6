"""The chart follows the topology: its generated files are up to date, and a changed port reaches everything."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from appliance.programs.images import IMAGES
from appliance.rendering.chart import build_chart_files
from appliance.rendering.chart_readme import UndocumentedError, list_entries
from appliance.rendering.helm import BROKER_DATABASE, METRICS_PATH, build_base_settings, build_document
from appliance.settings import Settings
from appliance.settings.environment import REPOSITORY
from inference.engine_proxy.routing import ROUTES
from tests.helm.helm import CHART, Helm, Object, find, read_settings, read_values
from webapp.config import connections

PORTS = {
    "web.port": 8401,
    "engine_proxy.port": 8444,
    "egress.port": 3129,
    "model.port": 8411,
    "embeddings.port": 8421,
    "redis.port": 6380,
    "database.port": 5433,
}


@pytest.mark.parametrize("path", build_chart_files(), ids=lambda path: path.name)
def test_generated_file_is_up_to_date(path: Path) -> None:
    """`make generate` would change nothing."""
    assert path.read_text(encoding="utf-8") == build_chart_files()[path]


def test_check_names_the_file_that_is_out_of_date() -> None:
    command = [sys.executable, "-m", "appliance.rendering.chart", "--check"]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def with_port(key: str, number: int) -> Settings:
    section, _, name = key.partition(".")
    settings = build_base_settings()
    changed = getattr(settings, section).model_copy(update={name: number})
    return settings.model_copy(update={section: changed})


@pytest.mark.parametrize(("key", "number"), PORTS.items())
def test_changed_port_reaches_all_that_the_chart_renders(helm: Helm, tmp_path: Path, key: str, number: int) -> None:
    """Services, containers, probes, commands, policies and settings: the old number is nowhere left."""
    section, _, name = key.partition(".")
    before = getattr(getattr(build_base_settings(), section), name)
    chart = tmp_path / "appliance"
    shutil.copytree(CHART, chart)
    document = build_document(with_port(key, number))
    (chart / "files" / "topology.json").write_text(json.dumps(document), encoding="utf-8")
    values = read_values("models") | {"fullnameOverride": "a"}
    text = json.dumps([strip_random(each) for each in helm.render(values, chart=chart)])
    assert re.findall(rf"(?<![\w.]){before}(?![\w.])", text) == []
    assert re.findall(rf"(?<![\w.]){number}(?![\w.])", text)


def strip_random(each: Object) -> Object:
    return {**each, "data": {}} if each["kind"] == "Secret" else each


def test_ports_are_where_the_topology_says(rendered: dict[str, list[Object]]) -> None:
    """The same by hand, for the port that people see."""
    objects = rendered["minimum"]
    port = build_base_settings().web.port
    container: dict[str, Any] = find(objects, "Deployment", "appliance-web")["spec"]["template"]["spec"]["containers"][
        0
    ]
    assert container["ports"] == [{"name": "http", "containerPort": port, "protocol": "TCP"}]
    assert container["command"][container["command"].index("--port") + 1] == str(port)
    assert find(objects, "Service", "appliance-web")["spec"]["ports"][0]["port"] == port
    assert find(objects, "NetworkPolicy", "appliance-web")["spec"]["ingress"][0]["ports"][0]["port"] == port
    assert read_settings(objects, "appliance-config")["web"]["port"] == port


def test_constants_are_those_of_the_programs() -> None:
    """Rendering may not import the web application, nor the proxy, so it repeats three words of theirs."""
    assert connections.BROKER_DATABASE == BROKER_DATABASE
    assert ("GET", METRICS_PATH) in ROUTES


def test_every_component_that_runs_has_an_image() -> None:
    document = build_document(build_base_settings())
    ran = {container["name"] for containers in document["containers"].values() for container in containers}
    assert ran | {"setup"} == {name for image in IMAGES.values() for name in image.components}


def test_undocumented_value_is_noticed() -> None:
    assert [entry.path for entry in list_entries("# One.\na: 1\nb:\n  # Two.\n  c: 2\n")] == [("a",), ("b", "c")]
    with pytest.raises(UndocumentedError, match=r"b\.d"):
        list(list_entries("b:\n  # Two.\n  c: 2\n\n  d: 3\n"))
