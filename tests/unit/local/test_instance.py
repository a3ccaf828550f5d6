"""Only one command at a time changes an appliance."""

import os
from pathlib import Path

import pytest

from appliance.local.errors import BusyError, LocalError
from appliance.local.instance import LocalAppliance
from appliance.programs import Installation
from appliance.settings import Settings


def build(data_dir: Path) -> LocalAppliance:
    return LocalAppliance(Settings(data_dir=data_dir), Installation(Path("/code"), Path("/c.yaml"), Path("/python")))


def test_second_change_is_refused_with_the_process_of_the_first(tmp_path: Path) -> None:
    with (
        build(tmp_path / "var").only_one_change(),
        pytest.raises(BusyError, match=f"process {os.getpid()}"),
        build(tmp_path / "var").only_one_change(),
    ):
        pass


def test_next_change_is_admitted_when_the_first_has_ended(tmp_path: Path) -> None:
    for _ in range(2):
        with build(tmp_path / "var").only_one_change():
            pass


def test_folder_that_cannot_be_made_is_an_error_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(LocalError, match="name another folder as data_dir"),
        build(tmp_path / "file/var").only_one_change(),
    ):
        pass
