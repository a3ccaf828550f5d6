"""The models the appliance picks by itself when a hub is reachable and nothing is named, with what they need.

What is known about them is in ``models.yaml``; what they need is computed from it. None of these has been run on a
GPU by this project's tests.
"""

from dataclasses import dataclass

from inference.planning.sizing import GIB, compute_kv_bytes_per_token, compute_weights_bytes
from inference.registry.entry import Entry, Variant
from inference.registry.load import load_catalogue

__all__ = ["CPU_OFFER", "GIB", "GPU_OFFERS", "Offer"]
UNPINNED_REVISION = "main"


@dataclass(frozen=True)
class Offer:
    """One model on the hub. ``context_tokens`` is what it is served with, and what its KV cache is counted for."""

    hub_id: str
    revision: str
    family: str
    licence: str
    weights_bytes: int
    kv_bytes_per_token: int
    context_tokens: int

    @property
    def name(self) -> str:
        return self.hub_id.split("/", 1)[1]

    @property
    def reference(self) -> str:
        return f"{self.hub_id}@{self.revision}"

    @property
    def needed_bytes(self) -> int:
        """Weights and KV cache for one whole context."""
        return self.weights_bytes + self.kv_bytes_per_token * self.context_tokens


def build_offer(entry: Entry, variant: Variant) -> Offer:
    """A revision that nobody could pin is the hub's main branch; the commit is recorded when it is fetched."""
    assert variant.serving.context_tokens is not None, "the catalogue refuses an offer without it"
    return Offer(
        hub_id=variant.hub_id,
        revision=variant.revision or UNPINNED_REVISION,
        family=entry.family,
        licence=entry.licence,
        weights_bytes=compute_weights_bytes(entry.architecture, variant.format),
        kv_bytes_per_token=compute_kv_bytes_per_token(entry.architecture),
        context_tokens=variant.serving.context_tokens,
    )


def list_offers(device: str) -> tuple[Offer, ...]:
    """What may be picked for ``cpu`` or ``cuda``, largest first."""
    offers = [
        build_offer(entry, variant)
        for entry in load_catalogue().models
        for variant in entry.variants
        if entry.purpose == "generation" and variant.serving.automatic and variant.serving.device == device
    ]
    return tuple(sorted(offers, key=lambda offer: offer.needed_bytes, reverse=True))


GPU_OFFERS = list_offers("cuda")
(CPU_OFFER,) = list_offers("cpu")
