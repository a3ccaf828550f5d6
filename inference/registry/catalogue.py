"""The models the appliance picks by itself when a hub is reachable and nothing is named, with what they need.

Sizes come from the models' own configurations: quantised linear parameters at 4.25 bits (AWQ, groups of 128) plus
16-bit embeddings and output head. KV bytes a token = 2 x layers x KV heads x head size x 2 bytes. None of these has
been run on a GPU by this project's tests.
"""

from dataclasses import dataclass

GIB = 1024**3
AWQ_BITS = 4.25


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


def _awq(hub_id: str, *, linear: float, embedding: float, layers: int) -> Offer:
    """A Qwen3 with 8 KV heads of 128; parameters in thousands of millions."""
    return Offer(
        hub_id=hub_id,
        revision="main",
        family="qwen3",
        licence="apache-2.0",
        weights_bytes=int((linear * AWQ_BITS / 8 + embedding * 2) * 1e9),
        kv_bytes_per_token=2 * layers * 8 * 128 * 2,
        context_tokens=16384,
    )


CPU_OFFER = Offer(
    hub_id="Qwen/Qwen3-0.6B",
    revision="main",
    family="qwen3",
    licence="apache-2.0",
    weights_bytes=1_503_000_000,
    kv_bytes_per_token=2 * 28 * 8 * 128 * 2,
    context_tokens=8192,
)
GPU_OFFERS = (  # largest first
    _awq("Qwen/Qwen3-32B-AWQ", linear=31.20, embedding=1.556, layers=64),
    _awq("Qwen/Qwen3-14B-AWQ", linear=13.21, embedding=1.556, layers=40),
    _awq("Qwen/Qwen3-8B-AWQ", linear=6.95, embedding=1.245, layers=36),
    _awq("Qwen/Qwen3-4B-AWQ", linear=3.63, embedding=0.389, layers=36),
)
