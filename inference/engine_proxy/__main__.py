"""``python -m inference.engine_proxy``: listen, serve until SIGTERM or SIGINT, let answers in progress finish."""

import argparse
import asyncio
import logging
import signal
import socket
import sys
from pathlib import Path

import uvloop
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from inference.engine_proxy import logs
from inference.engine_proxy.application import EngineProxy
from inference.engine_proxy.bounds import Bounds
from inference.engine_proxy.renewing import keep_current
from inference.engine_proxy.routing import read_further
from inference.engine_proxy.tls import UnprotectedError, build_context, read_tls
from inference.engine_proxy.watching import Watcher
from inference.metrics.gpus import GpuSource
from inference.metrics.nvml import NvmlSource
from inference.metrics.nvml_port import PynvmlPort
from inference.metrics.replay import ReplayError, open_replay
from inference.serving.argv import FurtherUpstream, ProxyTls

logger = logging.getLogger("inference.engine_proxy")
EXIT_UNUSABLE = 3
BACKLOG = 512
# A client behind a pulled cable says nothing: fifteen seconds of silence, or of unanswered data, are its end, so that
# nobody generates for it.
NOTICE_SILENCE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 15_000),
)
CUT_SECONDS = 0.2  # not 0, which is for ever


class BoundedServer(web.Server):  # type: ignore[misc]  # aiohttp is absent where types are checked
    """Refuses connections beyond the bound. Those still shaking hands are not counted: they end by themselves."""

    def __init__(self, proxy: EngineProxy, bounds: Bounds) -> None:
        super().__init__(
            proxy.handle,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=bounds.idle_seconds,
            max_line_size=bounds.request_line_bytes,
            max_field_size=bounds.header_bytes,
            max_headers=bounds.headers,
        )
        self._most = bounds.connections

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        for level, option, value in NOTICE_SILENCE:
            transport.get_extra_info("socket").setsockopt(level, option, value)
        if len(self.connections) > self._most:
            logger.warning("refused a connection: %d are open", self._most)
            transport.abort()


async def serve(
    host: str,
    port: int,
    *,
    upstreams: dict[str, str],
    further: tuple[FurtherUpstream, ...] = (),
    files: ProxyTls | None,
    gpus: GpuSource,
    bounds: Bounds,
    events: Path | None = None,
) -> None:
    """Until SIGTERM or SIGINT. Raises OSError for files of ``files`` that cannot be used."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watcher = Watcher(gpus, upstreams.get("engine"), bounds, further, events=events)
    proxy = EngineProxy(upstreams, watcher, bounds, further)
    server = BoundedServer(proxy, bounds)
    context = build_context(files) if files else None
    renewing = asyncio.create_task(keep_current(context, files)) if context and files else None
    handshake = bounds.handshake_seconds if context else None
    listener = await loop.create_server(
        server, host, port, ssl=context, backlog=BACKLOG, ssl_handshake_timeout=handshake
    )
    logger.info("listening on %s port %d, %s", host, port, "TLS" if context else "loopback only, without TLS")
    await stop.wait()
    logger.info("stopping: %d answers in progress", proxy.open_requests)
    if renewing is not None:
        renewing.cancel()
    listener.close()
    server.pre_shutdown()
    await _drain(proxy, bounds.drain_seconds)
    await server.shutdown(timeout=CUT_SECONDS)
    await proxy.close()
    await watcher.close()
    logger.info("stopped")


async def _drain(proxy: EngineProxy, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await proxy.finished()
    except TimeoutError:
        logger.warning("%d answers were cut off", proxy.open_requests)


def _further(word: str) -> FurtherUpstream:
    try:
        return read_further(word)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Let known requests of known clients through to the models.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--engine-url", help="where the engine answers, without a path")
    parser.add_argument("--embedder-url", help="where the embedder answers, without a path")
    parser.add_argument(
        "--further", type=_further, action="append", default=[], metavar="NAME=PURPOSE=URL",
        help="a further model: its name, its purpose, and where its engine answers, without a path",
    )  # fmt: skip
    parser.add_argument("--ca-file", type=Path, help="who signs the clients' certificates")
    parser.add_argument("--certificate-file", type=Path)
    parser.add_argument("--key-file", type=Path)
    parser.add_argument("--readings", type=Path, help="replay recorded or authored GPU readings; they stay so labelled")
    parser.add_argument("--events", type=Path, help="the folder in which the engines' keepers record what happens")
    parser.add_argument("--drain-seconds", type=float, default=Bounds.drain_seconds, help="for answers in progress")
    return parser.parse_args()


def main() -> None:
    logs.set_up()
    given = parse_arguments()
    urls = {"engine": given.engine_url, "embedder": given.embedder_url}
    try:
        files = read_tls(
            given.host, ca_file=given.ca_file, certificate_file=given.certificate_file, key_file=given.key_file
        )
        gpus = open_replay(given.readings) if given.readings else NvmlSource(PynvmlPort())
        further = tuple(given.further)
        upstreams = {name: url.rstrip("/") for name, url in urls.items() if url}
        bounds = Bounds(drain_seconds=given.drain_seconds)
        uvloop.run(
            serve(
                given.host,
                given.port,
                upstreams=upstreams,
                further=further,
                files=files,
                gpus=gpus,
                bounds=bounds,
                events=given.events,
            )
        )
    except (UnprotectedError, ReplayError, OSError) as error:
        sys.stderr.write(f"engine-proxy: {error}\n")
        sys.exit(EXIT_UNUSABLE)


if __name__ == "__main__":
    main()
