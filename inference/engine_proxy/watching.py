"""Read the GPUs and the engine's metrics when somebody asks, at most once a second for all who ask."""

import asyncio
import datetime as dt
import logging
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from inference.engine_proxy.bounds import Bounds
from inference.engine_proxy.forwarding import build_client
from inference.metrics.gpus import GpuSource, GpuState
from inference.metrics.merging import merge_pages
from inference.metrics.parse import MetricsError, parse_engine_metrics
from inference.metrics.types import EngineState, HostReading
from inference.serving.argv import FurtherUpstream
from inference.serving.events import EventReader

logger = logging.getLogger(__name__)
FRESH_SECONDS = 1.0
GPU_SECONDS = 5.0
METRICS_PATH = "/metrics"
MAIN, MAIN_COMPONENT = "model", "engine"
NO_ENGINE = "No engine stands behind this proxy."
NO_ANSWER = "The engine does not answer: it is starting, stopped or absent."


@dataclass(frozen=True)
class Watched:
    """One reading, and the engines' own pages that it was read from as one, empty when there is none."""

    reading: HostReading
    engine_metrics: str = ""
    has_engine: bool = True


@dataclass(frozen=True)
class Read:
    """One engine, and the page of metrics that was read, empty when there is none."""

    state: EngineState
    page: str = ""


class Watcher:
    """``engine_url`` is None where no main engine stands behind this proxy; ``further`` are the ones beside it,
    ``events`` is the folder in which their keepers record what happens."""

    def __init__(
        self,
        gpus: GpuSource,
        engine_url: str | None,
        bounds: Bounds,
        further: Sequence[FurtherUpstream] = (),
        *,
        events: Path | None = None,
    ) -> None:
        self._events = EventReader(events)
        self._gpus, self._engine_url, self._bounds, self._further = gpus, engine_url, bounds, tuple(further)
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
        state, read = await asyncio.gather(self._read_gpus(), self._read_engines())
        main = read.get(MAIN_COMPONENT, Read(EngineState(MAIN, "generation", problem=NO_ENGINE)))
        self._say_what_changed(state.problem, *(_say_problem(each.state) for each in (main, *read.values())))
        reading = HostReading(
            host=socket.gethostname(),
            taken_at=taken_at,
            source=self._gpus.source,
            driver_version=state.driver_version,
            gpus=state.gpus,
            gpu_problem=state.problem,
            engine=main.state.reading,
            engine_problem=main.state.problem,
            engine_answers=main.state.answers,
            engines=tuple(each.state for each in read.values()),
            engine_events=self._events.read(),
        )
        metrics = merge_pages({name: each.page for name, each in read.items()}) if self._further else main.page
        return Watched(reading, metrics, has_engine=MAIN_COMPONENT in read)

    async def _read_engines(self) -> dict[str, "Read"]:
        """By component, side by side: one that does not answer keeps nobody waiting."""
        asked = [] if self._engine_url is None else [(MAIN_COMPONENT, MAIN, "generation", self._engine_url)]
        asked.extend((each.component, each.name, each.purpose, each.url) for each in self._further)
        found = await asyncio.gather(*(self._read_engine(url, name, purpose) for _, name, purpose, url in asked))
        return {component: read for (component, *_), read in zip(asked, found, strict=True)}

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

    async def _read_engine(self, url: str, name: str, purpose: str) -> "Read":
        try:
            text = await self._fetch(url + METRICS_PATH)
            return Read(EngineState(name, purpose, parse_engine_metrics(text), "", answers=True), text)
        except (aiohttp.ClientError, OSError) as error:
            answers = None if isinstance(error, TimeoutError) else False
            return Read(EngineState(name, purpose, problem=NO_ANSWER, answers=answers))
        except MetricsError as error:
            return Read(EngineState(name, purpose, problem=str(error), answers=True))

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


def _say_problem(engine: EngineState) -> str:
    """In the log a sentence about one of several has to say whose it is."""
    return f"{engine.name}: {engine.problem}" if engine.problem and engine.name != MAIN else engine.problem
