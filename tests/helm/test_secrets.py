"""What is secret: made once, kept by an upgrade, and nowhere but in Secrets."""

import base64
import copy
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from appliance.rendering.helm import TLS_FILES
from appliance.settings.model import EngineProxy
from inference.engine_proxy.tls import build_context, find_common_name, may_ask_models
from inference.serving.argv import ProxyTls
from tests.helm.cluster import running_cluster
from tests.helm.helm import (
    CHART,
    NAMESPACE,
    RELEASE,
    Helm,
    Object,
    find,
    list_containers,
    list_pods,
    read_values,
    with_value,
)
from webapp.llm.services import wire

GENERATED = ("appliance-secrets", "appliance-internal-ca", "appliance-server-tls", "appliance-client-tls")
YEAR_SECONDS = 365 * 24 * 3600


def install(helm: Helm, values: dict[str, Any], secrets: dict[str, Object]) -> list[Object]:
    """What Helm would install into a cluster that has these Secrets."""
    with running_cluster(secrets) as cluster:
        return helm.operate("install", cluster, chart=str(CHART), values=values, dry_run="server")


def keep(objects: list[Object]) -> dict[str, Object]:
    """The generated Secrets as a cluster would have them after an installation."""
    kept = {}
    for name in GENERATED:
        secret = copy.deepcopy(find(objects, "Secret", name))
        annotations = secret["metadata"].setdefault("annotations", {})
        annotations |= {"meta.helm.sh/release-name": RELEASE, "meta.helm.sh/release-namespace": NAMESPACE}
        secret["metadata"]["namespace"] = NAMESPACE
        kept[name] = secret
    return kept


def read_data(objects: list[Object], name: str) -> dict[str, str]:
    data: dict[str, str] = find(objects, "Secret", name)["data"]
    return data


@pytest.fixture(scope="module")
def installed(helm: Helm) -> list[Object]:
    return install(helm, read_values("minimum"), {})


def test_upgrade_changes_no_secret(helm: Helm, installed: list[Object]) -> None:
    again = install(helm, read_values("minimum"), keep(installed))
    assert {name: read_data(again, name) for name in GENERATED} == {
        name: read_data(installed, name) for name in GENERATED
    }


def test_installations_do_not_share_secrets(helm: Helm, installed: list[Object]) -> None:
    other = install(helm, read_values("minimum"), {})
    for name in GENERATED:
        assert set(read_data(other, name).values()).isdisjoint(read_data(installed, name).values())


def test_secret_that_lacks_a_key_gets_it_and_keeps_the_others(helm: Helm, installed: list[Object]) -> None:
    secrets = keep(installed)
    del secrets["appliance-secrets"]["data"]["redis"]
    again = read_data(install(helm, read_values("minimum"), secrets), "appliance-secrets")
    assert again["django"] == read_data(installed, "appliance-secrets")["django"]
    assert len(base64.b64decode(again["redis"])) == 48


def test_new_model_gets_a_certificate_from_the_same_authority(helm: Helm, installed: list[Object]) -> None:
    values = with_value(read_values("minimum"), "models", read_values("cloudnativepg")["models"])
    again = install(helm, with_value(values, "modelStorage.existingClaim", "models"), keep(installed))
    before, after = read_data(installed, "appliance-server-tls"), read_data(again, "appliance-server-tls")
    assert before["ca.crt"] == after["ca.crt"]
    assert before["tls.crt"] != after["tls.crt"]
    assert read_data(installed, "appliance-client-tls") == read_data(again, "appliance-client-tls")
    assert read_templates(installed).items() <= read_templates(again).items(), "nobody restarts for it"


def read_templates(objects: list[Object]) -> dict[str, Object]:
    return {name: pod for name, pod in list_pods(objects) if not name.endswith("-setup")}


@pytest.mark.parametrize(("age", "signed_again"), [(YEAR_SECONDS - 3600, False), (YEAR_SECONDS + 3600, True)])
def test_certificate_is_signed_again_after_a_year(
    helm: Helm, installed: list[Object], age: int, signed_again: bool
) -> None:
    secrets = keep(installed)
    for name in ("appliance-server-tls", "appliance-client-tls"):
        secrets[name]["metadata"]["annotations"]["appliance/signed-at"] = str(int(time.time()) - age)
    again = install(helm, read_values("minimum"), secrets)
    for name in ("appliance-server-tls", "appliance-client-tls"):
        assert (read_data(again, name)["tls.crt"] != read_data(installed, name)["tls.crt"]) is signed_again
        assert read_data(again, name)["ca.crt"] == read_data(installed, name)["ca.crt"]


def test_lost_authority_makes_every_certificate_anew(helm: Helm, installed: list[Object]) -> None:
    secrets = keep(installed)
    del secrets["appliance-internal-ca"]
    again = install(helm, read_values("minimum"), secrets)
    authority = read_data(again, "appliance-internal-ca")["tls.crt"]
    for name in ("appliance-server-tls", "appliance-client-tls"):
        assert read_data(again, name)["ca.crt"] == authority
        assert read_data(again, name)["tls.crt"] != read_data(installed, name)["tls.crt"]


def test_certificates_serve_both_sides_of_the_way_to_the_models(
    rendered: dict[str, list[Object]], tmp_path: Path
) -> None:
    """OpenSSL accepts the server's for every name that the application is told, and the client's as a client's."""
    for name in ("appliance-server-tls", "appliance-client-tls"):
        for key, value in read_data(rendered["models"], name).items():
            (tmp_path / f"{name}-{key}").write_bytes(base64.b64decode(value))
    authority = tmp_path / "appliance-server-tls-ca.crt"
    for side, purpose in (("server", "sslserver"), ("client", "sslclient")):
        certificate = tmp_path / f"appliance-{side}-tls-tls.crt"
        command = ["openssl", "verify", "-CAfile", str(authority), "-purpose", purpose, str(certificate)]
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0, side
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, tmp_path / f"appliance-{side}-tls-tls.key")
    names = [
        "appliance-embedder",
        "appliance-engine-qwen3-8b",
        "appliance-engine-mistral-small",
        "appliance-engine-proxy",
    ]
    for host in names:
        command = [
            "openssl",
            "x509",
            "-noout",
            "-checkhost",
            host,
            "-in",
            str(tmp_path / "appliance-server-tls-tls.crt"),
        ]
        assert "does match" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_application_and_proxy_accept_each_other_by_these_certificates(
    rendered: dict[str, list[Object]], tmp_path: Path
) -> None:
    """Their own TLS code, with the files as the Pods have them, under the names of the Services."""
    files = {side: write_files(rendered["models"], tmp_path, side) for side in ("server", "client")}
    server = build_context(ProxyTls(**files["server"]))
    with override_settings(ENGINE_PROXY=EngineProxy.model_validate(files["client"])):
        application = wire._tls()
    for name in ("appliance-embedder", "appliance-engine-qwen3-8b", "appliance-engine-mistral-small"):
        assert shake_hands(server, application, name) == "appliance-application"
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(server, application, "appliance-web")
    with override_settings(ENGINE_PROXY=EngineProxy(ca_file=files["client"]["ca_file"])):
        nobody = wire._tls()
    with pytest.raises(ssl.SSLError, match=r"(?i)peer did not return a certificate"):
        shake_hands(server, nobody, "appliance-embedder")


def test_prometheus_may_read_and_the_application_may_ask(rendered: dict[str, list[Object]], tmp_path: Path) -> None:
    """The proxy tells them apart by the name in the certificate."""
    server = build_context(ProxyTls(**write_files(rendered["models"], tmp_path, "server")))
    allowed = {}
    for side in ("client", "monitoring"):
        with override_settings(
            ENGINE_PROXY=EngineProxy.model_validate(write_files(rendered["models"], tmp_path, side))
        ):
            client = wire._tls()
        allowed[side] = may_ask_models(shake_hands(server, client, "appliance-engine-proxy"))
    assert allowed == {"client": True, "monitoring": False}


def write_files(objects: list[Object], folder: Path, side: str) -> dict[str, Path]:
    """A Secret's files, by the names of the settings that lead to them."""
    data = read_data(objects, f"appliance-{side}-tls")
    paths = {key: folder / f"{side}-{name}" for key, name in TLS_FILES.items()}
    for key, path in paths.items():
        path.write_bytes(base64.b64decode(data[TLS_FILES[key]]))
    return paths


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str:
    """In memory: the client asks for ``name``. Raises what either side has against the other; whom the server sees."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    seen = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client.wrap_bio(to_client, to_server, server_hostname=name), seen]
    while waiting:
        for end in list(waiting):
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
                waiting.remove(end)
    return find_common_name(seen.getpeercert())


def list_secret_values(objects: list[Object]) -> Iterator[str]:
    for each in objects:
        if each["kind"] == "Secret":
            for key, value in each["data"].items():
                if key not in ("ca.crt", "tls.crt"):
                    yield value
                    yield base64.b64decode(value).decode()


def test_secrets_are_in_secrets_only(objects: list[Object]) -> None:
    elsewhere = repr([each for each in objects if each["kind"] != "Secret"])
    assert [value for value in list_secret_values(objects) if value in elsewhere] == []


def test_environment_holds_no_secret(objects: list[Object]) -> None:
    variables = [
        variable
        for _, pod in list_pods(objects)
        for container in list_containers(pod)
        for variable in container.get("env", ())
    ]
    assert [each for each in variables if "valueFrom" in each] == []


@pytest.mark.parametrize("password", ["plain", 'a"b\\c $HOME `id` $(id)', ""])
def test_password_of_valkey_is_seen_by_nobody_who_lists_processes(
    rendered: dict[str, list[Object]], tmp_path: Path, password: str
) -> None:
    """The Pod's own command, with a stand-in that says what it is given; without a password it does not start."""
    pod = find(rendered["minimum"], "Deployment", "appliance-redis")["spec"]["template"]["spec"]
    (mount,) = (each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "password")
    (volume,) = (each for each in pod["volumes"] if each["name"] == "password")
    assert volume["secret"]["secretName"] == "appliance-secrets"
    server = tmp_path / "valkey-server"
    server.write_text('#!/bin/sh\necho $#: "$@"\ncat\n')
    server.chmod(0o755)
    (tmp_path / "redis").write_text(password)
    *shell, program = pod["containers"][0]["command"]
    done = subprocess.run(
        [*shell, program.replace(mount["mountPath"], str(tmp_path))],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if not password:
        assert (done.returncode, done.stdout) == (1, "")
        return
    argv, option = done.stdout.splitlines()
    assert argv == "11: --port 6379 --save  --appendonly no --maxmemory-policy noeviction --dir /tmp -"
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    assert option == f'requirepass "{quoted}"'


def test_given_secrets_are_not_generated(rendered: dict[str, list[Object]]) -> None:
    assert [each["metadata"]["name"] for each in rendered["external"] if each["kind"] == "Secret"] == []


def test_hook_has_the_same_secrets_as_the_release(rendered: dict[str, list[Object]]) -> None:
    copies = read_data(rendered["minimum"], "appliance-setup")
    assert copies == read_data(rendered["minimum"], "appliance-secrets")


def test_nobody_gets_a_role_or_a_token(objects: list[Object]) -> None:
    kinds = {each["kind"] for each in objects}
    assert kinds.isdisjoint({"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})
    assert all(each.get("type") != "kubernetes.io/service-account-token" for each in objects)
