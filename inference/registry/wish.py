"""What the settings ask for, as the value that the choice is made from."""

from appliance.settings import Settings
from appliance.settings.model import FurtherModel, Model
from inference.registry.catalogue import GIB
from inference.registry.choice import ModelWish
from inference.registry.options import NamedAdapter, Nodes, Options, Speculative


def build_wish(settings: Settings, further: str | None = None) -> ModelWish:
    """What ``appliance.yaml`` says under ``model``, or under ``further_models`` with the name ``further``."""
    wanted = settings.model if further is None else settings.further_models[further]
    return ModelWish(
        path=wanted.path, hub_id=wanted.hub_id, revision=wanted.revision, name=wanted.name, device=wanted.device,
        quantization=wanted.quantization, max_context_tokens=wanted.max_context_tokens,
        kv_cache_bytes=int(wanted.kv_cache_gib * GIB), tensor_parallel=wanted.tensor_parallel,
        pipeline_parallel=wanted.pipeline_parallel,
        kv_cache_dtype=wanted.kv_cache_dtype, options=build_options(wanted),
        purpose=wanted.purpose if isinstance(wanted, FurtherModel) else "generation",
        section="model" if further is None else f"further_models.{further}",
    )  # fmt: skip


def build_options(wanted: Model) -> Options:
    """What it says of how the engine runs."""
    guessing = wanted.speculative
    speculative = None if guessing.method == "off" else Speculative(guessing.method, guessing.tokens, guessing.draft)
    return Options(
        tool_parser=wanted.tool_parser, reasoning_parser=wanted.reasoning_parser, speculative=speculative,
        adapters=tuple(NamedAdapter(name, path) for name, path in sorted(wanted.adapters.items())),
        prefix_caching=wanted.prefix_caching, structured_outputs=wanted.structured_outputs,
        nodes=Nodes(**wanted.nodes.model_dump()),
        max_running=wanted.max_running, max_waiting=wanted.max_waiting, max_waiting_tokens=wanted.max_waiting_tokens,
    )  # fmt: skip
