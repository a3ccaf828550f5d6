"""How the Pods start, are probed, are replaced and stop."""

import pytest
from django.urls import resolve

from inference.serving.keeper.outlook import stop_seconds
from tests.helm.helm import Helm, Object, find, list_pods, read_settings, read_values, with_value


def find_pod(objects: list[Object], name: str) -> Object:
    pod: Object = find(objects, "Deployment", name)["spec"]["template"]["spec"]
    return pod


def test_startup_probe_lasts_as_long_as_the_model_may_load(rendered: dict[str, list[Object]]) -> None:
    for name, seconds in (("qwen3-8b", 1800), ("mistral-small", 600)):
        probe = find_pod(rendered["models"], f"appliance-engine-{name}")["containers"][0]["startupProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] == seconds
    probe = find_pod(rendered["models"], "appliance-embedder")["containers"][0]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == 180


def test_engine_writes_a_token_before_it_is_ready_and_is_then_asked_for_less(rendered: dict[str, list[Object]]) -> None:
    """A token every few seconds would wait in a busy engine's queue, and take it for a broken one."""
    engine = find_pod(rendered["models"], "appliance-engine-qwen3-8b")["containers"][0]
    asked = {
        probe: engine[probe]["exec"]["command"][-3:] for probe in ("startupProbe", "readinessProbe", "livenessProbe")
    }
    assert asked == {
        "startupProbe": ["http://127.0.0.1:8410", "--ask", "token"],
        "readinessProbe": ["http://127.0.0.1:8410", "--ask", "models"],
        "livenessProbe": ["http://127.0.0.1:8410", "--ask", "health"],
    }


def test_liveness_gives_a_model_server_minutes(rendered: dict[str, list[Object]]) -> None:
    for name in ("appliance-embedder", "appliance-engine-qwen3-8b"):
        probe = find_pod(rendered["models"], name)["containers"][0]["livenessProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 300


def test_web_is_probed_under_a_host_name_it_accepts(rendered: dict[str, list[Object]]) -> None:
    web = find_pod(rendered["minimum"], "appliance-web")["containers"][0]
    for probe, path in (("startupProbe", "/healthz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")):
        assert web[probe]["httpGet"]["path"] == path
        assert web[probe]["httpGet"]["httpHeaders"] == [{"name": "Host", "value": "answers.example.com"}]
        assert resolve(path).func.__module__ == "webapp.chat.views.health"


def test_single_gpu_is_handed_over_and_several_are_replaced_one_by_one(rendered: dict[str, list[Object]]) -> None:
    one = find(rendered["models"], "Deployment", "appliance-engine-qwen3-8b")["spec"]
    two = find(rendered["models"], "Deployment", "appliance-engine-mistral-small")["spec"]
    cpu = find(rendered["cloudnativepg"], "Deployment", "appliance-engine-tiny")["spec"]
    assert one["strategy"] == {"type": "Recreate"}
    for each in (two, cpu):
        assert each["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}


def test_gpus_are_limits_of_the_engine_alone(rendered: dict[str, list[Object]]) -> None:
    gpus = {
        (name, container["name"]): amount
        for name, pod in list_pods(rendered["models"])
        for container in pod["spec"]["containers"]
        if (amount := container["resources"].get("limits", {}).get("nvidia.com/gpu"))
    }
    assert gpus == {
        ("appliance-engine-qwen3-8b", "engine"): "1",
        ("appliance-engine-mistral-small", "engine"): "2",
    }
    cpu = find_pod(rendered["cloudnativepg"], "appliance-engine-tiny")["containers"][0]
    assert "nvidia.com/gpu" not in cpu["resources"]["limits"]


def test_model_is_placed_where_its_values_say(rendered: dict[str, list[Object]]) -> None:
    pod = find_pod(rendered["models"], "appliance-engine-qwen3-8b")
    assert pod["runtimeClassName"] == "nvidia"
    assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert "runtimeClassName" not in find_pod(rendered["models"], "appliance-engine-mistral-small")
    web = find_pod(rendered["external"], "answers-web")
    assert web["nodeSelector"] == {"kubernetes.io/arch": "amd64"}
    assert web["priorityClassName"] == "business"


def test_pods_have_time_to_drain(objects: list[Object]) -> None:
    """The pause before the signal, what the program itself may take, and some more."""
    for name, pod in list_pods(objects):
        pauses = [
            container["lifecycle"]["preStop"]["sleep"]["seconds"]
            for container in pod["spec"]["containers"]
            if "lifecycle" in container
        ]
        if pauses:
            assert pod["spec"]["terminationGracePeriodSeconds"] >= max(pauses) + 15, name
            assert len(set(pauses)) == 1, "engine and proxy stop together"


def test_engine_drains_for_as_long_as_its_values_say(rendered: dict[str, list[Object]]) -> None:
    for name, drain in (("mistral-small", 120), ("qwen3-8b", 60)):
        deployment = find(rendered["models"], "Deployment", f"appliance-engine-{name}")
        settings = read_settings(rendered["models"], f"appliance-engine-{name}")
        assert settings["model"]["drain_seconds"] == drain
        assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= 5 + stop_seconds(drain)


def test_proxy_reads_what_happened_to_the_engine_beside_it(rendered: dict[str, list[Object]]) -> None:
    pod = find_pod(rendered["models"], "appliance-engine-qwen3-8b")
    mounts = {
        container["name"]: mount
        for container in pod["containers"]
        for mount in container["volumeMounts"]
        if mount["name"] == "events"
    }
    assert mounts == {
        "engine": {"name": "events", "mountPath": "/var/lib/appliance/events"},
        "engine-proxy": {"name": "events", "mountPath": "/var/lib/appliance/events", "readOnly": True},
    }
    assert pod["containers"][0]["terminationMessagePolicy"] == "FallbackToLogsOnError"


def test_proxy_stands_beside_each_model_server(rendered: dict[str, list[Object]]) -> None:
    for name in ("embedder", "engine-qwen3-8b", "engine-mistral-small"):
        server, proxy = find_pod(rendered["models"], f"appliance-{name}")["containers"]
        assert server["name"] == name.split("-")[0]
        assert proxy["command"][-3:] == ["engine-proxy", "--upstream", server["name"]]
        assert "ports" not in server, "the server listens on loopback"
        assert [port["containerPort"] for port in proxy["ports"]] == [8443]


def test_there_is_one_scheduler_and_never_two(objects: list[Object]) -> None:
    spec = next(
        each["spec"]
        for each in objects
        if each["metadata"]["name"].endswith("-scheduler") and "replicas" in each.get("spec", {})
    )
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}


def test_budgets_let_one_pod_go(objects: list[Object]) -> None:
    budgets = [each for each in objects if each["kind"] == "PodDisruptionBudget"]
    deployments = {
        frozenset(each["spec"]["selector"]["matchLabels"].items()) for each in objects if each["kind"] == "Deployment"
    }
    for budget in budgets:
        assert budget["spec"]["maxUnavailable"] == 1
        assert frozenset(budget["spec"]["selector"]["matchLabels"].items()) in deployments
    names = {each["metadata"]["labels"]["app.kubernetes.io/component"] for each in budgets}
    assert names >= {"web", "worker", "ingester", "embedder"}


def test_replicas_spread_over_nodes(objects: list[Object]) -> None:
    for name, pod in list_pods(objects):
        component = pod["metadata"]["labels"]["app.kubernetes.io/component"]
        if component in ("setup", "redis"):
            continue
        (constraint,) = pod["spec"]["topologySpreadConstraints"]
        assert constraint["topologyKey"] == "kubernetes.io/hostname", name
        assert constraint["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


@pytest.mark.parametrize(("replicas", "expected"), [(1, "Recreate"), (2, "RollingUpdate")])
def test_strategy_follows_the_replicas_of_a_gpu_model(helm: Helm, replicas: int, expected: str) -> None:
    objects = helm.render(with_value(read_values("models"), "models.0.replicas", replicas))
    assert find(objects, "Deployment", "appliance-engine-qwen3-8b")["spec"]["strategy"]["type"] == expected


@pytest.mark.parametrize("name", ["worker", "ingester"])
def test_replicas_of_a_worker_have_names_of_their_own(rendered: dict[str, list[Object]], name: str) -> None:
    """Celery addresses processes by name; %h is the Pod's."""
    command = find_pod(rendered["minimum"], f"appliance-{name}")["containers"][0]["command"]
    assert command[command.index("--hostname") + 1] == f"{name}@%h"
