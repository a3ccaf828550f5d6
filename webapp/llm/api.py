"""The face of the llm room: the only client of the models."""

from collections.abc import Callable, Iterator, Sequence

from webapp.llm.services import embedding, endpoints, generation, readings
from webapp.llm.types import Delta, Message, ModelInfo, Role
from webapp.usage.types import Attribution


def find_model(*, role: Role = "generate") -> ModelInfo | None:
    """The model that serves ``role``, at its primary endpoint, or None when none is installed."""
    return endpoints.find_model(role=role)


def list_models() -> list[ModelInfo]:
    """Every endpoint that is active in a role: primary, added, fallback and further ones."""
    return endpoints.list_models()


def read_hardware(*, base_url: str) -> bytes:
    """What ``engine-proxy`` at a model's address says about its hardware, as JSON that nobody has checked yet.

    Takes at most a few seconds. Raises EngineUnavailable, EngineTimeout, EngineRefused.
    """
    return readings.read_hardware(base_url)


def generate(
    *,
    messages: Sequence[Message],
    attribution: Attribution,
    max_tokens: int,
    temperature: float = 0.2,
    affinity: str = "",
    should_stop: Callable[[], bool],
) -> Iterator[Delta]:
    """Stream an answer. The last Delta carries ``final``; closing the iterator early cancels the call.

    ``should_stop`` is asked between pieces and a few times a second while waiting. ``affinity`` names a conversation:
    where its model has several engines, it goes to the same one while that is not much fuller than the others. A call
    that fails before the first piece is made again at another engine, or with the fallback model; each Delta says who
    answers. Raises NoModel, EngineUnavailable, EngineTimeout, EngineRefused.
    """
    return generation.generate(
        messages=messages,
        attribution=attribution,
        max_tokens=max_tokens,
        temperature=temperature,
        affinity=affinity,
        should_stop=should_stop,
    )


def embed(*, texts: Sequence[str], attribution: Attribution) -> list[list[float]]:
    """One vector for each text, in the same order. Raises NoModel, EngineUnavailable, EngineTimeout, EngineRefused."""
    return embedding.embed(texts=texts, attribution=attribution)
