"""What is in the images, and what is not."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from appliance.programs.images import CONFIG, DATA_DIR, IMAGES, USER_ID
from tests.images.building import WHEELHOUSES, build_arguments
from tests.images.ground import ROOT
from tests.images.podman import Podman

pytestmark = pytest.mark.timeout(1500)
NAMES = ("webapp", "inference")
# Measured 0.39 and 2.9 GB: growth by a fifth should be somebody's decision.
LARGEST_BYTES = {"webapp": 450_000_000, "inference": 3_500_000_000}
SECRET = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|AKIA[0-9A-Z]{16}")


@contextmanager
def mounted(podman: Podman, reference: str) -> Iterator[Path]:
    path = podman.run("image", "mount", reference).strip()
    try:
        yield Path(path)
    finally:
        podman.run("image", "unmount", reference)


def inspect(podman: Podman, reference: str) -> dict[str, Any]:
    (described,) = json.loads(podman.run("image", "inspect", reference))
    found: dict[str, Any] = described
    return found


def execute(podman: Podman, reference: str, *command: str) -> "subprocess.CompletedProcess[str]":
    """As a Pod would: no capability, nothing writable, no network."""
    options = ("--rm", "--network", "none", "--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges")
    return subprocess.run(
        podman.build_command("run", *options, reference, *command), capture_output=True, text=True, check=False
    )


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_image_runs_as_a_numbered_user_and_says_what_it_is(podman: Podman, images: dict[str, str], name: str) -> None:
    described = inspect(podman, images[name])
    config, labels = described["Config"], described["Labels"]
    assert config["User"] == f"{USER_ID}:{USER_ID}"
    assert labels["org.opencontainers.image.title"] == f"llm-appliance {name}"
    assert re.fullmatch("[0-9a-f]{40}", labels["org.opencontainers.image.revision"])
    assert f"APPLIANCE_CONFIG={CONFIG}" in config["Env"]
    assert config["WorkingDir"] == str(DATA_DIR)
    assert config["Cmd"][0] == str(IMAGES[name].python)


def test_same_inputs_make_the_same_image(podman: Podman, images: dict[str, str]) -> None:
    described, again = inspect(podman, images["webapp"]), "localhost/appliance-webapp:again"
    arguments = build_arguments(described["Labels"]["org.opencontainers.image.revision"])
    podman.build_image(
        ROOT / "webapp" / "Containerfile", WHEELHOUSES / "webapp", tag=again, arguments=arguments, afresh=True
    )
    try:
        assert inspect(podman, again)["Id"] == described["Id"]
    finally:
        podman.run("rmi", again)


def test_image_is_small(podman: Podman, images: dict[str, str], name: str) -> None:
    size = inspect(podman, images[name])["Size"]
    sys.stderr.write(f"\n[images] {images[name]}: {size / 1e6:.0f} MB\n")
    assert size < LARGEST_BYTES[name]


def test_image_has_nothing_that_its_user_may_write_and_nothing_that_raises_rights(
    podman: Podman, images: dict[str, str], name: str
) -> None:
    with mounted(podman, images[name]) as root:
        raising = ["find", str(root), "-xdev", "-type", "f", "-perm", "/6000"]
        owned = ["find", str(root), "-xdev", "-uid", str(USER_ID), "-not", "-path", f"{root}{DATA_DIR}"]
        writable = ["find", str(root), "-xdev", "-not", "-type", "l", "-perm", "-0002", "-not", "-perm", "-1000"]
        for command in (raising, owned, writable):
            assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""


def test_image_carries_no_installer_cache_source_or_secret(podman: Podman, images: dict[str, str], name: str) -> None:
    with mounted(podman, images[name]) as root:
        packages = next((root / "opt" / "appliance" / name / "lib").glob("python3*")) / "site-packages"
        assert not (packages / "pip").exists()
        assert not (packages / "tests").exists()
        assert list((root / "opt" / "appliance" / name / "bin").glob("pip*")) == []
        leftovers = [root / "tmp", root / "var" / "tmp", root / "var" / "cache" / "apt", root / "root" / ".cache"]
        assert [
            str(path) for folder in leftovers if folder.exists() for path in folder.rglob("*") if path.is_file()
        ] == []
        ours = [path for room in ("appliance", "inference", "webapp") for path in (packages / room).rglob("*.py")]
        assert len(ours) > 300
        texts = [path for path in (root / "etc").rglob("*") if path.is_file() and not path.is_symlink()]
        assert [str(path) for path in [*ours, *texts] if SECRET.search(path.read_text(errors="replace"))] == []
        assert list(root.rglob("var/lib/appliance/*")) == []


def test_webapp_has_no_torch_no_compiler_and_its_static_files(podman: Podman, images: dict[str, str]) -> None:
    python = str(IMAGES["webapp"].python)
    refused = execute(podman, images["webapp"], python, "-P", "-c", "import torch")
    assert "ModuleNotFoundError: No module named 'torch'" in refused.stderr
    with mounted(podman, images["webapp"]) as root:
        assert list(root.glob("usr/bin/*gcc*")) + list(root.glob("usr/bin/cc")) == []
        static = root / "opt" / "appliance" / "webapp" / "share" / "appliance" / "static"
        manifest = json.loads((static / "staticfiles.json").read_text())
        assert all((static / hashed).is_file() for hashed in manifest["paths"].values())


def test_inference_has_vllm_without_django_and_without_what_the_gpu_build_adds(
    podman: Podman, images: dict[str, str]
) -> None:
    python = str(IMAGES["inference"].python)
    found = execute(
        podman, images["inference"], python, "-P", "-c", "import torch, ctypes; ctypes.CDLL('libnuma.so.1')"
    )
    assert found.returncode == 0, found.stderr
    for absent in ("django", "triton", "torchvision"):
        refused = execute(podman, images["inference"], python, "-P", "-c", f"import {absent}")
        assert f"No module named '{absent}'" in refused.stderr


def test_containers_that_are_told_nothing_say_what_they_lack(podman: Podman, images: dict[str, str]) -> None:
    silent = execute(podman, images["webapp"])
    assert silent.returncode != 0
    assert f"APPLIANCE_CONFIG names {CONFIG}, and there is no such file." in silent.stderr
    helped = execute(podman, images["inference"])
    assert helped.returncode == 0
    assert "engine-proxy" in helped.stdout
