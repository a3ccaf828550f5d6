"""Every key of ``appliance.yaml`` with its type and default. ``reference.yaml`` documents each of them."""

import hashlib
import itertools
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from appliance.settings.engine import Adapters, Nodes, Speculative
from appliance.settings.environment import IN_IMAGE, REPOSITORY
from appliance.settings.secrets import Secret, ensure_secret
from appliance.settings.section import HubId, Location, Mappings, Names, Port, Section, Text

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
UNIX_SOCKET_PATH_LIMIT = 107
DESTINATION = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?:[1-9][0-9]{0,4}")
# A further model's name is part of a component's, a path's and a unit's: engine-NAME; engine-proxy is something else.
MODEL_NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?")
MAIN_MODEL = "model"
RESERVED_MODEL_NAMES = frozenset({"proxy", MAIN_MODEL})
LONGEST_SOCKET_NAME = "postgresql/.s.PGSQL.5432.lock"


class Site(Section):
    name: str = "LLM appliance"
    language: str = "en-gb"
    time_zone: str = "Europe/London"


class Web(Section):
    host: str = "127.0.0.1"
    port: Port = 8400
    allowed_hosts: Names = ("127.0.0.1", "localhost", "[::1]")
    https: bool = False
    trusted_proxies: Names = ()


class FrontDoor(Section):
    http_port: Port = 80
    https_port: Port = 443


class Database(Section):
    host: str | None = None
    port: Port = 5432
    name: str = "appliance"
    user: str = "appliance"
    ca_file: Location | None = None
    allow_plaintext: bool = False


class Redis(Section):
    socket: Location | None = None
    host: str | None = None
    port: Port = 6379


class EngineProxy(Section):
    port: Port = 8443
    ca_file: Location | None = None
    certificate_file: Location | None = None
    key_file: Location | None = None


class Egress(Section):
    port: Port = 3128
    allow: Names = ()


class Management(Section):
    ssh_port: Port = 22
    agent: Literal["ssm"] | None = None


class Model(Section):
    automatic: bool = True
    path: Location | None = None
    hub_id: HubId | None = None
    revision: Text | None = None
    name: Text | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    quantization: Literal["bitsandbytes"] | None = None
    max_context_tokens: Annotated[int, Field(ge=256)] | None = None
    tensor_parallel: Annotated[int, Field(ge=1, le=16)] = 1
    pipeline_parallel: Annotated[int, Field(ge=1, le=64)] = 1
    nodes: Nodes = Nodes()
    kv_cache_dtype: Literal["auto", "fp8"] = "auto"
    tool_parser: Text | None = None
    reasoning_parser: Text | None = None
    prefix_caching: bool = True
    speculative: Speculative = Speculative()
    adapters: Adapters = {}
    structured_outputs: Literal["auto", "xgrammar", "guidance"] = "auto"
    max_running: Annotated[int, Field(ge=1, le=512)] | None = None
    max_waiting: Annotated[int, Field(ge=0, le=1000)] | None = None
    max_waiting_tokens: Annotated[int, Field(ge=1)] | None = None
    licence: Text | None = None
    require_signature: bool = False
    signing_key_file: Location | None = None
    kv_cache_gib: Annotated[float, Field(gt=0)] = 1.0
    memory_fraction: Annotated[float, Field(gt=0, le=0.98)] | None = None
    start_timeout_seconds: Annotated[int, Field(ge=10)] = 600
    wedged_seconds: Annotated[int, Field(ge=10)] = 300
    drain_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    port: Port = 8410

    @model_validator(mode="after")
    def _every_node_has_as_many_gpus(self) -> Self:
        if self.tensor_parallel * self.pipeline_parallel % self.nodes.count:
            raise ValueError(
                f"nodes.count {self.nodes.count} does not divide tensor_parallel times pipeline_parallel, "
                f"{self.tensor_parallel * self.pipeline_parallel}: each node gets as many GPUs."
            )
        return self

    @model_validator(mode="after")
    def _signatures_need_a_key(self) -> Self:
        if self.require_signature and self.signing_key_file is None:
            raise ValueError(
                "require_signature needs signing_key_file, the public key of whoever signs models for you."
            )
        return self


Purpose = Literal["generation", "embedding", "reranking"]


class FurtherModel(Model):
    """A model beside the main one, served by an engine of its own. It is never chosen by itself."""

    automatic: Literal[False] = False
    purpose: Purpose = "generation"
    port: Port  # no default: each needs its own
    memory_share: Annotated[float, Field(gt=0, le=100)] = 1.0

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if self.path is None and self.hub_id is None:
            raise ValueError("path or hub_id is needed: a further model is never chosen by itself.")
        return self

    @model_validator(mode="after")
    def _has_beside_it_what_it_can_use(self) -> Self:
        if self.purpose != "generation" and (self.adapters or self.speculative.method != "off"):
            raise ValueError(
                f"adapters and speculative are for models that generate, and this one is for {self.purpose}."
            )
        return self

    @property
    def served_name(self) -> str:
        """The name it is asked for by: its own, or that of its directory or of its page on the hub."""
        assert self.path is not None or self.hub_id is not None, "checked when it was read"
        return self.name or (self.path.name if self.path is not None else str(self.hub_id).split("/")[-1])


class Answers(Section):
    """Which of the engines that generate answers questions: ``model`` is the section of that name."""

    model: Text = MAIN_MODEL
    fallback: Text | None = None


class OwnCatalogue(Section):
    """Models of this installation beside the ones the appliance knows. What is in the mappings is checked by
    :mod:`inference.registry.own`, which these settings may not import."""

    models: Mappings = ()
    sources: dict[str, Any] = {}
    licences: dict[str, Any] = {}


class Embeddings(Section):
    model: Literal["all-MiniLM-L6-v2"] = "all-MiniLM-L6-v2"
    port: Port = 8420


class Timeouts(Section):
    """How long a model's silence is waited for."""

    connect_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    first_token_seconds: Annotated[float, Field(gt=0, le=3600)] = 180.0
    gap_seconds: Annotated[float, Field(gt=0, le=3600)] = 45.0


class Worker(Section):
    concurrency: Annotated[int, Field(ge=1, le=32)] = 8


class Ingestion(Section):
    concurrency: Annotated[int, Field(ge=1, le=16)] = 2
    max_upload_mib: Annotated[int, Field(ge=1, le=500)] = 50
    parse_timeout_seconds: Annotated[int, Field(ge=5)] = 120
    parse_memory_mib: Annotated[int, Field(ge=128)] = 1024


class Install(Section):
    wheelhouse: Location | None = None
    extra_index_url: str | None = None


class Settings(Section):
    """One installation. Paths are absolute after loading."""

    layout: Literal["embedded", "hosts", "kubernetes"] = "embedded"
    data_dir: Location = Path("var")
    site: Site = Site()
    web: Web = Web()
    front_door: FrontDoor = FrontDoor()
    database: Database = Database()
    redis: Redis = Redis()
    engine_proxy: EngineProxy = EngineProxy()
    egress: Egress = Egress()
    management: Management = Management()
    model: Model = Model()
    further_models: dict[str, FurtherModel] = {}
    answers: Answers = Answers()
    catalogue: OwnCatalogue = OwnCatalogue()
    embeddings: Embeddings = Embeddings()
    timeouts: Timeouts = Timeouts()
    worker: Worker = Worker()
    ingestion: Ingestion = Ingestion()
    install: Install = Install()

    @model_validator(mode="after")
    def _refuse_one_port_for_two(self) -> Self:
        ports = {
            "web.port": self.web.port,
            "model.port": self.model.port,
            "embeddings.port": self.embeddings.port,
            "engine_proxy.port": self.engine_proxy.port,
            "egress.port": self.egress.port,
            "front_door.http_port": self.front_door.http_port,
            "front_door.https_port": self.front_door.https_port,
            "management.ssh_port": self.management.ssh_port,
            **{f"further_models.{name}.port": further.port for name, further in self.further_models.items()},
        }
        for (key, port), (other, its) in itertools.combinations(ports.items(), 2):
            if port == its:
                raise ValueError(f"{key} and {other} are both {port}; each needs its own.")
        return self

    @model_validator(mode="after")
    def _refuse_nodes_where_no_host_has_them(self) -> Self:
        if self.model.nodes.count > 1 and (self.layout != "hosts" or self.further_models):
            raise ValueError("model.nodes is for layout: hosts, and for a model that no further_models stand beside.")
        if any(further.nodes.count > 1 for further in self.further_models.values()):
            raise ValueError("nodes are for the section model: a further model is held by one machine.")
        return self

    @model_validator(mode="after")
    def _refuse_further_models_that_collide(self) -> Self:
        for name in self.further_models:
            if not MODEL_NAME.fullmatch(name) or name in RESERVED_MODEL_NAMES:
                raise ValueError(
                    f"further_models: {name!r} cannot be a name. Take small letters, digits and hyphens, a letter "
                    f"first, at most 32 of them, and neither {' nor '.join(sorted(RESERVED_MODEL_NAMES))}."
                )
        served = {"embeddings.model": self.embeddings.model, "model": self.main_served_name}
        served |= {f"further_models.{name}": further.served_name for name, further in self.further_models.items()}
        for name, engine in self.engine_of_adapter.items():
            if name == MAIN_MODEL or name in self.further_models:
                raise ValueError(f"adapters: {name!r} is the name of a model here; give the adapter another name.")
            served[f"adapters.{name} of {engine}"] = name
        for (key, one), (other, its) in itertools.combinations(served.items(), 2):
            if one is not None and one == its:
                raise ValueError(f"{key} and {other} are both served as {one!r}; give one of them another name.")
        return self

    @model_validator(mode="after")
    def _refuse_answers_of_nobody(self) -> Self:
        generating = [
            MAIN_MODEL,
            *(each for each, further in self.further_models.items() if further.purpose == "generation"),
            *self.engine_of_adapter,
        ]
        for key, name in (("model", self.answers.model), ("fallback", self.answers.fallback)):
            if name is not None and name not in generating:
                raise ValueError(
                    f"answers.{key}: {name!r} is none of the models that generate: {', '.join(generating)}."
                )
        if self.answers.fallback == self.answers.model:
            raise ValueError("answers.model and answers.fallback are the same; leave the fallback out.")
        return self

    @model_validator(mode="after")
    def _require_what_the_layout_needs(self) -> Self:
        """Beyond one machine nothing is guessed: where state is, and how the way to the models is protected."""
        if self.layout == "embedded":
            return self
        proxy = self.engine_proxy
        missing = [
            key
            for key, value in {
                "database.host": self.database.host,
                "redis.socket or redis.host": self.redis.socket or self.redis.host,
                "engine_proxy.ca_file": proxy.ca_file,
                "engine_proxy.certificate_file": proxy.certificate_file,
                "engine_proxy.key_file": proxy.key_file,
            }.items()
            if value is None
        ]
        if missing:
            raise ValueError(f"layout: {self.layout} needs {', '.join(missing)}.")
        return self

    @model_validator(mode="after")
    def _refuse_odd_destinations(self) -> Self:
        for entry in self.egress.allow:
            if not DESTINATION.fullmatch(entry):
                raise ValueError(f"egress.allow: {entry!r} is not host:port, such as mail.example.com:465.")
        return self

    @property
    def engine_of_adapter(self) -> dict[str, str]:
        """By the adapter's name, the name of the model that it is served beside."""
        models = {MAIN_MODEL: self.model, **self.further_models}
        return {adapter: name for name, model in models.items() for adapter in model.adapters}

    @property
    def answering_engine(self) -> str:
        """The model whose engine answers questions, by its own name or an adapter's."""
        return self.engine_of_adapter.get(self.answers.model, self.answers.model)

    @property
    def proxy_drain_seconds(self) -> int:
        """What stands before the engines waits as long as the most patient of them."""
        return max(model.drain_seconds for model in (self.model, *self.further_models.values()))

    @property
    def main_served_name(self) -> str | None:
        """What the section ``model`` says about the name it is served under; None where it names no model."""
        wanted = self.model
        found = wanted.path.name if wanted.path is not None else (wanted.hub_id or "").split("/")[-1]
        return wanted.name or found or None

    @property
    def secrets_dir(self) -> Path:
        return self.data_dir / "secrets"

    @property
    def log_dir(self) -> Path:
        return self.data_dir / "log"

    @property
    def events_dir(self) -> Path:
        """What happened to the engines: written by what keeps them, read by engine-proxy."""
        return self.data_dir / "events"

    @property
    def static_dir(self) -> Path:
        """The pages' collected files: in the data directory, but for containers, whose image carries them."""
        return (IN_IMAGE if self.layout == "kubernetes" else self.data_dir) / "static"

    @property
    def run_dir(self) -> Path:
        """Where unix sockets live: in the data directory, or in /tmp when that path is too long for a socket."""
        inside = self.data_dir / "run"
        if len(str(inside / LONGEST_SOCKET_NAME)) <= UNIX_SOCKET_PATH_LIMIT:
            return inside
        digest = hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:10]
        return Path("/tmp") / f"appliance-{digest}"  # noqa: S108 - created with mode 0700, owner checked

    @property
    def database_host(self) -> str:
        """A host name, or the folder of PostgreSQL's unix socket."""
        return self.database.host or str(self.run_dir / "postgresql")

    @property
    def database_tls(self) -> Literal["verify-full", "require"] | None:
        """What is asked of the connection, in libpq's words. Nothing where it stays on the machine, or may be read."""
        database = self.database
        if database.host is None or database.host.startswith("/"):
            return None
        if database.ca_file is not None:
            return "verify-full"
        return None if database.allow_plaintext or database.host in LOOPBACK else "require"

    @property
    def redis_socket(self) -> Path | None:
        """Redis's unix socket; None when it is reached over TCP."""
        if self.redis.host is not None:
            return None
        return self.redis.socket or self.run_dir / "redis" / "redis.sock"

    @property
    def database_pool_size(self) -> int:
        """How many connections each process may hold: an answer and its heartbeat use one each, for moments."""
        return max(16, 2 * max(self.worker.concurrency, self.ingestion.concurrency) + 8)

    def secret(self, name: str) -> Secret:
        """The named secret's value, created on first use."""
        return ensure_secret(self.secrets_dir, name)


def defaults() -> Settings:
    """Settings as they are with no ``appliance.yaml``, paths relative to the repository."""
    return Settings(data_dir=REPOSITORY / "var")
