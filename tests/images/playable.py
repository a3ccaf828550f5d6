"""From what the chart renders to what podman 4.3 can play. Pure. Every difference between the two is made in this file.

1.  A Deployment or Job becomes one Pod of its template: each has an address of its own, and podman knows no Job. A
    Deployment's containers are restarted on failure only: podman would restart an init container that is done, too.
2.  podman's volumes are the machine's, so their names get the Pod's in front.
3.  A volume of Secrets, projected or not, becomes one of a ConfigMap with the same files: podman would write a Secret's
    values without decoding them, and takes no projection. ``defaultMode`` and ``fsGroup`` are not known: the files are
    root's and anybody's to read. An emptyDir has no size.
4.  An emptyDir in memory becomes a folder below :data:`MEMORY`, where somebody has to mount a tmpfs of its size.
5.  Ports, probes and ``lifecycle`` are taken out: podman would publish the ports on the machine, and asks no such
    probe. The tests ask the probes (see :mod:`tests.images.kubelet`).
6.  Services become ``hostAliases``: the name of each leads to the one Pod that it selects.
7.  ``$(NAME)`` in a command is filled in from the container's ``env``, as the kubelet does.

NetworkPolicies, PodDisruptionBudgets and ServiceAccounts are not played: instead, the Pods' network has no way out.
"""

import base64
import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tests.images.ground import BUILD

Object = dict[str, Any]
VARIABLE = re.compile(r"\$\(([A-Z_]+)\)")
MEMORY = BUILD / "memory"
NOT_TAKEN = ("ports", "startupProbe", "readinessProbe", "livenessProbe", "lifecycle")


class NotPlayableError(Exception):
    """The chart renders something that nobody has decided about here."""


@dataclass(frozen=True)
class Playable:
    """One Pod for ``podman kube play``, with the ConfigMaps that it reads; ``template`` is as rendered."""

    name: str
    component: str
    template: Object
    documents: tuple[Object, ...]

    def list_in_memory(self) -> dict[str, str]:
        """The names below :data:`MEMORY`, with their sizes in Kubernetes' words."""
        return {
            f"{self.name}-{volume['name']}": volume["emptyDir"]["sizeLimit"]
            for volume in self.template["spec"].get("volumes", [])
            if volume.get("emptyDir", {}).get("medium") == "Memory"
        }

    @property
    def text(self) -> str:
        return yaml.safe_dump_all(self.documents, sort_keys=False)


def build_playables(objects: Iterable[Object], addresses: Mapping[str, str]) -> list[Playable]:
    """Every Pod that the objects make. ``addresses``: each component's, by its name."""
    known = list(objects)
    sources = {
        (each["kind"], each["metadata"]["name"]): each for each in known if each["kind"] in ("ConfigMap", "Secret")
    }
    owners = [each for each in known if each["kind"] in ("Deployment", "Job")]
    aliases = build_aliases(known, addresses)
    return [_build_playable(owner, sources, aliases) for owner in owners]


def read_component(template: Object) -> str:
    component: str = template["metadata"]["labels"]["app.kubernetes.io/component"]
    return component


def build_aliases(objects: Iterable[Object], addresses: Mapping[str, str]) -> list[Object]:
    """Each Service's name at the address of the component that it selects."""
    names: dict[str, list[str]] = {}
    for each in objects:
        if each["kind"] == "Service":
            address = addresses[each["spec"]["selector"]["app.kubernetes.io/component"]]
            names.setdefault(address, []).append(each["metadata"]["name"])
    return [{"ip": address, "hostnames": hostnames} for address, hostnames in sorted(names.items())]


def _build_playable(owner: Object, sources: Mapping[tuple[str, str], Object], aliases: list[Object]) -> Playable:
    name, template = owner["metadata"]["name"], owner["spec"]["template"]
    spec = copy.deepcopy(template["spec"])
    spec["restartPolicy"] = "OnFailure" if owner["kind"] == "Deployment" else spec["restartPolicy"]
    spec["hostAliases"] = aliases
    made: list[Object] = []
    spec["volumes"] = [_build_volume(name, volume, sources, made) for volume in spec.get("volumes", [])]
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        for key in NOT_TAKEN:
            container.pop(key, None)
        for mount in container.get("volumeMounts", []):
            mount["name"] = f"{name}-{mount['name']}"
        container["env"] = [_build_variable(name, variable, sources) for variable in container.get("env", [])]
        container["command"] = _fill_in(container["command"], container["env"])
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": template["metadata"]["labels"]},
        "spec": spec,
    }
    return Playable(name, read_component(template), template, (*made, pod))


def _fill_in(command: list[str], variables: list[Object]) -> list[str]:
    values = {variable["name"]: variable["value"] for variable in variables}
    return [VARIABLE.sub(lambda found: str(values[found[1]]), word) for word in command]


def _build_variable(pod: str, variable: Object, sources: Mapping[tuple[str, str], Object]) -> Object:
    if "value" in variable:
        return variable
    reference = variable["valueFrom"]["secretKeyRef"]
    contents = read_contents(sources["Secret", reference["name"]])
    return {"name": variable["name"], "value": contents[reference["key"]]}


def _build_volume(pod: str, volume: Object, sources: Mapping[tuple[str, str], Object], made: list[Object]) -> Object:
    name = f"{pod}-{volume['name']}"
    (kind,) = volume.keys() - {"name"}
    if kind == "emptyDir":
        if volume[kind].get("medium") == "Memory":
            return {"name": name, "hostPath": {"path": str(MEMORY / name), "type": "Directory"}}
        return {"name": name, "emptyDir": {}}
    if kind == "persistentVolumeClaim":
        return {"name": name, kind: {"claimName": volume[kind]["claimName"]}}
    if kind == "configMap":
        files = sources["ConfigMap", volume[kind]["name"]]["data"]
    elif kind == "secret":
        files = _select(sources["Secret", volume[kind]["secretName"]], volume[kind].get("items"))
    elif kind == "projected":
        files = {}
        for each in volume[kind]["sources"]:
            files |= _select(sources["Secret", each["secret"]["name"]], each["secret"].get("items"))
    else:
        raise NotPlayableError(f"{pod} has a volume of kind {kind}; say in playable.py what becomes of it.")
    made.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": files})
    return {"name": name, "configMap": {"name": name, "optional": False}}


def read_contents(secret: Object) -> dict[str, str]:
    """A Secret's values, which are text."""
    decoded = {key: base64.b64decode(value).decode() for key, value in secret.get("data", {}).items()}
    plain: dict[str, str] = secret.get("stringData", {})
    return decoded | plain


def _select(secret: Object, items: list[Object] | None) -> dict[str, str]:
    contents = read_contents(secret)
    return contents if items is None else {item["path"]: contents[item["key"]] for item in items}
