"""The keeper's own loop, with probes that say what the test wants said; in a process of its own, as the keeper is."""

import subprocess
import sys
from pathlib import Path

from appliance.settings.environment import REPOSITORY
from inference.serving.events import read_events

# An engine that writes for others, asked twenty times; its canaries find a full queue.
BUSY = """
import sys
from pathlib import Path
from inference.metrics.types import EngineReading
from inference.serving.events import EventLog
from inference.serving.keeper.keeping import Keeper
from inference.serving.keeper.outlook import Limits

class Busy:
    purpose, asked, looked, is_asked = "generation", 0, 0, False

    def ask_metrics(self):
        self.asked, self.is_asked = self.asked + 1, True

    def ask_canary(self):
        pass

    def take_metrics(self):
        self.looked += 1
        if self.looked == 20:
            keeper.stop()
        if not self.is_asked:
            return None
        self.is_asked = False
        return (EngineReading("m", running=8.0, waiting=99.0, generation_tokens_total=40.0 * self.asked),)

    def take_canary(self):
        return False

limits = Limits(start_seconds=2, wedged_seconds=4, drain_seconds=1)
keeper = Keeper(["/bin/sleep", "60"], probes=Busy(), limits=limits, events=EventLog(Path(sys.argv[1]), "engine"))
sys.exit(keeper.run())
"""


def test_engine_that_comes_back_under_load_is_not_ended_for_a_canary_that_waits(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUSY, str(tmp_path)], cwd=REPOSITORY, timeout=60, check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    kinds = [event.kind for event in read_events(tmp_path / "engine.jsonl")]
    assert kinds == ["engine_started", "engine_ready", "engine_drained"]
