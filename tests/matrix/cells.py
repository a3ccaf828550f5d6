"""The cells of the matrix: a family in a format, and how each is served."""

from dataclasses import dataclass, replace
from pathlib import Path

from inference.registry.entry import Format
from inference.registry.spec import KvCacheDtype, ModelSpec
from tests.engines.launch import build_spec

FAMILIES = ("llama", "mistral", "qwen3")


@dataclass(frozen=True)
class Cell:
    """``recipe`` is the name of our own that makes the weights, None for those that are served as they came.

    ``kv_cache_dtype``: both are seen with every family. ``narrow``: a tenth of the numbers, for what vLLM's CPU build
    multiplies without a kernel of its own.
    """

    family: str
    format: Format
    recipe: str | None = None
    kv_cache_dtype: KvCacheDtype = "auto"
    narrow: bool = False

    @property
    def name(self) -> str:
        return f"{self.family}-{self.format}"

    @property
    def is_converted(self) -> bool:
        """Whether vLLM makes the format while it loads 16-bit weights."""
        return self.format == "bnb-nf4"

    @property
    def engine_quantization(self) -> str:
        """What vLLM calls it in its log."""
        if self.is_converted:
            return "bitsandbytes"
        return "None" if self.recipe is None else "compressed-tensors"


CELLS = (
    *(Cell(family, "bf16") for family in FAMILIES),
    *(Cell(family, "bnb-nf4", kv_cache_dtype="fp8") for family in FAMILIES),
    *(Cell(family, "w4a16-int4", recipe="w4a16") for family in FAMILIES),
    Cell("qwen3", "w8a8-int8", recipe="w8a8-int8"),
    Cell("qwen3", "fp8", recipe="fp8", narrow=True),
)


def build_cell_spec(cell: Cell, checkpoint: Path) -> ModelSpec:
    """As the appliance serves the directory ``checkpoint`` on a CPU."""
    spec = build_spec(checkpoint, quantization="bitsandbytes" if cell.is_converted else None)
    return replace(spec, kv_cache_dtype=cell.kv_cache_dtype)
