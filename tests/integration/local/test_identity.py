"""Components reach a checkout in a private folder, whoever started them."""

import subprocess
from pathlib import Path

from appliance.local.identity import ensure_identity


def test_components_execute_what_lies_in_a_private_folder(tmp_path: Path) -> None:
    private = tmp_path / "home"
    program = private / "checkout" / "program"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho ran\n", encoding="utf-8")
    program.chmod(0o755)
    private.chmod(0o700)
    identity = ensure_identity(program.parent)

    # `test -x` asks access(2), as PostgreSQL does of its own programs.
    command = [*identity.prefix, "sh", "-c", 'test -x "$1" && exec "$1"', "sh", str(program)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (result.stdout, result.stderr, result.returncode) == ("ran\n", "", 0)
