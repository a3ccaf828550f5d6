"""What the settings ask for, as the value that the choice is made from."""

from appliance.settings import Settings
from inference.registry.catalogue import GIB
from inference.registry.choice import ModelWish


def build_wish(settings: Settings) -> ModelWish:
    """What ``appliance.yaml`` says under ``model``."""
    wanted = settings.model
    return ModelWish(
        path=wanted.path, hub_id=wanted.hub_id, revision=wanted.revision, name=wanted.name, device=wanted.device,
        quantization=wanted.quantization, max_context_tokens=wanted.max_context_tokens,
        kv_cache_bytes=int(wanted.kv_cache_gib * GIB), tensor_parallel=wanted.tensor_parallel,
        kv_cache_dtype=wanted.kv_cache_dtype,
    )  # fmt: skip
