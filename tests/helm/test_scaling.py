"""KEDA and Prometheus: the metrics are asked for by the names and labels that vLLM and the proxy really have."""

import re
from typing import Any

from appliance.programs import QUEUES
from appliance.settings.environment import REPOSITORY
from tests.helm.helm import Helm, Object, find, read_settings, read_values, with_value
from webapp.config.connections import BROKER_DATABASE

# Recorded from vLLM 0.32.0 while it served eight waiting requests.
PAGE = REPOSITORY / "tests" / "unit" / "inference" / "readings" / "vllm-0.32.0-metrics.txt"
SERIES = re.compile(r"^(vllm:\w+)\{([^}]*)\} ", re.MULTILINE)
SELECTOR = re.compile(r"(vllm:\w+)\{([^}]*)\}")
LABEL = re.compile(r'(\w+)="([^"]*)"')
# Added by Prometheus for what a ServiceMonitor finds, not by vLLM.
OF_PROMETHEUS = {"namespace"}


def read_page() -> dict[str, list[dict[str, str]]]:
    series: dict[str, list[dict[str, str]]] = {}
    for name, labels in SERIES.findall(PAGE.read_text(encoding="utf-8")):
        series.setdefault(name, []).append(dict(LABEL.findall(labels)))
    return series


def list_queries(objects: list[Object]) -> list[str]:
    scaled = find(objects, "ScaledObject", "appliance-engine-mistral-small")
    return [trigger["metadata"]["query"] for trigger in scaled["spec"]["triggers"]]


def test_engines_scale_on_series_that_vllm_has(rendered: dict[str, list[Object]]) -> None:
    page = read_page()
    for query in list_queries(rendered["models"]):
        ((name, selector),) = SELECTOR.findall(query)
        wanted = dict(LABEL.findall(selector))
        assert set(wanted) - OF_PROMETHEUS <= set(page[name][0]), query
        asked = {key: value for key, value in wanted.items() if key not in OF_PROMETHEUS | {"model_name"}}
        assert [each for each in page[name] if asked.items() <= each.items()], f"no such series: {query}"


def test_engines_scale_on_waiting_requests_and_the_kv_cache(rendered: dict[str, list[Object]]) -> None:
    scaled = find(rendered["models"], "ScaledObject", "appliance-engine-mistral-small")["spec"]
    assert list_queries(rendered["models"]) == [
        'sum(vllm:num_requests_waiting_by_reason{model_name="mistral-small", namespace="llm", reason="capacity"})',
        'avg(vllm:kv_cache_usage_perc{model_name="mistral-small", namespace="llm"})',
    ]
    assert [trigger["metadata"]["threshold"] for trigger in scaled["triggers"]] == ["4", "0.85"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (1, 3)
    assert scaled["scaleTargetRef"] == {"name": "appliance-engine-mistral-small"}


def test_series_are_named_after_the_model_as_it_is_served(rendered: dict[str, list[Object]]) -> None:
    served = read_settings(rendered["models"], "appliance-engine-mistral-small")["model"]["name"]
    assert all(f'model_name="{served}"' in query for query in list_queries(rendered["models"]))


def test_workers_scale_on_the_queue_that_they_take_answers_from(rendered: dict[str, list[Object]]) -> None:
    scaled = find(rendered["models"], "ScaledObject", "appliance-worker")["spec"]
    (trigger,) = scaled["triggers"]
    assert trigger["metadata"] == {
        "address": "appliance-redis.llm.svc:6379",
        "databaseIndex": str(BROKER_DATABASE),
        "listName": QUEUES["worker"][0],
        "listLength": "4",
    }
    assert trigger["authenticationRef"] == {"name": "appliance-worker"}
    authentication = find(rendered["models"], "TriggerAuthentication", "appliance-worker")["spec"]
    assert authentication == {
        "secretTargetRef": [{"parameter": "password", "name": "appliance-secrets", "key": "redis"}]
    }


def test_queue_is_read_where_the_sites_own_redis_is(helm: Helm) -> None:
    values = {**read_values("models"), "redis": read_values("external")["redis"]}
    objects = helm.render(values)
    (trigger,) = find(objects, "ScaledObject", "appliance-worker")["spec"]["triggers"]
    assert trigger["metadata"]["address"] == "redis.example.com:6379"
    authentication = find(objects, "TriggerAuthentication", "appliance-worker")["spec"]
    assert authentication["secretTargetRef"] == [{"parameter": "password", "name": "redis", "key": "password"}]
    assert not [each for each in objects if each["metadata"]["name"] == "appliance-operator-keda"]


def test_what_keda_scales_has_no_fixed_number_of_pods(helm: Helm, rendered: dict[str, list[Object]]) -> None:
    def fixed(objects: list[Object], name: str) -> bool:
        return "replicas" in find(objects, "Deployment", name)["spec"]

    objects = rendered["models"]
    assert not fixed(objects, "appliance-worker")
    assert not fixed(objects, "appliance-engine-mistral-small")
    assert fixed(objects, "appliance-engine-qwen3-8b")
    without = helm.render(with_value(read_values("models"), "keda.enabled", False))
    assert fixed(without, "appliance-worker")
    assert fixed(without, "appliance-engine-mistral-small")
    assert not [each for each in without if each["kind"] in ("ScaledObject", "TriggerAuthentication")]


def test_prometheus_finds_each_model_and_shows_its_certificate(rendered: dict[str, list[Object]]) -> None:
    objects = rendered["models"]
    monitor = find(objects, "ServiceMonitor", "appliance-models")
    (endpoint,) = monitor["spec"]["endpoints"]
    assert (endpoint["scheme"], endpoint["path"], endpoint["port"]) == ("https", "/metrics", "https")
    assert endpoint["tlsConfig"]["serverName"] == "appliance-engine-proxy"
    assert find(objects, "Secret", endpoint["tlsConfig"]["cert"]["secret"]["name"])
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    expression: dict[str, Any]
    (expression,) = monitor["spec"]["selector"]["matchExpressions"]
    found = {
        each["metadata"]["name"]
        for each in objects
        if each["kind"] == "Service" and each["metadata"]["labels"][expression["key"]] in expression["values"]
    }
    assert found == {"appliance-embedder", "appliance-engine-qwen3-8b", "appliance-engine-mistral-small"}
