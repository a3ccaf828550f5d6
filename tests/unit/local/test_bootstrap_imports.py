"""The bootstrap runs before anything is installed, so it imports the standard library only."""

import subprocess
import sys

from appliance.settings import environment

SCRIPT = """
import sys
import appliance.local.environments
ours = {"appliance"}
roots = {name.partition(".")[0] for name in sys.modules}
print(sorted(roots - set(sys.stdlib_module_names) - ours))
"""


def test_bootstrap_imports_the_standard_library_only() -> None:
    # -S: no site-packages at all, so anything else could not even be imported.
    command = [sys.executable, "-S", "-c", SCRIPT]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=environment.REPOSITORY)
    assert result.stdout.strip() == "['__main__']"
