"""In which order Helm makes things, in a cluster that is authored (tests/helm/cluster.py): hooks come first."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.helm.cluster import Cluster, running_cluster
from tests.helm.helm import CHART, Helm, HelmRefusedError, read_values, with_value

HOOK = [
    ("serviceaccounts", "appliance-setup"),
    ("secrets", "appliance-setup"),
    ("configmaps", "appliance-setup"),
    ("jobs", "appliance-setup"),
]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


def install(helm: Helm, cluster: Cluster, values: dict[str, Any]) -> None:
    helm.operate("install", cluster, chart=str(CHART), values=values, wait="hookOnly", timeout=20)


def upgrade(helm: Helm, cluster: Cluster, values: dict[str, Any]) -> None:
    cluster.changes.clear()
    helm.operate("upgrade", cluster, chart=str(CHART), values=values, wait="hookOnly", timeout=20)


def assert_setup_came_first(cluster: Cluster) -> None:
    """Made, in this order, and gone again before anything else is touched."""
    first, then = cluster.changes[:8], cluster.changes[8:]
    assert first == [*(("create", *each) for each in HOOK), *(("delete", *each) for each in reversed(HOOK))]
    assert not [change for change in then if change[2] == "appliance-setup" and change[1] != "networkpolicies"]
    assert ("create", "deployments", "appliance-web") in then or ("change", "deployments", "appliance-web") in then


def test_setup_is_done_before_anything_starts(helm: Helm, cluster: Cluster) -> None:
    install(helm, cluster, read_values("minimum"))
    assert_setup_came_first(cluster)
    upgrade(helm, cluster, with_value(read_values("minimum"), "site.name", "Answers"))
    assert_setup_came_first(cluster)


def test_rollback_registers_the_former_models_again(helm: Helm, cluster: Cluster) -> None:
    install(helm, cluster, read_values("minimum"))
    upgrade(helm, cluster, with_value(read_values("minimum"), "site.name", "Answers"))
    cluster.changes.clear()
    helm.operate("rollback", cluster, version=1, wait="hookOnly", timeout=20)
    assert_setup_came_first(cluster)
    assert "name: LLM appliance" in cluster.objects["configmaps", "appliance-config"]["data"]["appliance.yaml"]


def test_setup_that_fails_starts_nothing(helm: Helm, cluster: Cluster) -> None:
    cluster.jobs_fail = True
    with pytest.raises(HelmRefusedError, match="appliance-setup"):
        install(helm, cluster, read_values("minimum"))
    assert cluster.list_names("deployments") == set()
    assert cluster.list_names("jobs") == {"appliance-setup"}, "it stays, so that its log can be read"


def test_upgrade_whose_setup_fails_leaves_what_runs(helm: Helm, cluster: Cluster) -> None:
    install(helm, cluster, read_values("minimum"))
    cluster.jobs_fail = True
    with pytest.raises(HelmRefusedError, match="appliance-setup"):
        upgrade(helm, cluster, with_value(read_values("minimum"), "site.name", "Answers"))
    assert {resource for _, resource, _ in cluster.changes} <= {resource for resource, _ in HOOK}


def test_own_database_is_made_before_its_setup_and_prepared_first_at_upgrades(helm: Helm, cluster: Cluster) -> None:
    values = read_values("cloudnativepg")
    install(helm, cluster, values)
    assert ("create", "clusters", "appliance-postgres") in cluster.changes
    assert ("create", "jobs", "appliance-first-setup") in cluster.changes
    assert cluster.list_names("jobs") == {"appliance-first-setup"}
    upgrade(helm, cluster, with_value(values, "site.name", "Answers"))
    assert cluster.changes.index(("create", "jobs", "appliance-setup")) < cluster.changes.index(
        ("change", "deployments", "appliance-web")
    )
    assert ("delete", "clusters", "appliance-postgres") not in cluster.changes
    assert cluster.list_names("jobs") == set()


def test_uninstalling_leaves_the_database_and_the_keys(helm: Helm, cluster: Cluster) -> None:
    install(helm, cluster, read_values("cloudnativepg"))
    before = cluster.objects["secrets", "appliance-secrets"]["data"]
    helm.operate("uninstall", cluster)
    assert set(cluster.objects) == {("clusters", "appliance-postgres"), ("secrets", "appliance-secrets")}
    install(helm, cluster, read_values("cloudnativepg"))
    assert cluster.objects["secrets", "appliance-secrets"]["data"] == before


def test_upgrade_keeps_secrets_and_restarts_only_what_changed(helm: Helm, cluster: Cluster) -> None:
    values = read_values("minimum")
    install(helm, cluster, values)
    secrets = {name: cluster.objects["secrets", name]["data"] for name in cluster.list_names("secrets")}
    templates = read_templates(cluster)
    upgrade(helm, cluster, with_value(values, "web.replicas", 3))
    assert {name: cluster.objects["secrets", name]["data"] for name in cluster.list_names("secrets")} == secrets
    assert read_templates(cluster) == templates
    assert cluster.objects["deployments", "appliance-web"]["spec"]["replicas"] == 3


def read_templates(cluster: Cluster) -> dict[str, Any]:
    return {
        name: cluster.objects["deployments", name]["spec"]["template"] for name in cluster.list_names("deployments")
    }
