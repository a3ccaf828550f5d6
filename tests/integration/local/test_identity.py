"""Components reach a checkout in a private folder, whoever started them."""

import subprocess
import sys
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

    # Python's os.access is access(2), which PostgreSQL asks about its own programs.
    script = "import os, sys; assert os.access(sys.argv[1], os.X_OK); os.execv(sys.argv[1], sys.argv[1:])"
    command = [*identity.prefix, sys.executable, "-I", "-c", script, str(program)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")

    assert (result.stdout, result.stderr, result.returncode) == ("ran\n", "", 0)
