"""Start a server for tests, wait until it is ready, and stop it by its process id. A failure shows the log's end."""

import json
import random
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import httpx

from inference.comparing.temporary import stop
from inference.registry.checkpoint import inspect_checkpoint
from inference.registry.choice import ModelWish, build_directory_spec
from inference.registry.spec import ModelSpec
from inference.serving.command import Command, ProxyTls, embedder_command, engine_command, engine_proxy_command
from inference.serving.readiness import check_engine

ROOT = Path(__file__).resolve().parents[2]
INFERENCE_PYTHON = ROOT / ".venv" / "inference" / "bin" / "python"
LOG_TAIL_CHARACTERS = 4000
DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "TERM", "--")  # a killed test session leaves no server behind
ENGINE_START_SECONDS = 420
ENGINE_CONTEXT_TOKENS = 8192
ENGINE_KV_CACHE_GIB = 0.25


class ServerDidNotStartError(Exception):
    """The server ended, or its time was up, before it was ready."""


_given: set[int] = set()


def free_port() -> int:
    """Nobody else's, and given once. Below the range that the kernel gives out: an engine takes its port long after it
    was chosen, and again when it is started again."""
    while True:
        port = random.randint(20_000, 30_000)  # noqa: S311 - no secret
        if port in _given:
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            _given.add(port)
            return port


@contextmanager
def running(
    command: Command, *, log: Path, ready: Callable[[], bool], deadline_seconds: float
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run ``command`` in a process group of its own while the block lasts; enter it when ``ready()``."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            (*DIE_WITH_PARENT, *command.argv),
            env=command.env,
            stdout=output,
            stderr=output,
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, log=log, ready=ready, deadline_seconds=deadline_seconds)
        yield process
    finally:
        stop(process)


def _wait_until_ready(
    process: "subprocess.Popen[bytes]", *, log: Path, ready: Callable[[], bool], deadline_seconds: float
) -> None:
    deadline = time.monotonic() + deadline_seconds
    while not ready():
        ended = process.poll() is not None
        if ended or time.monotonic() > deadline:
            why = f"ended with {process.returncode}" if ended else f"was not ready in {deadline_seconds:.0f} seconds"
            tail = log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:]
            raise ServerDidNotStartError(f"{process.args!r} {why}. The end of {log}:\n{tail}")
        time.sleep(0.1)


def answers(url: str, *, verify: ssl.SSLContext | bool = True) -> bool:
    """Whether a GET of ``url`` is answered with 200 at this moment."""
    try:
        return httpx.get(url, timeout=2, trust_env=False, verify=verify).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def running_scripted_engine(
    folder: Path, *, port: int | None = None, host: str = "127.0.0.1", prefix: tuple[str, ...] = ()
) -> Iterator[str]:
    """Yields the base URL (without ``/v1``) of a scripted engine. ``prefix`` puts it into another network namespace."""
    with running_scripted_process(folder, port=port or free_port(), host=host, prefix=prefix) as engine:
        yield engine.url


@dataclass(frozen=True)
class ScriptedProcess:
    url: str
    process: "subprocess.Popen[bytes]"


@contextmanager
def running_scripted_process(
    folder: Path, *, port: int, host: str = "127.0.0.1", prefix: tuple[str, ...] = ()
) -> Iterator[ScriptedProcess]:
    """The same with its process, for tests that kill it."""
    python = ROOT / ".venv" / "webapp" / "bin" / "python"
    command = Command(
        argv=(*prefix, str(python), "-m", "tests.engines.scripted", "--host", host, "--port", str(port)),
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8"},
    )
    url = f"http://{host}:{port}"
    with running(
        command, log=folder / f"scripted-{port}.log", ready=lambda: answers(f"{url}/health"), deadline_seconds=30
    ) as process:
        yield ScriptedProcess(url, process)


@contextmanager
def running_embedder(folder: Path, *, port: int | None = None) -> Iterator[str]:
    """Yields the base URL (without ``/v1``) of the real embedder."""
    port = port or free_port()
    command = embedder_command(python=INFERENCE_PYTHON, port=port, data_dir=folder, root=ROOT)
    url = f"http://127.0.0.1:{port}"
    with running(
        command, log=folder / f"embedder-{port}.log", ready=lambda: answers(f"{url}/health"), deadline_seconds=120
    ):
        yield url


@contextmanager
def running_engine_proxy(
    folder: Path,
    *,
    engine_url: str | None = None,
    embedder_url: str | None = None,
    tls: ProxyTls | None = None,
    client: ssl.SSLContext | None = None,
    options: tuple[str, ...] = (),
) -> Iterator["RunningProxy"]:
    """The proxy through the command the appliance uses, on loopback; with ``tls`` it is asked with ``client``."""
    port = free_port()
    command = engine_proxy_command(
        python=INFERENCE_PYTHON, host="127.0.0.1", port=port, engine_url=engine_url, embedder_url=embedder_url, tls=tls,
        data_dir=folder, root=ROOT,
    )  # fmt: skip
    command = replace(command, argv=(*command.argv, *options))
    log, url = folder / f"engine-proxy-{port}.log", f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    ready = lambda: answers(f"{url}/healthz", verify=client or True)  # noqa: E731
    with running(command, log=log, ready=ready, deadline_seconds=30) as process:
        yield RunningProxy(url, port, log, process)


@dataclass(frozen=True)
class RunningProxy:
    url: str
    port: int
    log: Path
    process: "subprocess.Popen[bytes]"


@dataclass(frozen=True)
class RunningEngine:
    """``url`` without ``/v1``; ``model`` is the name to ask for; ``log`` is what the engine wrote.

    ``pid`` is the server's, and the number of the process group that all its processes are in.
    """

    url: str
    model: str
    log: Path
    pid: int


def build_spec(
    checkpoint: Path,
    *,
    quantization: Literal["bitsandbytes"] | None = None,
    max_context_tokens: int | None = ENGINE_CONTEXT_TOKENS,
) -> ModelSpec:
    wish = ModelWish(path=checkpoint, quantization=quantization, max_context_tokens=max_context_tokens)
    return build_directory_spec(wish, inspect_checkpoint(checkpoint), "cpu")


@contextmanager
def running_engine(
    spec: ModelSpec,
    folder: Path,
    *,
    enforce_eager: bool,
    port: int | None = None,
    deadline_seconds: float = ENGINE_START_SECONDS,
) -> Iterator[RunningEngine]:
    """The real vLLM, through the command the appliance uses. ``enforce_eager`` starts in half the time."""
    port = port or free_port()
    command = engine_command(
        replace(spec, enforce_eager=enforce_eager),
        python=INFERENCE_PYTHON,
        port=port,
        data_dir=folder,
        root=ROOT,
        kv_cache_gib=ENGINE_KV_CACHE_GIB,
    )
    log = folder / f"vllm-{spec.served_name}-{port}.log"
    url = f"http://127.0.0.1:{port}"
    with running(command, log=log, ready=lambda: check_engine(url).ready, deadline_seconds=deadline_seconds) as process:
        yield RunningEngine(url=url, model=spec.served_name, log=log, pid=process.pid)


def ensure_tiny_checkpoints(folder: Path, *options: str) -> dict[str, Path]:
    """Build them in the inference environment, or find them there from before. ``options`` are those of the builder."""
    environment = embedder_command(python=INFERENCE_PYTHON, port=0, data_dir=folder, root=ROOT).env
    argv = [str(INFERENCE_PYTHON), "-m", "tests.engines.tiny", "--folder", str(folder), *options]
    built = subprocess.run(argv, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    if built.returncode != 0:
        raise ServerDidNotStartError(f"The tiny checkpoints were not built:\n{built.stderr[-LOG_TAIL_CHARACTERS:]}")
    return {family: Path(path) for family, path in json.loads(built.stdout).items()}
