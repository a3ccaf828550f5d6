"""The predicted table of the whole catalogue: ``python -m tests.unit.inference.plan_snapshot`` writes it anew.

A change of a formula, of a fact or of a GPU shows in it line by line, and is looked at before it is written.
"""

import json
from pathlib import Path

from inference.planning.candidate import list_candidates
from inference.planning.gpus import get_gpu
from inference.planning.node import CpuNode, Node, Question, build_gpu_node
from inference.planning.plan import Plan, build_plan
from inference.planning.sizing import GIB
from inference.registry.load import load_catalogue

FILE = Path(__file__).with_name("plan-snapshot.json")
NODES: dict[str, Node] = {
    "cpu, 32 GiB with a cache of 4": CpuNode(32 * GIB, 4 * GIB),
    **{
        f"{count} x {name}": build_gpu_node(get_gpu(name), count=count)
        for name, count in (("t4", 1), ("l4", 1), ("l40s", 1), ("l40s", 2), ("h100", 1), ("h100", 8), ("b200", 4))
    },
}


def build_snapshot() -> dict[str, dict[str, str]]:
    """Machine, then weights, to the figures in one line."""
    candidates = list_candidates(load_catalogue().models)
    return {
        name: {
            f"{each.weights} as {each.format}": write_line(build_plan(each, node, Question())) for each in candidates
        }
        for name, node in NODES.items()
    }


def write_line(plan: Plan) -> str:
    it = plan.figures
    if it is None:
        return plan.verdict
    return (
        f"{plan.verdict}: tp {it.tensor_parallel}, weights {it.weights_bytes}, a token {it.kv_bytes_per_token}, "
        f"cache {it.kv_tokens} tokens, longest {it.longest_context_tokens}, "
        f"{it.concurrent_requests} x {it.context_tokens}"
    )


if __name__ == "__main__":
    FILE.write_text(json.dumps(build_snapshot(), indent=1) + "\n", encoding="utf-8")
