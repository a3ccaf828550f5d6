"""What a plan predicts of an engine that tests start, and what the engine says of itself."""

import re
from pathlib import Path

from inference.planning.candidate import read_candidates
from inference.planning.figures import Figures
from inference.planning.node import CpuNode, Question
from inference.planning.plan import build_plan
from inference.planning.sizing import GIB
from inference.registry.entry import Format
from inference.registry.spec import KvCacheDtype
from tests.engines.launch import ENGINE_CONTEXT_TOKENS, ENGINE_KV_CACHE_GIB

CACHE_LINE = re.compile(r"\b(?:CPU|GPU) KV cache size: ([\d,]+) tokens")  # vLLM 0.32, v1/core/kv_cache_utils.py


def predict(checkpoint: Path, *, format_: Format = "bf16", kv_cache_dtype: KvCacheDtype = "auto") -> Figures:
    """On a CPU with the cache that tests give their engines, and memory to spare."""
    node = CpuNode(memory_bytes=64 * GIB, kv_cache_bytes=int(ENGINE_KV_CACHE_GIB * GIB))
    (candidate,) = [each for each in read_candidates(checkpoint) if each.format == format_]
    plan = build_plan(candidate, node, Question(ENGINE_CONTEXT_TOKENS, kv_cache_dtype))
    assert plan.fits, plan
    assert plan.figures is not None
    return plan.figures


def read_kv_tokens(log: Path) -> int:
    """The size of the cache that the engine wrote into its log when it started."""
    (found,) = set(CACHE_LINE.findall(log.read_text(encoding="utf-8", errors="replace")))
    return int(found.replace(",", ""))
