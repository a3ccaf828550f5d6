"""Real Helm and kubernetes-validate, in the deploy environment: one JSON request a line, one JSON answer a line.

The tests run in the development environment, which has neither. ``render VALUES...`` prints manifests for people.
"""

import functools
import json
import sys
from collections.abc import Callable
from typing import Any

import helm_python
import kubernetes_validate

KUBERNETES = "1.34"


def render(chart: str, values: dict[str, Any], upgrade: bool, name: str, namespace: str) -> dict[str, str]:
    with helm_python.Chart.load(chart) as loaded:
        # Rendering alone does not look at the schema; installing does.
        loaded.validate_schema(values)
        rendered: dict[str, str] = loaded.render(
            values, name=name, namespace=namespace, is_upgrade=upgrade, is_install=not upgrade
        )
    return {path: text for path, text in rendered.items() if text.strip() and not path.endswith(".tpl")}


def lint(chart: str, values: dict[str, Any]) -> list[str]:
    report = helm_python.lint(chart, values, strict=True)
    found = [f"{each['path']}: {each['error']}" for each in report["messages"] if each["severity"] > 1]
    return [*found, *report["errors"]]


@functools.cache
def connect(server: str, namespace: str) -> helm_python.Config:
    """One for each cluster, because it remembers the releases: Helm's records would otherwise be Secrets there."""
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": server}}],
        "users": [{"name": "test", "user": {}}],
    }
    return helm_python.Config(
        kubeconfig_content=json.dumps(kubeconfig),
        namespace=namespace,
        storage_driver="memory",
        burst_limit=1000,
        qps=1000,
    )


def operate(verb: str, server: str, namespace: str, **options: Any) -> str:
    """Install, upgrade, roll back or uninstall in the cluster at ``server``; the manifest, where there is one."""
    result = getattr(connect(server, namespace), verb)(**options)
    return str((result or {}).get("manifest", ""))


def validate(manifest: dict[str, Any]) -> str:
    """What Kubernetes' own schema says against one object, unknown fields included; empty when nothing."""
    try:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return str(error.message)
    return ""


def answer(request: dict[str, Any]) -> Any:
    verbs: dict[str, Callable[..., Any]] = {"render": render, "lint": lint, "validate": validate, "operate": operate}
    try:
        return {"result": verbs[request.pop("ask")](**request)}
    except helm_python.HelmError as error:
        return {"error": str(error)}


def main() -> None:
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
