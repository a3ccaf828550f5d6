"""Engines that share a GPU start one after another.

At its start vLLM holds its share against the memory that is free at that moment, and measures what is left for keys and
values while it loads. Another engine that loads meanwhile is taken for its own use, or takes what it counted on. So a
further engine waits until those before it answer; who starts again while the others run waits for nobody.

While it loads, an engine answers no more than one that is gone: whoever gave one up, and stopped it, has to say so.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from appliance.settings.files import remove_file, write_whole
from inference.serving.readiness import check_alive

PAUSE_SECONDS = 1.0
ASK_SECONDS = 2.0


def wait_for_turn(urls: Sequence[str], *, seconds: float, given_up: Path | None = None) -> list[str]:
    """Those that did not answer within ``seconds``: whoever is broken keeps the others waiting, not away. Who is marked
    in the folder ``given_up`` is not waited for."""
    deadline = time.monotonic() + seconds
    waiting, gone = list(urls), list[str]()
    while waiting:
        waiting = [url for url in waiting if not check_alive(url, seconds=ASK_SECONDS).ready]
        gone += [url for url in waiting if given_up is not None and _mark(given_up, url).exists()]
        waiting = [url for url in waiting if url not in gone]
        if not waiting or time.monotonic() >= deadline:
            break
        time.sleep(PAUSE_SECONDS)
    if gone:
        sys.stderr.write(f"Starting without {', '.join(gone)}, which did not start.\n")
    if waiting:
        sys.stderr.write(f"Starting without {', '.join(waiting)}, which did not answer in {seconds:.0f} seconds.\n")
    return [*gone, *waiting]


def give_up(folder: Path, url: str) -> None:
    """Nobody waits any more for the engine that answered at ``url``, which is stopped."""
    write_whole(_mark(folder, url), "")


def wait_again(folder: Path, url: str) -> None:
    """It is started again. Idempotent."""
    remove_file(_mark(folder, url))


def _mark(folder: Path, url: str) -> Path:
    return folder / f"given-up-{url.rpartition(':')[2]}"  # the port: they are all on this machine
