"""An authored stand-in for a cluster's API server, as far as Helm's dry run on a server asks it: which kinds there are,
and which Secrets exist. It stores nothing and refuses every change."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KINDS = {
    "v1": {"ConfigMap": "configmaps", "Secret": "secrets", "Service": "services", "ServiceAccount": "serviceaccounts"},
    "apps/v1": {"Deployment": "deployments"},
    "batch/v1": {"Job": "jobs"},
    "networking.k8s.io/v1": {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses"},
    "policy/v1": {"PodDisruptionBudget": "poddisruptionbudgets"},
}
# An empty description of the API: what is not described is not validated here (the tests do that elsewhere).
NO_SCHEMA = ("application/com.github.proto-openapi.spec.v2.v1.0+protobuf", b"")


def describe(path: str) -> Mapping[str, Any] | None:
    """The answer to a question about the API itself."""
    if path == "/version":
        return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        groups = [
            {
                "name": group.split("/")[0],
                "versions": [{"groupVersion": group, "version": "v1"}],
                "preferredVersion": {"groupVersion": group, "version": "v1"},
            }
            for group in KINDS
            if "/" in group
        ]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    group = path.removeprefix("/apis/").removeprefix("/api/")
    if group not in KINDS:
        return None
    resources = [
        {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": ["get"]}
        for kind, name in KINDS[group].items()
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": resources}


@contextmanager
def running_cluster(secrets: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The address of an API server that has these Secrets, by name, and nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/openapi/v2":
                self._send(200, *NO_SCHEMA)
                return
            name = path.rpartition("/secrets/")[2]
            found = secrets.get(name) if "/secrets/" in path else describe(path)
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            body = json.dumps(missing if found is None else found).encode()
            self._send(404 if found is None else 200, "application/json", body)

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name in the base
            """Not in the tests' output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
