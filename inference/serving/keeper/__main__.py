"""``python -m inference.serving.keeper --engine NAME --url URL --events FOLDER ... -- ARGV``"""

import argparse
import signal
import sys
from pathlib import Path
from typing import get_args

from inference.registry.spec import Purpose
from inference.serving.events import EventLog
from inference.serving.keeper.keeping import Keeper
from inference.serving.keeper.outlook import Limits
from inference.serving.keeper.probing import Probes


def main() -> int:
    parser = argparse.ArgumentParser(description="Start an engine, watch it, and record what happens to it.")
    parser.add_argument("--engine", required=True, help="its component's name")
    parser.add_argument("--url", help="where it answers, without /v1; a node that does not is only waited for")
    parser.add_argument("--purpose", choices=get_args(Purpose), default="generation", help="what it is asked for")
    parser.add_argument("--events", type=Path, required=True, help="the folder for its events")
    parser.add_argument("--start-seconds", type=float, required=True)
    parser.add_argument("--wedged-seconds", type=float, required=True)
    parser.add_argument("--drain-seconds", type=float, required=True)
    parser.add_argument("argv", nargs="+")
    asked = parser.parse_args()
    keeper = Keeper(
        asked.argv,
        probes=Probes(asked.url, asked.purpose) if asked.url else None,
        limits=Limits(asked.start_seconds, asked.wedged_seconds, asked.drain_seconds),
        events=EventLog(asked.events, asked.engine),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: keeper.stop())
    return keeper.run()


if __name__ == "__main__":
    sys.exit(main())
