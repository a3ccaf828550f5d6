"""Ask the deploy environment's Helm, and read what it renders."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from appliance.settings.environment import REPOSITORY
from tests.helm.cluster import Cluster

CHART = REPOSITORY / "helm" / "appliance"
DEPLOY = REPOSITORY / ".venv" / "deploy" / "bin"
VALUES = Path(__file__).with_name("values")
RELEASE, NAMESPACE = "appliance", "llm"
POD_KINDS = ("Deployment", "Job")
Object = dict[str, Any]


class HelmRefusedError(Exception):
    """Helm's own words."""


@dataclass
class Helm:
    """One process that renders for the whole test session."""

    process: "subprocess.Popen[str]"

    def ask(self, ask: str, **request: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"ask": ask, **request}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise HelmRefusedError(answer["error"])
        return answer["result"]

    def operate(self, verb: str, cluster: Cluster, **options: Any) -> list[Object]:
        """``install``, ``upgrade``, ``rollback`` or ``uninstall`` the release there; what is then installed."""
        text = self.ask("operate", verb=verb, server=cluster.url, name=RELEASE, namespace=NAMESPACE, **options)
        return list(read_objects(text))

    def render(self, values: Mapping[str, Any], *, chart: Path = CHART, upgrade: bool = False) -> list[Object]:
        """Every object that an installation (or upgrade) with these values makes, hooks included."""
        files = self.ask("render", chart=str(chart), values=values, upgrade=upgrade, name=RELEASE, namespace=NAMESPACE)
        return [each for path, text in files.items() if path.endswith(".yaml") for each in read_objects(text)]


def read_objects(text: str) -> Iterator[Object]:
    for document in yaml.safe_load_all(text):
        if document is not None:
            yield cast(Object, document)


def read_values(name: str) -> dict[str, Any]:
    values: dict[str, Any] = yaml.safe_load((VALUES / f"{name}.yaml").read_text(encoding="utf-8"))
    return values


def list_value_files() -> list[str]:
    return sorted(path.stem for path in VALUES.glob("*.yaml"))


def with_value(values: Mapping[str, Any], dotted: str, value: Any) -> dict[str, Any]:
    """A copy with one value set, its sections made as needed."""
    copy: dict[str, Any] = json.loads(json.dumps(values))
    *sections, key = dotted.split(".")
    here: Any = copy
    for section in sections:
        here = here[int(section)] if isinstance(here, list) else here.setdefault(section, {})
    here[int(key) if isinstance(here, list) else key] = value
    return copy


def find(objects: list[Object], kind: str, name: str) -> Object:
    return next(each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name)


def list_pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Name and Pod template of everything that makes Pods of ours."""
    for each in objects:
        if each["kind"] in POD_KINDS:
            yield each["metadata"]["name"], each["spec"]["template"]


def list_containers(pod: Object) -> list[Object]:
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


def read_settings(objects: list[Object], name: str) -> dict[str, Any]:
    """``appliance.yaml`` in the ConfigMap ``name``."""
    settings: dict[str, Any] = yaml.safe_load(find(objects, "ConfigMap", name)["data"]["appliance.yaml"])
    return settings
