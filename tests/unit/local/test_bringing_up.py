"""A model that nobody named is no reason to start nothing; one that was named and is not served is an error."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from appliance.local import bringing_up as bringing_up_module
from appliance.local import model_choice
from appliance.local.bringing_up import BringingUp, build_address
from appliance.local.engines import NO_ENGINES, Engines, build_engines
from appliance.local.errors import ComponentError, LocalError
from appliance.local.instance import LocalAppliance
from appliance.local.prepared import Prepared
from appliance.local.release import Release
from appliance.local.reporting import Step
from appliance.local.supervisor import Supervisor
from appliance.programs import Installation
from appliance.settings import Settings, environment
from appliance.settings.model import Model, Web
from appliance.topology import build_topology
from inference.registry.choice import Choice
from inference.registry.spec import ModelSpec
from tests.engines.launch import free_port
from tests.unit.inference.model_folders import write_model

SPEC = ModelSpec(name="small", source="hub", device="cpu", hub_id="house/small", revision="main")


class Silence:
    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        class Shown:
            note = title

        yield Shown()

    def say(self, text: str) -> None:
        pass


@pytest.fixture
def hub_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_named: object) -> ModelSpec:
        raise LocalError("Fetching house/small failed.")

    monkeypatch.setattr(model_choice, "choose", lambda _settings, **_named: Choice(SPEC, "It is small enough."))
    monkeypatch.setattr(model_choice, "fetch", fail)


def build(data_dir: Path, model: Model) -> BringingUp:
    settings = Settings(data_dir=data_dir, model=model)
    return BringingUp(LocalAppliance(settings, Installation(Path("/code"), Path("/c"), Path("/python"))), Silence())


@pytest.mark.usefixtures("hub_that_fails")
def test_automatic_model_that_cannot_be_fetched_is_a_problem_and_no_failure(tmp_path: Path) -> None:
    bringing_up = build(tmp_path, Model())
    choice, engine = bringing_up._choose_model(Prepared(), settled=False)
    assert (choice.spec, engine) == (None, None)
    assert "house/small" in choice.reason
    assert bringing_up.lacks_model
    assert "answers are the passages that match" in bringing_up.problems[0]


@pytest.mark.usefixtures("hub_that_fails")
def test_named_model_that_cannot_be_fetched_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="house/small failed"):
        build(tmp_path, Model(hub_id="house/small"))._choose_model(Prepared(), settled=False)


def test_settled_appliance_repeats_why_it_has_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_choice, "choose", lambda _settings, **_named: Choice(None, "Nobody asked the hub."))
    bringing_up, before = build(tmp_path, Model()), Prepared(reason="It could not be fetched.", lacks_model=True)
    assert bringing_up._choose_model(before, settled=True)[0].reason == "It could not be fetched."
    served = Prepared(reason="It is small enough.")
    assert bringing_up._choose_model(served, settled=True)[0].reason == "Nobody asked the hub."
    bringing_up.choose_again = True
    assert bringing_up._choose_model(before, settled=True)[0].reason == "Nobody asked the hub."


@pytest.mark.parametrize(
    ("web", "expected"),
    [
        (Web(), "http://127.0.0.1:8400"),
        (Web(host="192.0.2.7"), "http://192.0.2.7:8400"),
        (Web(host="0.0.0.0"), "http://127.0.0.1:8400"),
        (Web(host="::", allowed_hosts=("[::1]",)), "http://[::1]:8400"),
        (Web(host="0.0.0.0", allowed_hosts=("answers.example.com",)), "http://answers.example.com:8400"),
    ],
)
def test_address_shown_is_one_that_a_browser_can_open(web: Web, expected: str) -> None:
    settings = Settings(web=web)
    assert build_address(build_topology(settings).port("web"), settings) == expected


def write_further(tmp_path: Path) -> dict[str, Any]:
    write_model(tmp_path / "good")
    (write_model(tmp_path / "pickled") / "weights.bin").write_bytes(b"\x80\x04")
    kept = {"device": "cpu"}
    return {
        "good": {"path": tmp_path / "good", "port": 8411, **kept},
        "pickled": {"path": tmp_path / "pickled", "port": 8412, **kept},
        "absent": {"path": tmp_path / "absent", "port": 8413, **kept},
    }


def test_further_model_that_is_refused_is_said_and_takes_nobody_with_it(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path / "var", "further_models": write_further(tmp_path)})
    (tmp_path / "var" / "model").mkdir(parents=True)
    bringing_up = BringingUp(LocalAppliance(settings, Installation(Path("/c"), Path("/c"), Path("/p"))), Silence())
    assert list(bringing_up._choose_further(settled=False)) == ["good"]
    refused, absent = bringing_up.problems
    assert refused.startswith("The further model pickled does not run.")
    assert "weights.bin" in refused
    assert "there is no such directory" in absent
    assert not bringing_up.lacks_model


def test_further_engine_that_does_not_start_is_stopped_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    further = {name: {"path": f"/m/{name}", "port": port} for name, port in (("coder", 8411), ("ranks", 8412))}
    settings = Settings.model_validate({"data_dir": tmp_path, "further_models": further})
    bringing_up = BringingUp(LocalAppliance(settings, Installation(Path("/c"), Path("/c"), Path("/p"))), Silence())
    settings.run_dir.mkdir()
    stopped: list[str] = []
    monkeypatch.setattr(Supervisor, "stop_program", lambda _self, name: stopped.append(name))

    def bring(*names: str) -> None:
        if names == ("engine-coder",):
            raise ComponentError("engine-coder", "ends again and again instead of starting", "  | out of memory")

    monkeypatch.setattr(bringing_up, "_bring", bring)
    assert bringing_up._bring_engine("engine", "model")
    assert not bringing_up._bring_engine("engine-coder", "coder")
    assert bringing_up._bring_engine("engine-ranks", "ranks")
    assert stopped == ["engine-coder"]
    (problem,) = bringing_up.problems
    assert "engine-coder" in problem
    assert problem.endswith("Until it starts, the other models do without it.")


def test_main_engine_that_does_not_start_keeps_no_further_one_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard of the further one, as it is started after `up` gave the main one up."""
    coder = ModelSpec("coder", "directory", "cpu", write_model(tmp_path / "coder"), family="qwen3", served_name="coder")
    main = replace(coder, path=write_model(tmp_path / "main"))
    further = {"coder": {"path": tmp_path / "coder", "port": 8411, "device": "cpu"}}
    settings = Settings.model_validate(
        {"data_dir": tmp_path, "model": {"device": "cpu", "port": free_port()}, "further_models": further}
    )
    for folder in (settings.run_dir, tmp_path / "model"):
        folder.mkdir()
    bringing_up = BringingUp(LocalAppliance(settings, Installation(Path("/c"), Path("/c"), Path("/p"))), Silence())
    monkeypatch.setattr(Supervisor, "stop_program", lambda _self, _name: None)
    monkeypatch.setattr(Supervisor, "start_program", lambda _self, _name: None)
    monkeypatch.setattr(Supervisor, "list_states", lambda _self: {})

    def fail(_local: LocalAppliance, name: str, **_named: object) -> str:
        raise ComponentError(name, "ends again and again instead of starting", "  | out of memory")

    monkeypatch.setattr(bringing_up_module, "wait_until_healthy", fail)
    engines = build_engines(
        settings, {"model": main, "coder": coder}, python=Path(sys.executable), root=environment.REPOSITORY
    )
    argv = engines.commands["engine-coder"].argv
    guard = (*argv[: argv.index("--")], "--", "/bin/echo", "started")

    def start(seconds: float) -> str:
        env = {"PYTHONPATH": str(environment.REPOSITORY)}
        return subprocess.run(guard, env=env, capture_output=True, text=True, check=False, timeout=seconds).stdout

    assert not bringing_up._bring_engine("engine", "model")
    assert start(30) == "started\n"
    bringing_up._start("engine")
    with pytest.raises(subprocess.TimeoutExpired):
        start(3)


def test_further_model_that_was_renamed_is_withdrawn_before_it_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bringing_up = build(tmp_path, Model())
    told: list[frozenset[str]] = []
    changed = frozenset({"engine-coder", "engine-proxy", "web"})
    monkeypatch.setattr(bringing_up, "_build_programs", lambda *_given: ())
    monkeypatch.setattr(Supervisor, "write_configuration", lambda _self, _text: True)
    monkeypatch.setattr(Supervisor, "find_changed", lambda _self: changed)
    monkeypatch.setattr(Supervisor, "apply_configuration", lambda _self: tuple(sorted(changed)))
    monkeypatch.setattr(LocalAppliance, "list_running", lambda _self: changed | {"postgres"})

    def withdraw(done: Prepared, _engines: Engines, gone: frozenset[str]) -> Prepared:
        told.append(gone)
        return done

    monkeypatch.setattr(bringing_up, "_withdraw_models", withdraw)
    bringing_up._apply(Release("w", "i", "d"), NO_ENGINES, Prepared(), settled=True)
    assert told == [frozenset({"engine-coder"})]
