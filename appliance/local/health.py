"""Is a component well? One question each, asked from outside, with a short time limit."""

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import psycopg
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from appliance.local.identity import Identity
from appliance.local.postgres import DATABASE, ROLE, SUPERUSER, EmbeddedPostgres
from appliance.local.programs import WORKER_NODE
from appliance.local.redis import EmbeddedRedis
from appliance.local.supervisor import ProgramState
from appliance.settings import Settings
from appliance.topology import Component, Port, Topology

SECONDS = 3.0
CANARY_SECONDS = 60.0
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
            return Health(ok=False, detail="stopped" if state is None else state.state.lower())
        port = self.topology.find_port(component.name)
        questions: dict[str, Callable[[], Health]] = {
            "postgres": self._postgres,
            "redis": self._redis,
            "celery": self._celery,
            "process": lambda: Health(state.state == "RUNNING", state.state.lower()),
            "http": lambda: _http(port),
            "engine": lambda: _engine(port),
        }
        return questions[component.health]()

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

    def _celery(self) -> Health:
        socket = EmbeddedRedis(self.settings, self.identity).socket
        password = quote(self.settings.secret("redis").reveal(), safe="")
        application = Celery(broker=f"redis+socket://:{password}@{socket}?virtual_host=1", set_as_current=False)
        try:
            replies = application.control.ping(destination=[WORKER_NODE], timeout=SECONDS, limit=1)
        except (OSError, OperationalError, redis.RedisError) as error:
            return Health(ok=False, detail=f"its broker does not answer: {error}")
        finally:
            application.close()
        return Health(ok=True, detail="answers ping") if replies else Health(ok=False, detail="does not answer ping")


def fetch(
    port: Port, path: str, *, body: dict[str, object] | None = None, seconds: float = SECONDS
) -> tuple[int, bytes]:
    """GET (POST with a body) from a component on this machine: status and body. Raises OSError, HTTPException."""
    assert port.number is not None
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(port.bind, port.bind)  # noqa: S104 - compared, not bound
    connection = http.client.HTTPConnection(host, port.number, timeout=seconds)
    try:
        if body is None:
            connection.request("GET", path)
        else:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _http(port: Port | None) -> Health:
    assert port is not None
    try:
        status, _ = fetch(port, port.health_path)
    except (OSError, http.client.HTTPException) as error:
        return Health(ok=False, detail=f"no answer at {port.address} ({error})")
    return Health(status == OK, f"{port.health_path} says {status}")


def _engine(port: Port | None) -> Health:
    """vLLM's /health can be well while its scheduler is stuck: a name and one generated token are the proof."""
    assert port is not None
    try:
        status, body = fetch(port, "/v1/models")
        if status != OK:
            return Health(ok=False, detail=f"/v1/models says {status}")
        name = json.loads(body)["data"][0]["id"]
        canary: dict[str, object] = {"model": name, "prompt": "a", "max_tokens": 1}
        status, _ = fetch(port, "/v1/completions", body=canary, seconds=CANARY_SECONDS)
    except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
        return Health(ok=False, detail=f"no answer at {port.address} ({error})")
    return Health(status == OK, f"{name} generates" if status == OK else f"{name} refused a one-token canary: {status}")
