"""What becomes of rendered objects before podman plays them."""

from tests.images.playable import MEMORY, Object, build_aliases, build_playables

LABELS = {"app.kubernetes.io/component": "web"}
CONTAINER: Object = {
    "name": "web", "image": "localhost/web:1", "command": ["serve", "--password", "$(PASSWORD)"],
    "env": [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "main", "key": "redis"}}}],
    "ports": [{"name": "http", "containerPort": 8400}], "readinessProbe": {"tcpSocket": {"port": "http"}},
    "securityContext": {"readOnlyRootFilesystem": True},
    "volumeMounts": [{"name": "secrets", "mountPath": "/secrets"}, {"name": "shared", "mountPath": "/shared"}],
}  # fmt: skip
DEPLOYMENT: Object = {
    "kind": "Deployment", "metadata": {"name": "a-web"},
    "spec": {"template": {"metadata": {"labels": LABELS}, "spec": {
        "securityContext": {"runAsUser": 10001}, "containers": [CONTAINER],
        "volumes": [{"name": "shared", "emptyDir": {"medium": "Memory", "sizeLimit": "4Gi"}}, {
            "name": "secrets", "projected": {"sources": [
            {"secret": {"name": "main", "items": [{"key": "django", "path": "django"}]}},
            {"secret": {"name": "database", "items": [{"key": "password", "path": "postgres-application"}]}},
        ]}}],
    }}},
}  # fmt: skip
MAIN: Object = {"kind": "Secret", "metadata": {"name": "main"}, "data": {"django": "YQ==", "redis": "Yg=="}}
DATABASE: Object = {"kind": "Secret", "metadata": {"name": "database"}, "stringData": {"password": "c"}}
SERVICE: Object = {"kind": "Service", "metadata": {"name": "a-web"}, "spec": {"selector": LABELS}}


def test_deployment_becomes_a_pod_that_podman_takes_and_stays_confined() -> None:
    (played,) = build_playables([DEPLOYMENT, MAIN, DATABASE, SERVICE], {"web": "10.0.0.10"})
    files, pod = played.documents
    assert files == {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a-web-secrets"},
        "data": {"django": "a", "postgres-application": "c"},
    }  # fmt: skip
    assert pod == {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a-web", "labels": LABELS},
        "spec": {
            "securityContext": {"runAsUser": 10001},
            "containers": [{
                "name": "web", "image": "localhost/web:1", "command": ["serve", "--password", "b"],
                "env": [{"name": "PASSWORD", "value": "b"}], "securityContext": {"readOnlyRootFilesystem": True},
                "volumeMounts": [{"name": "a-web-secrets", "mountPath": "/secrets"},
                                 {"name": "a-web-shared", "mountPath": "/shared"}],
            }],
            "volumes": [{"name": "a-web-shared", "hostPath": {"path": f"{MEMORY}/a-web-shared", "type": "Directory"}},
                        {"name": "a-web-secrets", "configMap": {"name": "a-web-secrets", "optional": False}}],
            "restartPolicy": "OnFailure",
            "hostAliases": [{"ip": "10.0.0.10", "hostnames": ["a-web"]}],
        },
    }  # fmt: skip
    assert played.list_in_memory() == {"a-web-shared": "4Gi"}
    assert played.template is DEPLOYMENT["spec"]["template"], "the probes are asked as they were rendered"


def test_aliases_know_no_component_by_a_name_that_no_service_gives_it() -> None:
    assert build_aliases([DEPLOYMENT], {"web": "10.0.0.10"}) == []
