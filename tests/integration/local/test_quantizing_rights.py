"""What the program that quantises may do where root started it: read its texts, write its results, and nothing else.

Anybody else starts it as himself; then only the modes are looked at.
"""

import os
from pathlib import Path

import pytest

from appliance.local.identity import Identity, build_prefix
from inference.quantization.errors import RunFailedError
from inference.quantization.samples import Samples
from inference.quantization.work import build_work
from tests.integration.local.test_quantizing import attempt, build_machine, folder, parent

__all__ = ["folder", "parent"]  # the fixtures
USER = 12345
PROGRAM = """#!/bin/sh
here=$(dirname "$4")
cat "$4" > /dev/null && cat "$here/input/samples.json" > "$here/scratch/read" && echo read-and-wrote >&2
touch "$here/output/piece" && echo made >&2
stat -c '%a %u' "$here/input" "$here/input/samples.json" "$here/output" "$here/scratch" >&2
if [ "$(id -u)" != "$(stat -c %u "$here")" ]; then
  ln -sf /victim "$here/log" 2> /dev/null && echo replaced >&2
  mv "$here/output" "$here/elsewhere" 2> /dev/null && echo moved >&2
fi
exit 1
"""


def test_program_reads_its_texts_writes_its_results_and_replaces_nothing_that_root_writes(
    folder: Path, parent: Path
) -> None:
    is_root = os.geteuid() == 0
    user = USER if is_root else os.geteuid()
    program = folder / "program"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    identity = Identity(user, user, build_prefix(user, user, reachable=True) if is_root else ())
    machine = build_machine(folder, python=program, prefix=identity.prefix, own=identity.own)
    if is_root:
        os.chown(machine.models_dir, user, user)
    texts = Samples(("what somebody wrote",) * 8, "ab" * 32, 16, 0)
    previous = os.umask(0o077)
    try:
        for _ in range(2):  # the second goes on where the first ended
            with pytest.raises(RunFailedError, match="ended with 1"):
                attempt(parent, machine, samples=texts)
    finally:
        os.umask(previous)
    work = build_work(machine.models_dir, "small-w4a16")
    said = ["read-and-wrote", "made", f"700 {user}", f"600 {user}", f"700 {user}", f"700 {user}"]
    assert work.log.read_text().splitlines() == said * 2
    assert work.log.stat().st_mode & 0o777 == 0o600
    assert {path.stat().st_uid for path in (work.folder, work.job, work.log)} == {os.geteuid()}
    assert "what somebody wrote" in (work.scratch / "read").read_text()
    assert not work.input.exists()
