"""One account of the stand-in and the runs of the playbook in it, each after the one before."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.vpc.playing import Cloud, Run, read_example_settings, running_cloud


@dataclass(frozen=True)
class Played:
    """A run, and what the stand-in described after it."""

    run: Run
    state: dict[str, Any]


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("cloud")) as started:
        yield started


@pytest.fixture(scope="session")
def rehearsal(cloud: Cloud) -> Played:
    """Check mode in an empty account."""
    return Played(cloud.play("--check"), cloud.describe())


@pytest.fixture(scope="session")
def first(cloud: Cloud, rehearsal: Played) -> Played:
    return Played(cloud.play(), cloud.describe())


@pytest.fixture(scope="session")
def second(cloud: Cloud, first: Played) -> Played:
    return Played(cloud.play(), cloud.describe())


@pytest.fixture(scope="session")
def third(cloud: Cloud, second: Played) -> Played:
    """Another port in the settings, another image, and a gateway that somebody attached by hand."""
    settings = {**read_example_settings(), "engine_proxy": {"port": 9443}}
    cloud.run_script("attach-internet-gateway")
    run = cloud.play(appliance_settings=settings, vpc_gpu_ami_id="ami-0aaaaaaaaaaaaaaaa")
    return Played(run, cloud.describe())
