"""Folders are possible wherever every configuration file can name them, and refused with the reason elsewhere."""

import subprocess
import sys
from pathlib import Path

import pytest

from appliance.local.paths import refuse_odd_path
from appliance.settings import SettingsError, environment


@pytest.mark.parametrize("path", ["/srv/my files", "/srv/Büro", "/srv/a#b;c", "/srv/a{b}$c"])
def test_ordinary_paths_are_accepted(path: str) -> None:
    refuse_odd_path(Path(path), what="data_dir")


@pytest.mark.parametrize(
    "path",
    ['/srv/"a"', "/srv/it's", "/srv/50%", "/srv/a ;b", "/srv/a #b", "/srv/a\nb", "/a,b", "/a:b"],
)
def test_path_that_a_configuration_file_cannot_hold_is_refused(path: str) -> None:
    with pytest.raises(SettingsError, match=r"data_dir is .* cannot be used"):
        refuse_odd_path(Path(path), what="data_dir")


def test_command_refuses_such_a_data_directory_by_its_key(tmp_path: Path) -> None:
    config = tmp_path / "appliance.yaml"
    config.write_text("data_dir: 50%\n")
    result = subprocess.run(
        [sys.executable, "-m", "appliance.cli", "status"], cwd=environment.REPOSITORY, capture_output=True, text=True,
        env={"APPLIANCE_CONFIG": str(config), "PATH": "/usr/bin:/bin"}, check=False, timeout=60,
    )  # fmt: skip
    assert result.returncode == 3
    assert "data_dir is" in result.stderr
