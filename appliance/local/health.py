"""Is a component well? One question each, asked from outside, with a short time limit."""

import http.client
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

import psycopg
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from appliance.local.identity import Identity
from appliance.local.postgres import DATABASE, ROLE, SUPERUSER, EmbeddedPostgres
from appliance.local.redis import EmbeddedRedis
from appliance.local.supervisor import ProgramState
from appliance.programs import worker_node
from appliance.settings import Settings
from appliance.topology import Component, Port, Topology
from inference.serving.events import EventLog
from inference.serving.readiness import check_engine, check_pooling

SECONDS = 3.0
OK = 200


@dataclass(frozen=True)
class Health:
    """``detail`` says what was seen, in a few words."""

    ok: bool
    detail: str


@dataclass(frozen=True)
class HealthChecks:
    """Health of the components of one installation."""

    settings: Settings
    identity: Identity
    topology: Topology

    def check(self, component: Component, state: ProgramState | None) -> Health:
        """Ask ``component``; what does not run is not asked."""
        if state is None or not state.is_running:
            return Health(ok=False, detail=self._say_why(component.name, state))
        port = self.topology.find_port(component.name)
        questions: dict[str, Callable[[], Health]] = {
            "postgres": self._postgres,
            "redis": self._redis,
            "celery": lambda: self._celery(worker_node(component.name)),
            "process": lambda: Health(state.state == "RUNNING", state.state.lower()),
            "http": lambda: _http(port, choose_host(self.settings.web.allowed_hosts)),
            "engine": lambda: _engine(port),
            "embeddings": lambda: _pooling(port, "embedding"),
            "reranking": lambda: _pooling(port, "reranking"),
        }
        return questions[component.health]()

    def _say_why(self, name: str, state: ProgramState | None) -> str:
        """An engine whose model was refused is not started again: here is the reason."""
        if state is None:
            return "stopped"
        last = EventLog(self.settings.events_dir, name).find_last() if state.state == "EXITED" else None
        refused = last is not None and last.kind == "model_refused"
        return f"the model is refused: {last.detail}" if last and refused else state.state.lower()

    def _postgres(self) -> Health:
        server = EmbeddedPostgres(self.settings, self.identity)
        try:
            server.connect(database=SUPERUSER).close()
        except psycopg.OperationalError as error:
            return Health(ok=False, detail=str(error).strip().splitlines()[-1])
        return Health(ok=True, detail=f"accepts connections as {ROLE} to {DATABASE}")

    def _redis(self) -> Health:
        socket = EmbeddedRedis(self.settings, self.identity).socket
        password = self.settings.secret("redis").reveal()
        with redis.Redis(unix_socket_path=str(socket), password=password, socket_timeout=SECONDS) as client:
            try:
                client.ping()
            except redis.RedisError as error:
                return Health(ok=False, detail=str(error))
        return Health(ok=True, detail="answers PING")

    def _celery(self, node: str) -> Health:
        socket = EmbeddedRedis(self.settings, self.identity).socket
        password = quote(self.settings.secret("redis").reveal(), safe="")
        application = Celery(broker=f"redis+socket://:{password}@{socket}?virtual_host=1", set_as_current=False)
        try:
            replies = application.control.ping(destination=[node], timeout=SECONDS, limit=1)
        except (OSError, OperationalError, redis.RedisError) as error:
            return Health(ok=False, detail=f"its broker does not answer: {error}")
        finally:
            application.close()
        return Health(ok=True, detail="answers ping") if replies else Health(ok=False, detail="does not answer ping")


def choose_host(allowed: Sequence[str]) -> str:
    """A host name that the web application accepts, since it refuses requests for any other."""
    named = [name.removeprefix(".") for name in allowed if name != "*"]
    return named[0] if named else "localhost"


def _fetch_status(port: Port, host_name: str) -> int:
    assert port.number is not None
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(port.bind, port.bind)  # noqa: S104 - compared, not bound
    connection = http.client.HTTPConnection(host, port.number, timeout=SECONDS)
    try:
        connection.request("GET", port.health_path, headers={"Host": host_name})
        return connection.getresponse().status
    finally:
        connection.close()


def _http(port: Port | None, host_name: str) -> Health:
    assert port is not None
    try:
        status = _fetch_status(port, host_name)
    except (OSError, http.client.HTTPException) as error:
        return Health(ok=False, detail=f"no answer at {port.address} ({error})")
    return Health(status == OK, f"{port.health_path} says {status}")


def _engine(port: Port | None) -> Health:
    assert port is not None
    seen = check_engine(port.address)
    return Health(seen.ready, f"{seen.model} generates" if seen.ready else seen.reason)


def _pooling(port: Port | None, purpose: Literal["embedding", "reranking"]) -> Health:
    assert port is not None
    seen = check_pooling(port.address, purpose)
    does = "embeds" if purpose == "embedding" else "ranks"
    return Health(seen.ready, f"{seen.model} {does}" if seen.ready else seen.reason)
