"""What an engine wrote: passed on, its end kept, and one line of it noticed however much follows.

In a process of its own, as the keeper is: it collects every child there is.
"""

import json
import subprocess
import sys
from typing import Any

from appliance.settings.environment import REPOSITORY
from inference.serving.keeper.group import TAIL_LINES

PROGRAM = """
import json, os, sys
from inference.serving.keeper.group import EngineGroup
group = EngineGroup(("/bin/sh", "-c", sys.argv[1]), mark="complete")
assert group.wait(20)
gone = group.end()
try:
    os.killpg(group.id, 0)
    gone = False
except ProcessLookupError:
    pass
print(json.dumps({"marked": group.has_marked, "tail": group.tail, "code": group.process.returncode, "gone": gone,
                  "own": group.id != os.getpgid(0)}))
"""


def run(script: str) -> tuple[list[str], dict[str, Any]]:
    """What was passed on, and what is known of the group."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, script], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True
    )
    *lines, last = done.stdout.splitlines()
    return lines, json.loads(last)


def test_line_is_noticed_however_much_follows() -> None:
    lines, found = run("echo request processing complete; seq 1 500")
    assert found["marked"]
    assert found["tail"] == [str(number) for number in range(501 - TAIL_LINES, 501)]
    assert lines == ["request processing complete", *map(str, range(1, 501))]


def test_without_the_line_nothing_is_noticed() -> None:
    assert not run("echo request processing")[1]["marked"]


def test_group_is_its_own_and_gone_at_the_end() -> None:
    found = run("(sleep 1000 & sleep 1000 &) ; exit 3")[1]
    assert (found["code"], found["own"], found["gone"]) == (3, True, True)
