"""Checkov on what the chart renders: what it reports is exactly what helm/checkov.yaml explains."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from appliance.settings.environment import REPOSITORY
from tests.helm.helm import DEPLOY, NAMESPACE, Object

EXPLAINED: dict[str, Any] = yaml.safe_load((REPOSITORY / "helm" / "checkov.yaml").read_text(encoding="utf-8"))
Report = dict[str, set[tuple[str, str]]]  # check to values file and component


@pytest.fixture(scope="module")
def reported(rendered: dict[str, list[Object]], tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("rendered")
    components = {}
    for name, objects in rendered.items():
        # As Helm does: the chart names no namespace, so everything goes into the release's.
        placed = [{**each, "metadata": {**each["metadata"], "namespace": f"{NAMESPACE}-{name}"}} for each in objects]
        (folder / f"{name}.yaml").write_text(yaml.safe_dump_all(placed), encoding="utf-8")
        for each in placed:
            place = f"{each['kind']}.{NAMESPACE}-{name}.{each['metadata']['name']}"
            components[place] = (name, each["metadata"]["labels"]["app.kubernetes.io/component"])
    return run_checkov(folder, components)


def run_checkov(folder: Path, components: dict[str, tuple[str, str]]) -> Report:
    command = [str(DEPLOY / "checkov"), "--directory", str(folder), "--framework", "kubernetes", "--output", "json"]
    # Its own exit code says that it found something; it reads no policies from anywhere else.
    result = subprocess.run(
        [*command, "--quiet", "--compact", "--skip-download"], capture_output=True, text=True, check=False
    )
    document = json.loads(result.stdout)
    assert document["summary"]["parsing_errors"] == 0
    assert document["summary"]["passed"] > 1000
    found: Report = {}
    for each in document["results"]["failed_checks"]:
        found.setdefault(each["check_id"], set()).add(components[each["resource"].split(" ")[0]])
    return found


def test_everything_reported_is_explained_and_nothing_else(reported: Report) -> None:
    assert {check: {component for _, component in places} for check, places in reported.items()} == {
        check: set(entry["of"]) for check, entry in EXPLAINED.items()
    }


def test_images_by_digest_are_not_reported(reported: Report) -> None:
    assert not {name for name, _ in reported["CKV_K8S_43"]} & {"external", "external-upgrade"}


def test_every_exception_says_why() -> None:
    for check, entry in EXPLAINED.items():
        assert set(entry) == {"what", "of", "why"}, check
        assert len(entry["why"]) > 60, check
