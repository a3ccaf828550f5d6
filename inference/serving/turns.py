"""Engines that share a GPU start one after another.

At its start vLLM holds its share against the memory that is free at that moment, and measures what is left for keys and
values while it loads. Another engine that loads meanwhile is taken for its own use, or takes what it counted on. So a
further engine waits until those before it answer; who starts again while the others run waits for nobody.
"""

import sys
import time
from collections.abc import Sequence

from inference.serving.readiness import check_alive

PAUSE_SECONDS = 1.0
ASK_SECONDS = 2.0


def wait_for_turn(urls: Sequence[str], *, seconds: float) -> list[str]:
    """Those that did not answer within ``seconds``: whoever is broken keeps the others waiting, not away."""
    deadline = time.monotonic() + seconds
    waiting = list(urls)
    while waiting:
        waiting = [url for url in waiting if not check_alive(url, seconds=ASK_SECONDS).ready]
        if not waiting or time.monotonic() >= deadline:
            break
        time.sleep(PAUSE_SECONDS)
    if waiting:
        sys.stderr.write(f"Starting without {', '.join(waiting)}, which did not answer in {seconds:.0f} seconds.\n")
    return waiting
