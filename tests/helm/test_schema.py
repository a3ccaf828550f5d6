"""values.schema.json: closed at every level, and in step with values.yaml."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from appliance.rendering.chart_readme import find_example
from tests.helm.helm import CHART, Helm, HelmRefusedError, list_value_files, read_values, with_value

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
# Kubernetes' own, of which nobody needs every key.
BORROWED = ("requests", "limits", "tolerations.0")


def resolve(schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def list_objects(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object that the schema describes, by its dotted path; items of lists as 0."""
    schema = resolve(schema)
    if schema.get("type") == "object":
        yield path, schema
        for name, below in schema.get("properties", {}).items():
            yield from list_objects(below, f"{path}.{name}".lstrip("."))
    elif schema.get("type") == "array":
        yield from list_objects(schema["items"], f"{path}.0")


OBJECTS = dict(list_objects(SCHEMA))
SECTIONS = [path for path, schema in OBJECTS.items() if "properties" in schema]


def everything() -> dict[str, Any]:
    """Values with every section present, valid as they are."""
    values: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    for name in ("minimum", "models"):
        values = merge(values, read_values(name))
    values["models"] = yaml.safe_load(find_example((CHART / "values.yaml").read_text(encoding="utf-8")))["models"]
    values["pods"]["tolerations"] = [{"key": "dedicated", "operator": "Exists"}]
    values["answeringModel"] = values["models"][0]["name"]
    return values


def merge(below: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(below)
    for key, value in over.items():
        here = merged.get(key)
        merged[key] = merge(here, value) if isinstance(here, dict) and isinstance(value, dict) else value
    return merged


def test_every_section_is_closed() -> None:
    """Each object refuses what it does not name; labels and annotations name their keys by a pattern."""
    for path, schema in OBJECTS.items():
        assert schema.get("additionalProperties") is False, path
        assert ("properties" in schema) != ("patternProperties" in schema), path
    assert len(SECTIONS) > 40


def test_example_of_a_model_is_valid(helm: Helm) -> None:
    values = everything()
    assert set(values["models"][0]) == set(OBJECTS["models.0"]["properties"])
    assert helm.render(values)


@pytest.mark.parametrize("path", SECTIONS)
def test_unknown_key_is_refused_at_every_level(helm: Helm, path: str) -> None:
    with pytest.raises(HelmRefusedError, match="'unheardOf' not allowed"):
        helm.render(with_value(everything(), f"{path}.unheardOf".lstrip("."), "x"))


@pytest.mark.parametrize("path", [path for path in SECTIONS if path])
def test_wrong_type_is_refused_at_every_level(helm: Helm, path: str) -> None:
    with pytest.raises(HelmRefusedError, match="want object"):
        helm.render(with_value(everything(), path, "a string"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("images.registry", ""),
        ("images.webapp.tag", "latest"),
        ("images.inference.tag", "latest"),
        ("images.valkey.tag", "latest"),
        ("images.webapp.digest", "sha256:short"),
        ("images.pullPolicy", "Sometimes"),
        ("web.replicas", 0),
        ("web.replicas", "2"),
        ("web.trustedProxies", []),
        ("web.trustedProxies", ["proxy.example.com"]),
        ("web.allowedHosts", ["https://answers.example.com"]),
        ("web.allowedHosts", ["*"]),
        ("web.https", "yes"),
        ("web.resources.limits.memory", "1 GB"),
        ("ingress.host", ""),
        ("worker.concurrency", 33),
        ("worker.replicas", 0),
        ("ingester.concurrency", 0),
        ("scheduler.replicas", 2),
        ("embedder.replicas", 0),
        ("embedder.startTimeoutSeconds", 5),
        ("models.0.name", "Qwen3"),
        ("models.0.path", "../elsewhere"),
        ("models.0.path", "/absolute"),
        ("models.0.gpus", -1),
        ("models.0.gpus", 0.5),
        ("models.0.replicas", 0),
        ("models.0.memoryFraction", 1.0),
        ("models.0.quantization", "awq"),
        ("models.0.sharedMemory", "4GB"),
        ("models.0.scaling.kvCacheUsage", 85),
        ("egress.allow", ["https://hooks.example.com"]),
        ("egress.allow", ["hooks.example.com"]),
        ("egress.cidrs", []),
        ("database.mode", "sqlite"),
        ("database.name", "appliance; drop"),
        ("database.external.host", ""),
        ("database.external.cidrs", []),
        ("database.external.cidrs", ["10.0.8.0"]),
        ("database.external.port", 0),
        ("database.external.passwordSecret.name", ""),
        ("database.cloudnativepg.image", "postgresql:latest"),
        ("database.cloudnativepg.instances", 0),
        ("redis.mode", "sentinel"),
        ("internalTls.mode", "none"),
        ("peers.resolver", {"namespaceLabels": None, "podLabels": None}),
        ("pods.scratchSize", "unlimited"),
        ("monitoring.interval", "15"),
        ("keda.worker.minReplicas", 0),
        ("fullnameOverride", "Answers"),
    ],
)
def test_value_that_cannot_work_is_refused(helm: Helm, key: str, value: object) -> None:
    with pytest.raises(HelmRefusedError, match=re.escape(key.split(".")[0])):
        helm.render(with_value(everything(), key, value))


@pytest.mark.parametrize(
    ("key", "value", "missing"),
    [
        ("redis.mode", "external", "/redis/external/host"),
        ("internalTls.mode", "certManager", "/internalTls/certManager/issuerName"),
        ("internalTls.mode", "existing", "/internalTls/existing/serverSecret"),
        (
            "internalTls",
            {"mode": "existing", "existing": {"serverSecret": "a", "clientSecret": "b"}},
            "monitoringSecret",
        ),
    ],
)
def test_mode_needs_what_belongs_to_it(helm: Helm, key: str, value: object, missing: str) -> None:
    with pytest.raises(HelmRefusedError, match=re.escape(missing)):
        helm.render(with_value(everything(), key, value))


def test_schema_and_values_have_the_same_keys() -> None:
    """Below models, which is a list and empty, the example stands for them."""
    for path, schema in OBJECTS.items():
        here: Any = everything() if path.startswith("models") else DEFAULTS
        for name in filter(None, path.split(".")):
            here = here[0] if name == "0" and here else here.get(name) if isinstance(here, dict) else None
        if isinstance(here, dict) and "properties" in schema and not path.endswith(BORROWED):
            assert set(here) == set(schema["properties"]), path


@pytest.mark.parametrize("name", list_value_files())
def test_values_of_the_tests_are_valid(helm: Helm, name: str) -> None:
    assert helm.render(read_values(name))
