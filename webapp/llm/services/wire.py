"""HTTP to an OpenAI-compatible server: one client, its limits, and errors in our own words."""

import json
import logging
import socket
import ssl
from typing import Any

import httpx
from django.conf import settings

from webapp.llm.errors import EngineBusy, EngineRefused, EngineTimeout, EngineUnavailable, LlmError

WRITE_SECONDS = 30.0
MAX_ERROR_CHARACTERS = 500
# A pulled cable or a dead host says nothing: a silent connection is asked after 5 s, and given up 10 s later.
KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2),
)
Trace = tuple[tuple[str, int, int], ...]
_held: list[tuple[Trace, httpx.Client]] = []  # at most one
logger = logging.getLogger(__name__)
RETRYABLE_STATUS = frozenset({408, 425, 429})
TOO_MANY, UNAVAILABLE = 429, 503
# What vLLM 0.32 says when as many requests, or tokens of questions, wait as may, and what engine-proxy says.
FULL = ("busy and cannot accept new requests", "prefill token backlog limit", "Too many requests are open")


def client() -> httpx.Client:
    """Shared by all threads, until the certificate is renewed. Proxy variables are ignored: the engines are ours, and
    near.

    Connections are not kept: a call is long, and a connection of its own can be cut off from another thread. A client
    that a newer one replaces is not closed: answers may still be coming in through it.
    """
    try:
        trace = _trace_certificate()
        if not _held or _held[0][0] != trace:
            _held[:] = [(trace, _build_client())]
    except OSError:
        if not _held:
            raise
        logger.warning("the certificate on the way to the models is being renewed, or cannot be read")
    return _held[0][1]


def _build_client() -> httpx.Client:
    transport = httpx.HTTPTransport(
        trust_env=False, limits=httpx.Limits(max_keepalive_connections=0), verify=_tls(), socket_options=KEEPALIVE
    )
    return httpx.Client(trust_env=False, follow_redirects=False, transport=transport)


def _trace_certificate() -> Trace:
    """What changes when one of the files does, or what a link leads to: in a cluster they are replaced under us."""
    proxy = settings.ENGINE_PROXY
    files = [file for file in (proxy.ca_file, proxy.certificate_file, proxy.key_file) if file is not None]
    return tuple((str(file), status.st_mtime_ns, status.st_ino) for file in files for status in (file.stat(),))


def _tls() -> ssl.SSLContext:
    """Beyond this machine: only a server that our own authority signed, which is shown our own certificate."""
    proxy = settings.ENGINE_PROXY
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if proxy.ca_file is not None:
        context.load_verify_locations(proxy.ca_file)
    if proxy.certificate_file is not None:
        context.load_cert_chain(proxy.certificate_file, proxy.key_file)
    return context


def timeout(read_seconds: float) -> httpx.Timeout:
    connect_seconds = settings.MODEL_TIMEOUTS.connect_seconds
    return httpx.Timeout(read_seconds, connect=connect_seconds, write=WRITE_SECONDS, pool=connect_seconds)


def error_of_transport(error: httpx.HTTPError) -> LlmError:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return EngineUnavailable("nothing answers at the model's address")
    if isinstance(error, httpx.TimeoutException):
        return EngineTimeout("the model's server did not answer in time")
    return EngineUnavailable(f"the connection to the model broke off ({type(error).__name__})")


def error_of_status(status_code: int, body: str) -> LlmError:
    """A 5xx or a "too busy" may pass; anything else was refused for good."""
    message = _message_of(body) or "no reason given"
    if status_code == TOO_MANY or (status_code == UNAVAILABLE and any(words in message for words in FULL)):
        return EngineBusy(f"the model has too much to do ({status_code}): {message}")
    if status_code >= 500 or status_code in RETRYABLE_STATUS:
        return EngineUnavailable(f"the model's server answered {status_code}: {message}")
    return EngineRefused(f"the model's server refused the request ({status_code}): {message}", status_code=status_code)


def _message_of(body: str) -> str:
    try:
        content: Any = json.loads(body)
    except ValueError:
        return body.strip()[:MAX_ERROR_CHARACTERS]
    if isinstance(content, dict):
        error = content.get("error", content)
        if isinstance(error, dict):
            return str(error.get("message", ""))[:MAX_ERROR_CHARACTERS]
        return str(error)[:MAX_ERROR_CHARACTERS]
    return ""
