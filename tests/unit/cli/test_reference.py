"""The commands' page is what the verbs say of themselves."""

from pathlib import Path

import pytest

from appliance.cli import reference
from appliance.cli.app import application


def test_page_in_the_repository_is_up_to_date() -> None:
    assert reference.main(["--check"]) == 0, "run `python -m appliance.cli.reference`"


def test_every_verb_is_on_the_page() -> None:
    named = {verb[0] for verb in reference.VERBS}
    commands = {command.callback.__name__ for command in application.registered_commands if command.callback}
    assert named == commands | {group.name for group in application.registered_groups}


def test_check_refuses_a_stale_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "PAGE", tmp_path / "commands.md")
    assert reference.main(["--check"]) == 1
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0
