"""Images built once, and one appliance in Pods, for the whole session."""

import sys
from collections.abc import Iterator

import pytest

from tests.helm.conftest import helm
from tests.helm.helm import Helm
from tests.images import appliance, ground
from tests.images.building import build_images
from tests.images.cluster import running_cluster
from tests.images.podman import Podman
from tests.install.ground import must_run

__all__ = ["helm"]


@pytest.fixture(scope="session")
def podman() -> Podman:
    """Where Pods cannot be run this is skipped, with the reason; in CI, where ``CI`` is set, it is an error."""
    if obstacles := ground.list_obstacles():
        reason = " ".join(obstacles)
        if must_run():
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return Podman()


@pytest.fixture(scope="session")
def images(podman: Podman) -> dict[str, str]:
    return build_images(podman)


@pytest.fixture(scope="session")
def running(images: dict[str, str], podman: Podman, helm: Helm) -> Iterator[appliance.Running]:
    with running_cluster(podman) as cluster:
        try:
            yield appliance.start(cluster, helm)
        except BaseException:
            sys.stderr.write(cluster.describe())
            raise
