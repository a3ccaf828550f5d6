"""Pod Security Standards, restricted, and what the appliance asks beyond them, of every Pod template."""

from pathlib import PurePosixPath

import pytest

from tests.helm.helm import Object, list_containers, list_pods

ALLOWED_VOLUMES = {"configMap", "emptyDir", "projected", "secret", "persistentVolumeClaim"}
OF_HOST = {"hostNetwork", "hostPID", "hostIPC", "hostAliases", "hostUsers", "shareProcessNamespace"}


def test_pods_meet_the_restricted_standard(objects: list[Object]) -> None:
    for name, pod in list_pods(objects):
        spec = pod["spec"]
        assert OF_HOST.isdisjoint(spec), name
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] >= 1000
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        for volume in spec["volumes"]:
            assert set(volume) - {"name"} <= ALLOWED_VOLUMES, f"{name}: {volume}"


def test_containers_meet_the_restricted_standard(objects: list[Object]) -> None:
    for name, pod in list_pods(objects):
        for container in list_containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "privileged": False,
                "readOnlyRootFilesystem": True,
            }, f"{name}: {container['name']}"
            assert all("hostPort" not in port for port in container.get("ports", ()))


def test_pods_have_no_token_and_an_account_of_their_own(objects: list[Object]) -> None:
    accounts = {each["metadata"]["name"]: each for each in objects if each["kind"] == "ServiceAccount"}
    for name, pod in list_pods(objects):
        assert pod["spec"]["automountServiceAccountToken"] is False, name
        account = accounts[pod["spec"]["serviceAccountName"]]
        assert account["automountServiceAccountToken"] is False
        component = pod["metadata"]["labels"]["app.kubernetes.io/component"]
        assert account["metadata"]["name"].endswith(f"-{component}")
    assert not {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"} & {each["kind"] for each in objects}


def test_pods_learn_no_neighbours_from_their_environment(objects: list[Object]) -> None:
    """A Service's variables would reach vLLM as VLLM_PORT and the like."""
    assert [name for name, pod in list_pods(objects) if pod["spec"]["enableServiceLinks"] is not False] == []


def test_containers_have_requests_and_a_limit_of_memory(objects: list[Object]) -> None:
    for _, pod in list_pods(objects):
        for container in list_containers(pod):
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert "memory" in container["resources"]["limits"]


def test_what_is_written_is_an_emptydir_with_a_size(objects: list[Object]) -> None:
    """Everything else is mounted read-only, and nothing lies below another mount."""
    for name, pod in list_pods(objects):
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        for container in list_containers(pod):
            mounts = container["volumeMounts"]
            for mount in mounts:
                if "emptyDir" in volumes[mount["name"]]:
                    assert "sizeLimit" in volumes[mount["name"]]["emptyDir"]
                else:
                    assert mount["readOnly"] is True, f"{name}: {mount}"
            paths = [PurePosixPath(mount["mountPath"]) for mount in mounts]
            assert [path for path in paths if set(path.parents) & set(paths)] == []
            assert PurePosixPath("/tmp") in paths  # noqa: S108 - a mount of the container's


def test_engine_has_shared_memory_and_the_models_read_only(rendered: dict[str, list[Object]]) -> None:
    pods = [pod for name, pod in list_pods(rendered["models"]) if "-engine-" in name]
    assert len(pods) == 2
    for pod in pods:
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        engine, proxy = pod["spec"]["containers"]
        assert volumes["shared-memory"]["emptyDir"]["medium"] == "Memory"
        assert volumes["models"]["persistentVolumeClaim"] == {"claimName": "models", "readOnly": True}
        mounts = {mount["name"]: mount for mount in engine["volumeMounts"]}
        assert mounts["shared-memory"]["mountPath"] == "/dev/shm"  # noqa: S108 - a mount of the container's
        assert mounts["models"]["readOnly"] is True
        assert {mount["name"] for mount in proxy["volumeMounts"]} == {
            "config",
            "tls",
            "events",
            "proxy-cache",
            "proxy-tmp",
        }


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        ("egress", set()),
        ("embedder", {"tls"}),
        ("engine", {"tls"}),
        ("web", {"secrets"}),
        ("scheduler", {"secrets"}),
        ("worker", {"secrets", "tls"}),
        ("ingester", {"secrets", "tls"}),
        ("setup", {"secrets"}),
        ("redis", {"password"}),
    ],
)
def test_pods_get_the_secrets_they_need_and_no_other(
    rendered: dict[str, list[Object]], component: str, expected: set[str]
) -> None:
    for _, pod in list_pods(rendered["models"]):
        if pod["metadata"]["labels"]["app.kubernetes.io/component"] == component:
            secret = {v["name"] for v in pod["spec"]["volumes"] if "secret" in v or "projected" in v}
            assert secret == expected


def test_model_server_itself_holds_no_key(rendered: dict[str, list[Object]]) -> None:
    for name, pod in list_pods(rendered["models"]):
        if "-engine-" in name or name.endswith("-embedder"):
            assert all(mount["name"] != "tls" for mount in pod["spec"]["containers"][0]["volumeMounts"])
