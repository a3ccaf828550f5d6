"""The engines of one installation: the main one, and one for each further model."""

from collections.abc import Mapping

from appliance.settings import Settings
from appliance.settings.model import FurtherModel, Model
from appliance.topology.types import Component, Flow, HealthKind, Port

ENGINE = "engine"
LOOPBACK = "127.0.0.1"
HEALTH: Mapping[str, HealthKind] = {"generation": "engine", "embedding": "embeddings", "reranking": "reranking"}
WORDS = {"generation": "writes", "embedding": "turns text into embeddings", "reranking": "ranks passages"}
CARRIED = {
    "generation": ("documents", "questions", "answers", "readings"),
    "embedding": ("documents", "questions", "embeddings", "readings"),
    "reranking": ("documents", "questions", "readings"),
}
WAITS = "Waits until it answers: engines that share a GPU start one after another."
PASSES_ON = "Passes on what it allows; reads the engine's metrics."


def name_engine(further: str) -> str:
    """The component of a further model."""
    return f"{ENGINE}-{further}"


def list_engines(settings: Settings) -> dict[str, Model]:
    """By component: the main model's engine first, then the further ones in the order of appliance.yaml."""
    return {ENGINE: settings.model, **list_further(settings)}


def list_further(settings: Settings) -> dict[str, FurtherModel]:
    """By component."""
    return {name_engine(name): further for name, further in settings.further_models.items()}


def list_further_components(settings: Settings) -> tuple[Component, ...]:
    """Not optional: a further model is in appliance.yaml, so one that does not run is worth saying."""
    return tuple(
        Component(
            name, f"vLLM: the further model {further.served_name}, which {WORDS[further.purpose]}.", "models", "engine",
            HEALTH[further.purpose], user="appliance-engine",
        )
        for name, further in list_further(settings).items()
    )  # fmt: skip


def list_further_ports(settings: Settings) -> tuple[Port, ...]:
    return tuple(
        Port(name, "http", bind=LOOPBACK, number=further.port, health_path="/health")
        for name, further in list_further(settings).items()
    )


def list_further_flows(settings: Settings) -> tuple[Flow, ...]:
    """The proxy asks each; each asks those before it whether they have started, where they are on the same machine."""
    names = list(list_engines(settings))
    waiting = [
        Flow(name, earlier, (), WAITS)
        for position, name in enumerate(names)
        for earlier in names[:position]
        if settings.layout != "kubernetes"
    ]
    asked = (
        Flow("engine-proxy", name, CARRIED[further.purpose], PASSES_ON)
        for name, further in list_further(settings).items()
    )
    return (*asked, *waiting)
