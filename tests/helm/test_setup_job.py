"""The setup Job: a hook before everything else, but for the first installation of the chart's own database."""

import json
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from inference.registry.licence import build_terms
from inference.registry.load import load_catalogue
from tests.helm.helm import (
    CHART,
    Helm,
    HelmRefusedError,
    Object,
    find,
    list_containers,
    list_pods,
    read_settings,
    read_values,
    with_value,
)
from webapp.audit.management.commands.record_acknowledgement import read_document

HOOK = "helm.sh/hook"


def list_hooks(objects: list[Object]) -> dict[str, int]:
    """Kind and name to weight."""
    return {
        f"{each['kind']} {each['metadata']['name']}": int(each["metadata"]["annotations"]["helm.sh/hook-weight"])
        for each in objects
        if HOOK in each["metadata"].get("annotations", {})
    }


def find_job(objects: list[Object]) -> Object:
    jobs = [each for each in objects if each["kind"] == "Job"]
    assert len(jobs) == 1
    return jobs[0]


@pytest.mark.parametrize("name", ["minimum", "minimum-upgrade", "models", "cloudnativepg-upgrade"])
def test_setup_is_a_hook_that_brings_what_it_needs(rendered: dict[str, list[Object]], name: str) -> None:
    assert list_hooks(rendered[name]) == {
        "ServiceAccount appliance-setup": -10,
        "ConfigMap appliance-setup": -10,
        "Secret appliance-setup": -10,
        "Job appliance-setup": 0,
    }
    for each in rendered[name]:
        if HOOK in (annotations := each["metadata"].get("annotations", {})):
            assert annotations[HOOK] == "pre-install,pre-upgrade,pre-rollback"
            assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded"


@pytest.mark.parametrize("name", ["minimum", "cloudnativepg-upgrade", "external"])
def test_hook_needs_nothing_of_the_release(rendered: dict[str, list[Object]], name: str) -> None:
    """Objects of the release are made after it: it may name its own copies and what the site or an operator made."""
    objects = rendered[name]
    own = {each["metadata"]["name"] for each in objects if HOOK in each["metadata"].get("annotations", {})}
    outside = {"database", "database-ca", "redis", "appliance-given", "appliance-postgres-app", "appliance-postgres-ca"}
    spec = find_job(objects)["spec"]["template"]["spec"]
    named = {spec["serviceAccountName"]}
    for volume in spec["volumes"]:
        for source in volume.get("projected", {}).get("sources", [volume]):
            named |= {source["configMap"]["name"]} if "configMap" in source else set()
            if "secret" in source:
                named.add(source["secret"].get("secretName") or source["secret"]["name"])
    assert named <= own | outside


def test_first_setup_with_the_charts_database_is_an_ordinary_job(rendered: dict[str, list[Object]]) -> None:
    """A hook would wait for the database, which Helm makes after its hooks."""
    objects = rendered["cloudnativepg"]
    assert list_hooks(objects) == {}
    job = find_job(objects)
    assert job["metadata"]["name"] == "appliance-first-setup"
    volumes = {volume["name"]: volume for volume in job["spec"]["template"]["spec"]["volumes"]}
    assert volumes["config"]["configMap"]["name"] == "appliance-config"
    assert find(objects, "Cluster", "appliance-postgres")


def test_setup_does_the_same_either_way(rendered: dict[str, list[Object]]) -> None:
    first, later = (
        find_job(rendered[name])["spec"]["template"]["spec"] for name in ("cloudnativepg", "cloudnativepg-upgrade")
    )
    assert [c["command"] for c in list_containers({"spec": first})] == [
        c["command"] for c in list_containers({"spec": later})
    ]


def test_setup_prepares_the_database_and_registers_the_models(rendered: dict[str, list[Object]]) -> None:
    pod = find_job(rendered["models"])["spec"]["template"]
    manage = ["/opt/appliance/webapp/bin/python", "-P", "-m", "webapp.manage"]
    commands = [container["command"] for container in list_containers(pod)]
    assert [command[:4] for command in commands] == [manage] * 9
    assert [command[4] for command in commands[4:6]] == ["record_acknowledgement"] * 2
    assert [command[4:] for command in (*commands[:4], *commands[6:])] == [
        ["wait_for_database", "--seconds", "600"],
        ["migrate", "--no-input"],
        ["createcachetable"],
        [
            "endpoint", "set", "--role", "embed", "--url", "https://appliance-embedder:8443",
            "--model", "all-MiniLM-L6-v2",
        ],
        [
            "endpoint", "set", "--role", "generate", "--url", "https://appliance-engine-mistral-small:8443",
            "--model", "mistral-small", "--detail",
            '{"device":"cuda","display":"","licence":"apache-2.0","max_context_tokens":16384}',
        ],
        [
            "endpoint", "further", "--entries",
            ('[{"detail":{"device":"cuda","display":"","licence":"apache-2.0"},"model":"qwen3-8b","place":"further",'
            '"role":"generate","url":"https://appliance-engine-qwen3-8b:8443"},'
            '{"detail":{"device":"cuda","display":"","licence":"apache-2.0"},"model":"house-style","place":"further",'
            '"role":"generate","url":"https://appliance-engine-qwen3-8b:8443"}]'),
        ],
        ["ensure_admin", "--password-file", "/var/lib/appliance/secrets/admin"],
    ]  # fmt: skip


def test_adapter_may_answer_and_its_model_is_then_beside_it(helm: Helm) -> None:
    objects = helm.render({**read_values("models"), "answeringModel": "house-style"})
    commands = [each["command"] for each in list_containers(find_job(objects)["spec"]["template"])]
    generate = next(each for each in commands if each[4:8] == ["endpoint", "set", "--role", "generate"])
    assert generate[8:12] == ["--url", "https://appliance-engine-qwen3-8b:8443", "--model", "house-style"]
    further = json.loads(next(each for each in commands if each[4:6] == ["endpoint", "further"])[-1])
    assert [each["model"] for each in further] == ["qwen3-8b", "mistral-small"]


def read_acknowledgements(objects: list[Object]) -> list[dict[str, Any]]:
    commands = [c["command"] for c in list_containers(find_job(objects)["spec"]["template"])]
    return [json.loads(command[5]) for command in commands if command[4] == "record_acknowledgement"]


def test_each_models_licence_is_recorded_as_the_audit_takes_it(helm: Helm, rendered: dict[str, list[Object]]) -> None:
    first, other = read_acknowledgements(rendered["models"])
    name, said = read_document(json.dumps(first))
    assert name == str(UUID(first["id"]))
    assert said == {
        "at": "2026-01-31", "name": "First Last", "os_user": "helm", "model": "qwen3-8b (qwen/Qwen3-8B-AWQ)",
        "licence": "apache-2.0", "licence_name": "Apache License 2.0", "origin": "values",
        "text_id": build_terms(load_catalogue(), hub_id=None, card="apache-2.0", folder=None).text_id,
    }  # fmt: skip
    assert first["id"] != other["id"]
    assert read_acknowledgements(rendered["models-upgrade"]) == [first, other]
    renamed = helm.render(with_value(read_values("models"), "models.0.licence.acknowledgedBy", "Somebody Else"))
    assert read_acknowledgements(renamed)[0]["id"] != first["id"]


def test_what_a_licence_wants_shown_is_registered_with_the_model(rendered: dict[str, list[Object]]) -> None:
    commands = [c["command"] for c in list_containers(find_job(rendered["cloudnativepg"])["spec"]["template"])]
    registered = next(command for command in commands if "generate" in command)
    assert json.loads(registered[registered.index("--detail") + 1])["display"] == "Built with Llama"


@pytest.mark.parametrize("schema", [True, False])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("licence", None), ("licence", {}), ("licence.id", ""), ("licence.id", None), ("licence.acknowledgedBy", ""),
        ("licence.acknowledgedBy", None), ("licence.acknowledgedBy", "42"), ("licence.acknowledgedOn", ""),
        ("licence.acknowledgedOn", None), ("licence.acknowledgedOn", "yesterday"),
    ],
)  # fmt: skip
def test_model_whose_licence_nobody_acknowledged_is_refused(
    helm: Helm, tmp_path: Path, key: str, value: object, schema: bool
) -> None:
    """Without the schema too: `helm install --skip-schema-validation` is no way around."""
    chart = CHART
    if not schema:
        chart = Path(shutil.copytree(CHART, tmp_path / "appliance"))
        (chart / "values.schema.json").unlink()
    for model in ("models.0", "models.1"):
        with pytest.raises(
            HelmRefusedError, match="licence" if schema else "Nobody acknowledged the licence of models"
        ):
            helm.render(with_value(read_values("models"), f"{model}.{key}", value), chart=chart)


def test_engine_is_held_to_the_licence_that_was_acknowledged(rendered: dict[str, list[Object]]) -> None:
    assert read_settings(rendered["cloudnativepg"], "appliance-engine-tiny")["model"]["licence"] == "llama3.2"


def test_setup_without_a_model_leaves_none_registered(rendered: dict[str, list[Object]]) -> None:
    pod = find_job(rendered["minimum"])["spec"]["template"]
    assert [c["command"][4:] for c in pod["spec"]["initContainers"]][-2:] == [
        ["endpoint", "clear", "--role", "generate"], ["endpoint", "further", "--entries", "[]"],
    ]  # fmt: skip


def test_models_are_registered_where_services_are(objects: list[Object]) -> None:
    services = {
        f"https://{each['metadata']['name']}:{each['spec']['ports'][0]['port']}"
        for each in objects
        if each["kind"] == "Service"
    }
    commands = [container["command"] for container in list_containers(find_job(objects)["spec"]["template"])]
    urls = {word for command in commands for word in command if word.startswith("https://")}
    assert urls
    assert urls <= services


def test_administrators_password_reaches_the_setup_job_alone(objects: list[Object]) -> None:
    with_password = [
        name
        for name, pod in list_pods(objects)
        for volume in pod["spec"]["volumes"]
        for source in volume.get("projected", {}).get("sources", ())
        if any(item["key"] == "admin" for item in source["secret"]["items"])
    ]
    assert with_password == [find_job(objects)["metadata"]["name"]]


def test_workers_wait_for_the_tables_and_the_scheduler_for_nobody(objects: list[Object]) -> None:
    waits = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]: [
            c["command"][4:6] for c in pod["spec"]["initContainers"]
        ]
        for name, pod in list_pods(objects)
        if "initContainers" in pod["spec"] and "setup" not in name
    }
    assert waits == {name: [["wait_for_database", "--migrated"]] for name in ("worker", "ingester")}
