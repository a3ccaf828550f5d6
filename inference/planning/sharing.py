"""Which numbers of GPUs can share a model's layers by tensor parallelism. Pure arithmetic.

The rules are those of vLLM 0.32, which refuses the others while it loads. Heads and the width of a layer or an expert
are cut evenly (``divide`` in ``vllm/distributed/utils.py``, ``fused_moe/config.py``). Weights that share a scale in
groups are cut between groups only where a layer's inputs are shared out: the down projection's and the attention's
output's (``auto_awq.py``, ``compressed_tensors_wNa16.py`` and ``utils/fp8_utils.py`` under
``vllm/model_executor/layers/quantization``). The experts of a mixture that are chosen for a token may be cut finer,
those that work for every token may not.
"""

import math

from inference.planning.candidate import Candidate
from inference.planning.errors import CannotShareError, FactMissingError
from inference.planning.gpus import FP8_CAPABILITY, Capability, has_fp8
from inference.planning.node import GpuNode, Node
from inference.planning.sizing import require_full_attention
from inference.registry.entry import Format

LEAST_GROUP = 32
HALVED_FORMATS: tuple[Format, ...] = ("awq-int4", "gptq-int4")


def choose_tensor_parallel(candidate: Candidate, node: Node, wanted: int | None, stages: int = 1) -> int:
    """The largest number of the node's GPUs that can share the model, or each of a pipeline's ``stages``; or
    ``wanted``, which has to be one.

    Raises CannotShareError. Where nobody knows the fact that would tell: MeasuredOnlyError for a model that the
    formulas do not describe anyway, FactMissingError for others.
    """
    if not isinstance(node, GpuNode):
        if stages > 1:
            raise CannotShareError("A pipeline is one of GPUs, and this machine's CPU is planned for.")
        return 1
    count = node.count // stages
    if count == 0:
        raise CannotShareError(f"{stages} stages of a pipeline need as many GPUs; there are {node.count}.")
    if wanted is not None and wanted > count:
        many = (
            f"{wanted} GPUs for each of {stages} stages are {wanted * stages}"
            if stages > 1
            else f"{wanted} GPUs are asked for"
        )
        raise CannotShareError(f"{many}, and the machine has {node.count}.")
    numbers = [number for number in range(1, count + 1) if can_share(candidate, number, node.capability)]
    if wanted is None:
        return max(numbers)
    if wanted not in numbers:
        if (unknown := _find_unknown(candidate, wanted)) is not None:
            require_full_attention(candidate.architecture)
            raise FactMissingError(f"{unknown} is not known.")
        raise CannotShareError(_explain(candidate, wanted, count, numbers))
    return wanted


def can_share(candidate: Candidate, number: int, capability: Capability = FP8_CAPABILITY) -> bool:
    """Each GPU gets the same number of heads; a key-value head may be copied, not cut. Layers are cut evenly, and where
    their weights share a scale in groups, between groups only. What bitsandbytes stored is cut by nobody: its loader
    for vLLM refuses (``vllm_bnb_plugin`` 0.0.3, ``bitsandbytes_loader.py``)."""
    it = candidate.architecture
    if number == 1:
        return True
    if it.attention_heads is None or it.kv_heads is None:
        return False
    if candidate.format == "bnb-nf4" and not candidate.converted:
        return False
    return _divides_heads(candidate, number) and (
        candidate.is_padded is None or _divides_layers(candidate, number, capability)
    )


def is_unsure(candidate: Candidate, number: int, node: Node) -> bool:
    """Whether so many GPUs can share it only if its layers were widened before they were quantised, which is not
    known."""
    if number == 1 or candidate.is_padded is not None or not isinstance(node, GpuNode):
        return False
    return not _divides_layers(candidate, number, node.capability)


def _divides_heads(candidate: Candidate, number: int) -> bool:
    it = candidate.architecture
    assert it.attention_heads is not None, "it was asked before"
    assert it.kv_heads is not None, "it was asked before"
    return it.attention_heads % number == 0 and (it.kv_heads % number == 0 or number % it.kv_heads == 0)


def _divides_layers(candidate: Candidate, number: int, capability: Capability) -> bool:
    it, group = candidate.architecture, candidate.group_size or 1
    if it.is_mixture and not _divides_experts(candidate, number, capability):
        return False
    width = it.shared_expert_intermediate_size or 0 if it.is_mixture else it.intermediate_size
    if width is None:
        return candidate.group_size is None  # a width in groups that nobody knows is not cut
    if width % (number * group):
        return False
    if it.attention_heads is None or it.head_size is None:
        return True
    return it.attention_heads * it.head_size % (number * group) == 0


def _divides_experts(candidate: Candidate, number: int, capability: Capability) -> bool:
    """Blocks of FP8 are refined to what divides block, share and hidden size, for the one kernel that takes such
    blocks, which multiplies FP8 (``refine_fp8_moe_block_shape`` in ``fused_moe/oracle/fp8.py``,
    ``experts/triton_moe.py``). Groups of AWQ and GPTQ are halved until they divide both sizes (``moe_wna16.py``).
    compressed-tensors does neither."""
    it, group = candidate.architecture, candidate.group_size
    if it.expert_intermediate_size is None:
        return group is None
    share, rest = divmod(it.expert_intermediate_size, number)
    if rest or group is None or share % group == 0:
        return rest == 0
    both = math.gcd(share, it.hidden_size or group)
    if candidate.format == "fp8" and not candidate.is_compressed:
        return has_fp8(capability) and math.gcd(group, both) >= LEAST_GROUP
    if candidate.format not in HALVED_FORMATS:
        return False
    while both % group:
        group //= 2
        if group < LEAST_GROUP:
            return False
    return True


def _find_unknown(candidate: Candidate, number: int) -> str | None:
    """The fact without which nobody can tell whether so many GPUs can share it; None where it cannot be shared."""
    it = candidate.architecture
    if candidate.format == "bnb-nf4" and not candidate.converted:
        return None
    if it.attention_heads is None:
        return "attention_heads"
    if it.attention_heads % number:
        return None
    if it.kv_heads is None:
        return "kv_heads"
    fact = "expert_intermediate_size" if it.is_mixture else "intermediate_size"
    return fact if getattr(it, fact) is None and _divides_heads(candidate, number) else None


def _explain(candidate: Candidate, wanted: int, count: int, numbers: list[int]) -> str:
    if candidate.format == "bnb-nf4" and not candidate.converted:
        return (
            f"{wanted} of {count} GPUs cannot share weights that bitsandbytes stored: one can, or a pipeline of "
            "several. The 16-bit model with model.quantization: bitsandbytes can be shared."
        )
    it = candidate.architecture
    width = f"experts {it.expert_intermediate_size}" if it.is_mixture else f"layers {it.intermediate_size}"
    if it.shared_expert_intermediate_size:
        width += f" and shared ones {it.shared_expert_intermediate_size}"
    groups = f" in groups of {candidate.group_size}" if candidate.group_size else ""
    said = [f"{it.attention_heads} attention heads"]
    if it.kv_heads is not None:
        said.append(f"{it.kv_heads} heads for keys and values")
        known = it.expert_intermediate_size if it.is_mixture else it.intermediate_size
        if known is not None and (it.is_mixture or _divides_heads(candidate, wanted)):
            said.append(f"{width} wide{groups}")
    return (
        f"{wanted} of {count} GPUs cannot share {', '.join(said)}; {', '.join(str(number) for number in numbers)} can."
    )
