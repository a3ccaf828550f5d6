"""One account of the stand-in and the runs of the playbook in it, each after the one before."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.vpc.playing import ANSIBLE, Cloud, Run, running_cloud


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
def third(cloud: Cloud, second: Played, tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Another port in the settings, another image, and a gateway that somebody attached by hand."""
    settings = yaml.safe_load((ANSIBLE / "inventories" / "vpc" / "appliance.yaml").read_text(encoding="utf-8"))
    settings["engine_proxy"]["port"] = 9443
    file: Path = tmp_path_factory.mktemp("settings") / "appliance.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    cloud.run_script("attach-internet-gateway")
    run = cloud.play(vpc_settings_file=str(file), vpc_gpu_ami_id="ami-0aaaaaaaaaaaaaaaa")
    return Played(run, cloud.describe())
