"""An authored stand-in for a cluster's API server, as far as Helm needs one.

It keeps what it is given and says in which order that came. It validates nothing and runs nothing; a Job has ended as
soon as it is there.
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

KINDS = {
    "v1": {"ConfigMap": "configmaps", "Secret": "secrets", "Service": "services", "ServiceAccount": "serviceaccounts"},
    "apps/v1": {"Deployment": "deployments"},
    "batch/v1": {"Job": "jobs"},
    "networking.k8s.io/v1": {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses"},
    "policy/v1": {"PodDisruptionBudget": "poddisruptionbudgets"},
    "postgresql.cnpg.io/v1": {"Cluster": "clusters"},
    "cert-manager.io/v1": {"Certificate": "certificates"},
}
# An empty description of the API: what is not described is not validated here (other tests do that).
NO_SCHEMA = ("application/com.github.proto-openapi.spec.v2.v1.0+protobuf", b"")
OBJECTS = re.compile(
    r"^/(?:api|apis)/(?P<group>.+)/namespaces/(?P<namespace>[^/]+)/(?P<kind>[a-z]+)(?:/(?P<name>[^/]+))?$"
)
MISSING = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
COMPLETE = {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}
FAILED = {"failed": 1, "conditions": [{"type": "Failed", "status": "True", "message": "authored"}]}
Object = dict[str, Any]


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
    verbs = ["get", "list", "watch", "create", "patch", "update", "delete"]
    resources = [
        {"name": name, "singularName": "", "namespaced": True, "kind": kind, "verbs": verbs}
        for kind, name in KINDS[group].items()
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": resources}


@dataclass
class Cluster:
    """``objects`` by (resource, name); ``changes`` are (verb, resource, name) in order."""

    url: str = ""
    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    changes: list[tuple[str, str, str]] = field(default_factory=list)
    version: int = 1
    jobs_fail: bool = False

    def list_names(self, resource: str) -> set[str]:
        return {name for kind, name in self.objects if kind == resource}

    def read(self, resource: str, name: str, labels: str) -> Object | None:
        if name:
            return self.objects.get((resource, name))
        wanted = dict(pair.split("=") for pair in labels.split(",") if "=" in pair)
        items = [
            each
            for (kind, _), each in sorted(self.objects.items())
            if kind == resource and wanted.items() <= each["metadata"].get("labels", {}).items()
        ]
        return {"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": str(self.version)}, "items": items}

    def write(self, resource: str, name: str, body: Object) -> Object:
        verb = "change" if (resource, name) in self.objects else "create"
        self.version += 1
        stamps = {"resourceVersion": str(self.version), "uid": f"uid-{resource}-{name}", "generation": 1}
        stored = {**body, "metadata": {**body["metadata"], **stamps}}
        if resource == "jobs":
            stored["status"] = FAILED if self.jobs_fail else COMPLETE
        self.objects[resource, name] = stored
        self.changes.append((verb, resource, name))
        return stored

    def delete(self, resource: str, name: str) -> Object | None:
        deleted = self.objects.pop((resource, name), None)
        if deleted is not None:
            self.changes.append(("delete", resource, name))
        return deleted


class Handler(BaseHTTPRequestHandler):
    """The part of the Kubernetes API that Helm speaks."""

    cluster: Cluster
    lock: threading.Lock

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/openapi/v2":
            self._send(200, *NO_SCHEMA)
            return
        query = parse_qs(url.query)
        match = OBJECTS.match(url.path)
        if match is None:
            self._answer(describe(url.path))
        elif query.get("watch"):
            self._send(200, "application/json", b"")  # nothing happens any more: everything is at once what it becomes
        else:
            with self.lock:
                labels = query.get("labelSelector", [""])[0]
                self._answer(self.cluster.read(match["kind"], match["name"] or "", labels))

    def do_POST(self) -> None:
        self._write()

    def do_PUT(self) -> None:
        self._write()

    def do_PATCH(self) -> None:
        self._write()

    def do_DELETE(self) -> None:
        self._body()
        match = OBJECTS.match(urlsplit(self.path).path)
        assert match is not None
        with self.lock:
            self._answer(self.cluster.delete(match["kind"], match["name"]))

    def _write(self) -> None:
        match = OBJECTS.match(urlsplit(self.path).path)
        assert match is not None, self.path
        body = self._body()
        with self.lock:
            self._answer(self.cluster.write(match["kind"], body["metadata"]["name"], body))

    def _body(self) -> Object:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body: Object = yaml.safe_load(raw) or {}
        return body

    def _answer(self, found: Mapping[str, Any] | None) -> None:
        self._send(404 if found is None else 200, "application/json", json.dumps(found or MISSING).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name in the base
        """Not in the tests' output."""


@contextmanager
def running_cluster(secrets: Mapping[str, Object] | None = None) -> Iterator[Cluster]:
    """A cluster that has these Secrets, by name, and nothing else."""
    cluster = Cluster(objects={("secrets", name): secret for name, secret in (secrets or {}).items()})
    handler = type("OfThisCluster", (Handler,), {"cluster": cluster, "lock": threading.Lock()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        cluster.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield cluster
        server.shutdown()
        thread.join()
