"""Ask the engine for its metrics and for a token, each in a thread of its own, so that neither holds up anything."""

import http.client
import urllib.error
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor

from inference.metrics.parse import MetricsError, parse_engine_metrics
from inference.metrics.types import EngineReading
from inference.registry.spec import Purpose
from inference.serving.readiness import check_engine, check_pooling

METRICS_SECONDS = 5.0
METRICS_BYTES = 8 * 1024 * 1024
CANARY_SECONDS = 60.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Probes:
    """At most one question of each kind is under way. ``take_`` gives an answer once, None while there is none."""

    def __init__(self, url: str, purpose: Purpose) -> None:
        self._url, self.purpose = url, purpose
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="probe")
        self._metrics: Future[EngineReading | None] | None = None
        self._canary: Future[bool] | None = None

    def ask_metrics(self) -> None:
        if self._metrics is None:
            self._metrics = self._threads.submit(read_metrics, self._url)

    def ask_canary(self) -> None:
        if self._canary is None:
            self._canary = self._threads.submit(self._is_answered)

    def take_metrics(self) -> tuple[EngineReading | None] | None:
        if self._metrics is None or not self._metrics.done():
            return None
        done, self._metrics = self._metrics, None
        return (done.result(),)

    def take_canary(self) -> bool | None:
        if self._canary is None or not self._canary.done():
            return None
        done, self._canary = self._canary, None
        return done.result()

    def _is_answered(self) -> bool:
        if self.purpose == "generation":
            return check_engine(self._url, seconds=CANARY_SECONDS).ready
        return check_pooling(self._url, self.purpose, seconds=CANARY_SECONDS).ready


def read_metrics(url: str) -> EngineReading | None:
    """None for an engine that does not answer in time, or answers with something else."""
    try:
        with _OPENER.open(f"{url}/metrics", timeout=METRICS_SECONDS) as answer:
            return parse_engine_metrics(answer.read(METRICS_BYTES).decode(errors="replace"))
    except (OSError, http.client.HTTPException, ValueError, MetricsError):
        return None
