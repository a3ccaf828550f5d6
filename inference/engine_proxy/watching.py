"""Read the GPUs and the engine's metrics when somebody asks, at most once a second for all who ask."""

import asyncio
import datetime as dt
import logging
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import aiohttp

from inference.engine_proxy.bounds import Bounds
from inference.engine_proxy.forwarding import build_client
from inference.metrics.gpus import GpuSource, GpuState
from inference.metrics.parse import MetricsError, parse_engine_metrics
from inference.metrics.types import EngineReading, HostReading

logger = logging.getLogger(__name__)
FRESH_SECONDS = 1.0
GPU_SECONDS = 5.0
METRICS_PATH = "/metrics"


@dataclass(frozen=True)
class Watched:
    """One reading, and the engine's own page that it was read from, empty when there is none."""

    reading: HostReading
    engine_metrics: str = ""
    has_engine: bool = True


class Watcher:
    """``engine_url`` is None where no engine stands behind this proxy."""

    def __init__(self, gpus: GpuSource, engine_url: str | None, bounds: Bounds) -> None:
        self._gpus, self._engine_url, self._bounds = gpus, engine_url, bounds
        self._client = build_client(bounds)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gpus")
        self._reading_gpus: asyncio.Future[GpuState] | None = None
        self._lock = asyncio.Lock()
        self._last: Watched | None = None
        self._last_at = 0.0
        self._said: frozenset[str] = frozenset()

    async def close(self) -> None:
        await self._client.close()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def watch(self) -> Watched:
        async with self._lock:
            if self._last is None or time.monotonic() - self._last_at > FRESH_SECONDS:
                self._last = await self._watch()
                self._last_at = time.monotonic()
            return self._last

    async def _watch(self) -> Watched:
        taken_at = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        state, (answers, text, engine, problem) = await asyncio.gather(self._read_gpus(), self._read_engine())
        self._say_what_changed(state.problem, problem)
        reading = HostReading(
            host=socket.gethostname(),
            taken_at=taken_at,
            source=self._gpus.source,
            driver_version=state.driver_version,
            gpus=state.gpus,
            gpu_problem=state.problem,
            engine=engine,
            engine_problem=problem,
            engine_answers=answers,
        )
        return Watched(reading, text, has_engine=self._engine_url is not None)

    def _say_what_changed(self, *problems: str) -> None:
        """Once, and not at every reading."""
        for problem in problems:
            if problem and problem not in self._said:
                logger.warning("%s", problem)
        self._said = frozenset(problems)

    async def _read_gpus(self) -> GpuState:
        """In a thread of its own, because a driver in trouble may not come back. It is then left to itself."""
        if self._reading_gpus is None:
            self._reading_gpus = asyncio.get_running_loop().run_in_executor(self._thread, self._gpus.read)
        done, _ = await asyncio.wait({self._reading_gpus}, timeout=GPU_SECONDS)
        if not done:
            return GpuState(problem=f"The NVIDIA driver has not answered for {GPU_SECONDS:.0f} seconds.")
        finished, self._reading_gpus = self._reading_gpus, None
        return finished.result()

    async def _read_engine(self) -> tuple[bool | None, str, EngineReading | None, str]:
        if self._engine_url is None:
            return None, "", None, "No engine stands behind this proxy."
        try:
            text = await self._fetch(self._engine_url + METRICS_PATH)
            return True, text, parse_engine_metrics(text), ""
        except (aiohttp.ClientError, OSError) as error:
            answers = None if isinstance(error, TimeoutError) else False
            return answers, "", None, "The engine does not answer: it is starting, stopped or absent."
        except MetricsError as error:
            return True, "", None, str(error)

    async def _fetch(self, url: str) -> str:
        limit = self._bounds.metrics_bytes
        async with asyncio.timeout(self._bounds.metrics_seconds), self._client.get(url) as answer:
            body = await answer.content.read(limit + 1) if answer.status == 200 else b""
            while body and len(body) <= limit and (more := await answer.content.read(limit + 1)):
                body += more
        if not body:
            raise MetricsError(f"The engine answered {answer.status} to {METRICS_PATH}.")
        if len(body) > limit:
            raise MetricsError(f"The engine's metrics are larger than {limit} bytes.")
        text = body.decode(errors="replace")
        return text if text.endswith("\n") else text + "\n"
