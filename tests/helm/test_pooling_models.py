"""A model that embeds or ranks has a Pod of its own kind: its settings, probes, address and registration agree."""

import json
from typing import Any

import pytest
import yaml

from appliance.settings import Settings
from inference.engine_proxy.routing import build_routes
from inference.serving.argv import FurtherUpstream
from inference.serving.launch import build_proxy_command
from tests.helm.helm import Helm, Object, find, list_containers, read_values
from tests.helm.test_setup_job import find_job

RANKS = {
    "name": "bge-reranker", "path": "bge", "purpose": "reranking", "gpus": 0,
    "licence": {"id": "apache-2.0", "acknowledgedBy": "First Last", "acknowledgedOn": "2026-01-31"},
    "resources": {"requests": {"cpu": "1", "memory": "4Gi"}, "limits": {"cpu": "4", "memory": "8Gi"}},
}  # fmt: skip


@pytest.fixture(scope="module")
def objects(helm: Helm) -> list[Object]:
    values = read_values("models")
    return helm.render({**values, "models": [RANKS, *values["models"]]})


def read(objects: list[Object]) -> tuple[dict[str, Any], list[Object]]:
    pod = find(objects, "Deployment", "appliance-engine-bge-reranker")["spec"]["template"]
    config = find(objects, "ConfigMap", "appliance-engine-bge-reranker")["data"]["appliance.yaml"]
    return pod, [config]


def test_pod_serves_the_one_further_model_of_its_settings(objects: list[Object]) -> None:
    pod, (config,) = read(objects)
    settings = Settings.model_validate(yaml.safe_load(str(config)))
    assert settings.further_models["reranking"].served_name == "bge-reranker"
    assert settings.further_models["reranking"].purpose == "reranking"
    assert settings.model.path is None
    engine, proxy = list_containers(pod)
    assert engine["command"][-3:] == ["engine", "--name", "reranking"]
    assert proxy["command"][-2:] == ["--upstream", "engine-reranking"]
    assert "reranking=reranking=http://127.0.0.1:8411" in build_proxy_command(
        settings, python=settings.data_dir, upstream="engine-reranking"
    ).argv  # fmt: skip
    url, ask = engine["startupProbe"]["exec"]["command"][-3], engine["startupProbe"]["exec"]["command"][-1]
    assert (url, ask) == (f"http://127.0.0.1:{settings.further_models['reranking'].port}", "reranking")


def test_it_is_registered_by_its_kind_where_its_proxy_lets_it_be_asked(objects: list[Object]) -> None:
    commands = [each["command"] for each in list_containers(find_job(objects)["spec"]["template"])]
    entries = json.loads(next(each for each in commands if each[4:6] == ["endpoint", "further"])[-1])
    ranks = next(each for each in entries if each["model"] == "bge-reranker")
    assert (ranks["role"], ranks["place"]) == ("rerank", "further")
    path = ranks["url"].removeprefix("https://appliance-engine-bge-reranker:8443")
    assert ("POST", f"{path}/v1/rerank") in build_routes([FurtherUpstream("reranking", "reranking", "http://h")])


def test_the_first_model_that_generates_answers(helm: Helm) -> None:
    values = read_values("models")
    objects = helm.render({**values, "answeringModel": "", "models": [RANKS, *values["models"]]})
    commands = [each["command"] for each in list_containers(find_job(objects)["spec"]["template"])]
    generate = next(each for each in commands if each[4:8] == ["endpoint", "set", "--role", "generate"])
    assert "qwen3-8b" in generate


def test_model_that_ranks_cannot_be_the_one_that_answers(helm: Helm) -> None:
    values = read_values("models")
    with pytest.raises(Exception, match="answeringModel: bge-reranker is not one of the models that generate"):
        helm.render({**values, "answeringModel": "bge-reranker", "models": [RANKS, *values["models"]]})
