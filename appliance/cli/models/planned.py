"""What ``models plan`` prints: a table of every plan, or one in whole with vLLM's flags."""

import shlex

from appliance.cli.models.catalogue import Filled
from appliance.cli.models.columns import align
from inference.planning.node import GpuNode, Node
from inference.planning.plan import Plan
from inference.planning.sizing import GIB
from inference.registry.pins import describe_pin

KIB = 1024
CONVERTED = "* made of 16-bit weights while they are loaded"
CONTEXT_FLAG = "--max-model-len"


def describe_node(node: Node) -> str:
    if isinstance(node, GpuNode):
        return f"{node.count} x {node.name}, {node.memory_bytes / GIB:.1f} GiB each"
    return (
        f"CPU with {node.memory_bytes / GIB:.1f} GiB of memory, {node.kv_cache_bytes / GIB:g} GiB of it for the cache"
    )


def build_lines(plans: list[Plan]) -> list[str]:
    """Below each model a line for each set of its weights, in 80 columns; then why those that do not fit do not."""
    head = ("  Weights as", "Weights", "A token", "Cache", "Longest", "At once", "")
    rows = [
        (f"  {each.format}{'*' if each.converted else ''}", *_write_figures(each), "" if each.fits else each.verdict)
        for each in plans
    ]
    first, *lines = align(head, rows, right=head[1:6])
    table = [first]
    for before, each, line in zip([None, *plans], plans, lines, strict=False):
        table += [line] if before is not None and before.model == each.model else [each.model, line]
    table += [CONVERTED] if any(each.converted for each in plans) else []
    reasons = [
        f"{each.model} ({write_format(each)}): {each.reason} {each.next_step}" for each in plans if not each.fits
    ]
    return [*table, *(["", *reasons] if reasons else [])]


def _write_figures(plan: Plan) -> tuple[str, str, str, str, str]:
    it = plan.figures
    if it is None:
        return ("?",) * 5
    at_once = f"{it.concurrent_requests} x {it.context_tokens:,}" if plan.fits else "0"
    return (
        _write_gib(it.weights_bytes),
        f"{it.kv_bytes_per_token / KIB:g} KiB",
        _write_gib(it.kv_budget_bytes),
        f"{it.longest_context_tokens:,}",
        at_once,
    )


def _write_gib(size: int) -> str:
    return f"{size / GIB:.{1 if size < 99.95 * GIB else 0}f} GiB"


def write_format(plan: Plan) -> str:
    return f"{plan.format} while loading" if plan.converted else plan.format


def describe_plan(plan: Plan, filled: Filled) -> str:
    """One set of weights in whole, with the flags."""
    lines = [f"\n{plan.weights} ({write_format(plan)}): {plan.verdict}"]
    lines += [f"  {sentence}" for sentence in (plan.reason, plan.next_step) if sentence]
    if plan.figures is not None:
        weights, token, cache, longest, at_once = _write_figures(plan)
        shared = plan.figures.tensor_parallel * plan.figures.pipeline_parallel
        lines += [
            f"  Weights                  {weights}{f' on each of {shared} GPUs' if shared > 1 else ''}",
            f"  Cache                    {cache}, {token} a token, {plan.figures.kv_tokens:,} tokens",
            f"  Longest conversation     {_write_longest(plan, longest)}",
        ]
        lines += [f"  At once                  {at_once} tokens"] if plan.fits else []
    if plan.revision is not None:
        pin, facts = filled.get(plan.hub_id or "", (None, ()))
        by = describe_pin(pin) if pin is not None and "revision" in facts else "from the catalogue"
        lines.append(f"  Revision                 {plan.revision}, {by}")
    if plan.flags:
        lines.append(f"  vLLM's flags             {shlex.join(plan.flags)}")
    return "\n".join(lines)


def _write_longest(plan: Plan, fitting: str) -> str:
    """What the flags allow, where that is less than what fits."""
    said = plan.flags[plan.flags.index(CONTEXT_FLAG) + 1] if CONTEXT_FLAG in plan.flags else ""
    if not said.isdigit() or plan.figures is None or int(said) >= plan.figures.longest_context_tokens:
        return f"{fitting} tokens"
    return f"{int(said):,} tokens, as {CONTEXT_FLAG} says; {fitting} would fit"
