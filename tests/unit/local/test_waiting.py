"""Waiting ends early for a program that will not get better."""

import os
from pathlib import Path

import pytest

from appliance.local.bringing_up import BringingUp
from appliance.local.errors import ComponentError
from appliance.local.health import choose_host
from appliance.local.identity import Identity
from appliance.local.instance import LocalAppliance
from appliance.local.prepared import Prepared, forget_prepared, prepared_file, read_prepared, write_prepared
from appliance.local.supervisor import ProgramState, Supervisor
from appliance.local.waiting import SECONDS, gave_up, measure_log, read_end, tail, wait_until_healthy
from appliance.programs import Installation
from appliance.settings import Settings
from appliance.topology import build_topology
from tests.unit.local.test_bringing_up import Silence

MYSELF = Identity(os.getuid(), os.getgid(), ())


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        (("answers.example.com", "localhost"), "answers.example.com"),
        ((".example.com",), "example.com"),
        (("*",), "localhost"),
        ((), "localhost"),
    ],
)
def test_web_is_asked_under_a_name_it_accepts(allowed: tuple[str, ...], expected: str) -> None:
    assert choose_host(allowed) == expected


def state(name: str) -> ProgramState:
    return ProgramState("web", name, 1, 0, "")


@pytest.mark.parametrize(
    ("found", "started", "allowed", "expected"),
    [
        (None, 0, 4, True),
        (state("FATAL"), 1, 4, True),
        (state("STARTING"), 1, 1, False),
        (state("EXITED"), 0, 1, True),
        (state("EXITED"), 0, 4, False),
        (state("RUNNING"), 4, 4, False),
        (state("BACKOFF"), 3, 4, False),
        (state("BACKOFF"), 4, 4, True),
        (state("EXITED"), 1, 1, True),
        (state("RUNNING"), 2, 1, True),
    ],
)
def test_program_is_given_up_after_the_starts_it_is_allowed(
    found: ProgramState | None, started: int, allowed: int, expected: bool
) -> None:
    assert gave_up(found, started, allowed) is expected


def test_every_program_has_a_time_in_which_it_must_be_healthy() -> None:
    programs = {component.name for component in build_topology(Settings()).programs}
    assert programs == SECONDS.keys() | {"engine"}  # whose time is a setting


def test_tail_is_the_end_of_the_log_indented(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("1\n2\n3\n")
    assert tail(log, 2) == "  | 2\n  | 3"
    assert tail(tmp_path / "absent.log") == "  | (no log yet)"


OUT_OF_MEMORY = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB\n"
NO_TEMPLATE = "ValueError: the tokenizer has no default chat template\n"


def test_reason_of_an_earlier_start_is_not_given_for_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path)
    local = LocalAppliance(settings, Installation(Path("/code"), Path("/c"), Path("/p")))
    settings.log_dir.mkdir()
    log = settings.log_dir / "engine.log"
    log.write_text(OUT_OF_MEMORY)
    monkeypatch.setattr(BringingUp, "_is_well", lambda *_asked: False)
    monkeypatch.setattr(Supervisor, "list_states", lambda _self: {})

    def start(_self: Supervisor, _name: str) -> None:
        with log.open("a") as handle:
            handle.write(NO_TEMPLATE)

    monkeypatch.setattr(Supervisor, "start_program", start)
    bringing_up = BringingUp(local, Silence())
    bringing_up._start("engine")
    with pytest.raises(ComponentError, match="The model has no chat template"):
        bringing_up._bring("engine")
    with pytest.raises(ComponentError, match="memory ran out"):
        wait_until_healthy(local, "engine")


def test_log_that_was_begun_anew_is_read_whole(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    assert (measure_log(log), list(read_end(log, after=9))) == (0, [])
    log.write_text("1\n2\n")
    assert list(read_end(log, after=2)) == ["2\n"]
    assert list(read_end(log, after=9)) == ["1\n", "2\n"]


def test_prepared_is_remembered_and_forgotten(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    settings.run_dir.mkdir()
    assert read_prepared(settings) == Prepared()
    write_prepared(settings, MYSELF, Prepared(release="r", endpoints="e"))
    assert read_prepared(settings) == Prepared(release="r", endpoints="e")
    prepared_file(settings).write_text('{"from": "another version"}')
    assert read_prepared(settings) == Prepared()
    forget_prepared(settings)
    forget_prepared(settings)
