"""``make generate`` leaves the checkout as it is: whatever it writes was committed as it would be written."""

import re
import subprocess
import sys

import pytest

from tests.architecture.tree import ROOT


def list_generators() -> list[str]:
    """The modules that the target runs; each of them knows ``--check``."""
    recipe = re.search(r"^generate:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert recipe is not None
    return [line.strip().removeprefix("$(BIN)/python -m ") for line in recipe.group(1).splitlines()]


@pytest.mark.parametrize("module", list_generators())
def test_generated_files_are_up_to_date(module: str) -> None:
    command = [sys.executable, "-m", module, "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nRun `make generate`."
