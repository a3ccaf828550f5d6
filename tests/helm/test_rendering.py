"""What the chart renders is what Helm, Kubernetes' schemas and the appliance's own settings accept."""

import json
import re
import shutil
import tomllib
from collections import Counter
from pathlib import Path

import pytest
import yaml

from appliance.settings import Settings
from appliance.settings.environment import REPOSITORY
from tests.helm.helm import (
    CHART,
    Helm,
    HelmRefusedError,
    Object,
    find,
    list_containers,
    list_pods,
    list_value_files,
    read_settings,
    read_values,
    with_value,
)

SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
ENGINE = SCHEMA["properties"]["models"]["items"]["properties"]["engine"]
CUSTOM = {"Cluster", "Certificate", "ScaledObject", "TriggerAuthentication", "ServiceMonitor"}


@pytest.mark.parametrize("name", list_value_files())
def test_chart_lints_strictly(helm: Helm, name: str) -> None:
    assert helm.ask("lint", chart=str(CHART), values=read_values(name)) == []


def test_objects_are_valid_for_kubernetes(helm: Helm, objects: list[Object]) -> None:
    problems = [
        f"{each['kind']} {each['metadata']['name']}: {problem}"
        for each in objects
        if each["kind"] not in CUSTOM and (problem := helm.ask("validate", manifest=each))
    ]
    assert problems == []


def test_validation_sees_a_field_that_does_not_exist(helm: Helm, rendered: dict[str, list[Object]]) -> None:
    service = {**find(rendered["minimum"], "Service", "appliance-web"), "specification": {}}
    assert "specification" in helm.ask("validate", manifest=service)


def test_names_are_used_once(objects: list[Object]) -> None:
    names = Counter((each["kind"], each["metadata"]["name"]) for each in objects)
    assert [name for name, count in names.items() if count > 1] == []


def test_every_object_is_labelled_as_the_releases(objects: list[Object]) -> None:
    strangers = [
        each["metadata"]["name"]
        for each in objects
        if each["metadata"]["labels"].get("app.kubernetes.io/instance") != "appliance"
    ]
    assert strangers == []


def test_settings_are_accepted_by_the_appliance(objects: list[Object]) -> None:
    names = [each["metadata"]["name"] for each in objects if each["kind"] == "ConfigMap"]
    for name in names:
        assert Settings.model_validate(read_settings(objects, name)).layout == "kubernetes"
    assert names


def test_values_reach_the_settings(rendered: dict[str, list[Object]]) -> None:
    settings = read_settings(rendered["external"], "answers-config")
    assert settings["database"] == {
        "host": "postgres.example.com", "port": 5433, "name": "appliance", "user": "appliance",
        "ca_file": "/etc/appliance/database/ca.crt",
    }  # fmt: skip
    assert settings["redis"] == {"host": "redis.example.com", "port": 6379}
    assert settings["egress"] == {"allow": ["hooks.example.com:443", "mail.example.com:465"], "port": 3128}
    model = read_settings(rendered["models"], "appliance-engine-mistral-small")["model"]
    assert model == {
        "automatic": False, "drain_seconds": 120, "port": 8410, "path": "/srv/models/Mistral-Small",
        "name": "mistral-small",
        "licence": "apache-2.0", "device": "cuda", "max_context_tokens": 16384, "memory_fraction": 0.85,
        "tensor_parallel": 2, "kv_cache_dtype": "fp8",
    }  # fmt: skip


def test_what_the_settings_say_of_an_engine_is_passed_on_in_their_own_words(rendered: dict[str, list[Object]]) -> None:
    settings = Settings.model_validate(read_settings(rendered["models"], "appliance-engine-qwen3-8b"))
    model = settings.model
    assert (model.max_waiting_tokens, model.prefix_caching, model.tool_parser) == (2_000_000, False, "hermes")
    assert model.adapters == {"house-style": Path("/srv/models/adapters/house-style")}
    assert model.speculative.draft == Path("/srv/models/qwen/Qwen3-0.6B")


@pytest.mark.parametrize("key", ["port", "path", "device", "licence", "Max"])
def test_what_the_chart_decides_is_not_said_of_an_engine(helm: Helm, key: str) -> None:
    with pytest.raises(HelmRefusedError, match=r"invalid propertyName|not allowed"):
        helm.render(with_value(read_values("models"), "models.0.engine", {key: 1}))


@pytest.fixture(scope="module")
def without_schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What --skip-schema-validation makes of the chart."""
    chart = tmp_path_factory.mktemp("chart") / "appliance"
    shutil.copytree(CHART, chart, ignore=shutil.ignore_patterns("values.schema.json"))
    return chart


@pytest.mark.parametrize("value", [None, "mit"])
@pytest.mark.parametrize("key", ENGINE["propertyNames"]["not"]["enum"])
def test_nor_is_it_where_the_schema_is_skipped(helm: Helm, without_schema: Path, key: str, value: str | None) -> None:
    with pytest.raises(HelmRefusedError, match=rf"engine\.{key} of qwen3-8b is decided by the chart"):
        helm.render(with_value(read_values("models"), "models.0.engine", {key: value}), chart=without_schema)


@pytest.mark.parametrize("licence", [None, "mit"])
def test_draft_model_is_under_the_licence_that_was_acknowledged(helm: Helm, licence: str | None) -> None:
    values = with_value(read_values("models"), "models.0.engine.speculative.licence", licence)
    with pytest.raises(HelmRefusedError, match=r"draft model of qwen3-8b .* acknowledged for the model, apache-2\.0"):
        helm.render(values)


@pytest.mark.parametrize(
    ("name", "allowed", "expected"),
    [
        ("minimum", False, "require"), ("minimum", True, None),
        ("external", False, "verify-full"), ("external", True, "verify-full"), ("cloudnativepg", False, "verify-full"),
    ],
)  # fmt: skip
def test_way_to_the_database_is_encrypted_unless_somebody_allows_otherwise(
    helm: Helm, name: str, allowed: bool, expected: str | None
) -> None:
    values = read_values(name)
    values = with_value(values, "database.external.allowPlaintext", True) if allowed else values
    full = values.get("fullnameOverride", "appliance")
    assert Settings.model_validate(read_settings(helm.render(values), f"{full}-config")).database_tls == expected


def test_commands_have_no_holes_left(objects: list[Object]) -> None:
    for _, pod in list_pods(objects):
        for container in list_containers(pod):
            assert [word for word in container["command"] if "${" in word] == []


def test_values_reach_the_commands(helm: Helm) -> None:
    values = with_value(read_values("minimum"), "worker.concurrency", 16)
    objects = helm.render(with_value(values, "web.trustedProxies", ["10.42.0.0/16", "10.43.0.1"]))
    worker = find(objects, "Deployment", "appliance-worker")["spec"]["template"]["spec"]["containers"][0]["command"]
    web = find(objects, "Deployment", "appliance-web")["spec"]["template"]["spec"]["containers"][0]["command"]
    assert worker[worker.index("--concurrency") + 1] == "16"
    assert web[web.index("--forwarded-allow-ips") + 1] == "10.42.0.0/16,10.43.0.1"


def test_changed_settings_restart_the_pods(helm: Helm) -> None:
    before = helm.render(read_values("models"))
    after = helm.render(with_value(read_values("models"), "models.0.maxContextTokens", 4096))
    renamed = helm.render(with_value(read_values("models"), "site.name", "Answers"))

    def checksum(objects: list[Object], name: str) -> str:
        pod = find(objects, "Deployment", name)["spec"]["template"]
        return str(pod["metadata"]["annotations"]["checksum/settings"])

    engine, other, web = "appliance-engine-qwen3-8b", "appliance-engine-mistral-small", "appliance-web"
    assert checksum(before, engine) != checksum(after, engine)
    assert [checksum(before, name) for name in (other, web)] == [checksum(after, name) for name in (other, web)]
    assert checksum(before, web) != checksum(renamed, web)


def test_images_are_named_by_digest_where_one_is_given(rendered: dict[str, list[Object]]) -> None:
    images = {c["image"] for _, pod in list_pods(rendered["external"]) for c in list_containers(pod)}
    assert images == {
        f"registry.example.com:5000/appliance/appliance-webapp@sha256:{'1' * 64}",
        f"registry.example.com:5000/appliance/appliance-inference@sha256:{'2' * 64}",
    }


def test_services_lead_to_the_ports_of_their_pods(objects: list[Object]) -> None:
    pods = [(pod["metadata"]["labels"], pod["spec"]) for _, pod in list_pods(objects)]
    for service in (each for each in objects if each["kind"] == "Service"):
        wanted = service["spec"]["selector"].items()
        behind = [spec for labels, spec in pods if wanted <= labels.items()]
        assert len(behind) == 1, service["metadata"]["name"]
        ports = {port["name"]: port["containerPort"] for c in behind[0]["containers"] for port in c.get("ports", ())}
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]


def test_mounted_objects_exist_or_are_the_sites(objects: list[Object]) -> None:
    """A Pod that names a ConfigMap or Secret that nobody makes waits for ever."""
    made = {(each["kind"], each["metadata"]["name"]) for each in objects}
    made |= {("Secret", each["spec"]["secretName"]) for each in objects if each["kind"] == "Certificate"}
    given = {"database", "database-ca", "redis", "appliance-given", "proxy-tls", "application-tls"}
    from_operator = {"appliance-postgres-app", "appliance-postgres-ca"}
    for name, pod in list_pods(objects):
        for volume in pod["spec"]["volumes"]:
            for source in volume.get("projected", {}).get("sources", [volume]):
                wanted = [("ConfigMap", source["configMap"]["name"])] if "configMap" in source else []
                if "secret" in source:
                    wanted += [("Secret", source["secret"].get("secretName") or source["secret"]["name"])]
                for kind, each in wanted:
                    assert (kind, each) in made or each in given | from_operator, f"{name}: {kind} {each}"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ingress.host": "", "ingress.enabled": False}, "Name the host under which people reach the pages"),
        ({"web.trustedProxies": ["127.0.0.1"]}, "ingress.enabled needs web.trustedProxies"),
        ({"answeringModel": "qwen"}, "models is empty"),
        ({"models": read_values("models")["models"]}, "models need modelStorage.existingClaim"),
    ],
)
def test_values_that_contradict_each_other_are_refused(helm: Helm, changes: dict[str, object], reason: str) -> None:
    values = read_values("minimum")
    for key, value in changes.items():
        values = with_value(values, key, value)
    with pytest.raises(HelmRefusedError, match=re.escape(reason)):
        helm.render(values)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"answeringModel": "llama"},
            "llama is not one of the models that generate: qwen3-8b, mistral-small",
        ),
        ({"models.1.name": "qwen3.8b", "answeringModel": ""}, "Two of models have the same name"),
        ({"monitoring.enabled": False}, "needs monitoring.enabled and keda.prometheusAddress"),
        ({"fullnameOverride": "a" * 40, "models.0.name": "b" * 20}, "is longer than the 63 characters"),
        ({"keda.prometheusAddress": ""}, "needs monitoring.enabled and keda.prometheusAddress"),
    ],
)
def test_models_that_cannot_be_served_are_refused(helm: Helm, changes: dict[str, object], reason: str) -> None:
    values = read_values("models")
    for key, value in changes.items():
        values = with_value(values, key, value)
    with pytest.raises(HelmRefusedError, match=re.escape(reason)):
        helm.render(values)


def test_templates_hold_no_second_copy_of_a_port_or_path() -> None:
    """They read files/topology.json. A number of four digits or a path of the appliance would be such a copy."""
    copies = re.compile(
        r"(?<![\w.])(?:84[0-9]{2}|5432|6379|3128|8443|53)(?![\w.])|/opt/appliance|/etc/appliance|/var/lib|/srv"
    )
    found = [
        f"{path.name}: {line.strip()}"
        for path in sorted((CHART / "templates").iterdir())
        for line in path.read_text(encoding="utf-8").splitlines()
        if copies.search(line)
    ]
    assert found == []


def test_chart_is_of_this_release() -> None:
    """The images' tag, where values name none, is the version of the code that goes into them."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert chart["appVersion"] == chart["version"] == project["version"]


def test_chart_carries_only_its_own_files() -> None:
    kinds = {path.suffix for path in Path(CHART).rglob("*") if path.is_file()}
    assert kinds == {".yaml", ".tpl", ".txt", ".json", ".md", ""}
