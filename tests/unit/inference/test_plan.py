"""Plans are values of a pure function: compared with figures worked out by hand, and with one another."""

import itertools
from dataclasses import replace

import pytest

from inference.planning.candidate import Candidate, can_convert, list_candidates
from inference.planning.figures import CPU_WORKING_BYTES, compute_figures
from inference.planning.gpus import get_gpu, load_gpus
from inference.planning.node import CpuNode, GpuNode, Question, build_gpu_node, find_gpu_node
from inference.planning.plan import SLOW_FP8, Plan, build_document, build_plan
from inference.planning.sharing import can_share
from inference.planning.sizing import GIB, GPU_WORKING_BYTES
from inference.registry.entry import Format
from inference.registry.load import load_catalogue
from inference.registry.machine import Gpu

CANDIDATES = list_candidates(load_catalogue().models)
NAMED = Question()


def candidate(model: str, format_: Format | None = None) -> Candidate:
    found = [each for each in CANDIDATES if each.model == model and format_ in (None, each.format)]
    return found[0]


def gpus(name: str, count: int = 1) -> GpuNode:
    return build_gpu_node(get_gpu(name), count=count)


def plan(model: str, format_: Format | None, node: GpuNode | CpuNode, question: Question = NAMED) -> Plan:
    return build_plan(candidate(model, format_), node, question)


def test_plan_is_the_arithmetic_of_one_gpu() -> None:
    """8.03 thousand million parameters at 16 bits, and 128 KiB a token, on a card of 46068 MiB."""
    made = plan("llama-3.1-8b-instruct", "bf16", gpus("l40s"))
    assert made.verdict == "fits"
    figures = made.figures
    assert figures is not None
    assert figures.weights_bytes == 2 * (6_979_321_856 + 2 * 128256 * 4096)
    assert figures.kv_bytes_per_token == 128 * 1024
    budget = int(46068 * 1024**2 * 0.9) - 2 * GIB - figures.weights_bytes
    assert figures.kv_budget_bytes == budget
    assert figures.kv_tokens == budget // (128 * 1024)
    assert (figures.longest_context_tokens, figures.context_tokens) == (131072, 16384)
    assert figures.concurrent_requests == figures.kv_tokens // 16384


def test_plan_gives_the_flags_of_the_engine() -> None:
    made = plan("mistral-nemo-instruct-2407", "bf16", gpus("l40s", 2), Question(32768, "fp8"))
    assert " ".join(made.flags) == (
        "--load-format safetensors --max-model-len 32768 --gpu-memory-utilization 0.9 --tensor-parallel-size 2 "
        "--kv-cache-dtype fp8 --max-num-seqs 128 --max-num-queued-reqs 1024 --enable-prefix-caching "
        "--enable-auto-tool-choice --tool-call-parser mistral --disable-fastapi-docs "
        "--disable-uvicorn-access-log --no-enable-log-requests"
    )


def test_weights_that_are_quantised_while_loading_say_so_in_their_flags() -> None:
    made = plan("qwen3-0.6b", "bnb-nf4", gpus("t4"))
    assert (made.converted, made.flags[:4]) == (
        True,
        ("--quantization", "bitsandbytes", "--load-format", "bitsandbytes"),
    )


def test_model_that_does_not_fit_is_told_what_would_help_and_it_does() -> None:
    made = plan("llama-3.3-70b-instruct", "w4a16-int4", gpus("l40s"))
    assert made.verdict == "does not fit"
    assert made.reason == "Its cache holds 2,320 tokens, less than one conversation of 16,384."
    assert made.next_step == "Try --context 2048, or --count 2, or --gpu h100."
    assert made.flags == ()
    for helped in (
        plan("llama-3.3-70b-instruct", "w4a16-int4", gpus("l40s"), Question(2048)),
        plan("llama-3.3-70b-instruct", "w4a16-int4", gpus("l40s", 2)),
        plan("llama-3.3-70b-instruct", "w4a16-int4", gpus("h100")),
    ):
        assert helped.verdict == "fits"


def test_weights_bigger_than_the_gpu_are_said_to_be() -> None:
    made = plan("qwen3-32b", "bf16", gpus("l4"))
    assert made.reason.startswith("Its weights take 61.0 GiB of each GPU's 22.5 GiB")
    assert made.next_step == "Try --count 4, or --gpu h100."  # one L4 is too small for its 4-bit weights too
    assert made.figures is not None
    assert (made.figures.kv_budget_bytes, made.figures.longest_context_tokens) == (0, 0)


def test_context_beyond_what_the_model_knows_is_refused() -> None:
    made = plan("qwen3-32b", "awq-int4", gpus("h200"), Question(65536))
    assert (made.verdict, made.reason) == ("does not fit", "qwen3-32b knows 32,768 tokens of context, not 65,536.")
    assert made.next_step == "Ask for --context 32768 or less."


def test_architecture_that_no_formula_describes_is_measured_only() -> None:
    made = plan("all-minilm-l6-v2", None, gpus("l40s"))
    assert (made.verdict, made.figures, made.flags) == ("measured only", None, ())


@pytest.mark.parametrize("attention", ["sliding", "latent", "hybrid"])
def test_other_kinds_of_attention_are_measured_only(attention: str) -> None:
    known = candidate("qwen3-32b")
    other = replace(known, architecture=known.architecture.model_copy(update={"attention": attention}))
    assert build_plan(other, gpus("b200"), NAMED).verdict == "measured only"


def test_fact_that_is_not_known_is_named_instead_of_a_figure() -> None:
    made = plan("qwen3-reranker-0.6b", None, gpus("l40s"))
    assert (made.verdict, made.reason, made.figures) == ("not known", "vocabulary is not known.", None)


def test_gpu_that_is_too_old_is_refused() -> None:
    old = GpuNode("Tesla V100", 32 * GIB, (7, 0))
    made = plan("qwen3-0.6b", None, old)
    assert made.reason == "Tesla V100 has compute capability 7.0; vLLM needs 7.5 for this."


@pytest.mark.parametrize(("name", "fits"), [("a100", False), ("l4", True), ("h100", True)])
def test_cache_in_fp8_needs_a_gpu_that_computes_with_it(name: str, fits: bool) -> None:
    made = plan("qwen3-0.6b", None, gpus(name), Question(kv_cache_dtype="fp8"))
    assert made.fits == fits
    assert ("cannot keep FP8" in made.reason) != fits


def test_cache_in_fp8_holds_twice_as_many_tokens() -> None:
    plain, small = (
        plan("qwen3-32b", "awq-int4", gpus("l40s"), Question(kv_cache_dtype=each)).figures for each in ("auto", "fp8")
    )
    assert plain is not None
    assert small is not None
    assert small.kv_bytes_per_token * 2 == plain.kv_bytes_per_token
    assert small.kv_tokens in (2 * plain.kv_tokens, 2 * plain.kv_tokens + 1)


@pytest.mark.parametrize(
    ("model", "count", "used"),
    [("llama-3.2-3b-instruct", 3, 2), ("qwen3-14b", 8, 8), ("qwen3-14b", 6, 4), ("qwen2.5-7b-instruct", 8, 4)],
)
def test_tensor_parallel_uses_as_many_gpus_as_divide_the_heads(model: str, count: int, used: int) -> None:
    made = plan(model, None, gpus("l40s", count))
    assert made.figures is not None
    assert made.figures.tensor_parallel == used
    assert (f"It uses {used} of the {count} GPUs." in made.reason) == (used < count)


@pytest.mark.parametrize(
    ("question", "count", "reason", "next_step"),
    [
        (
            Question(tensor_parallel=4, pipeline_parallel=4),
            8,
            "4 GPUs for each of 4 stages are 16, and the machine has 8.",
            "Leave --tensor-parallel and --pipeline-parallel out, or say other numbers.",
        ),
        (
            Question(tensor_parallel=2),
            1,
            "2 GPUs are asked for, and the machine has 1.",
            "Leave --tensor-parallel out, or say another number.",
        ),
        (
            Question(pipeline_parallel=2),
            1,
            "2 stages of a pipeline need as many GPUs; there are 1.",
            "Leave --pipeline-parallel out, or say another number.",
        ),
    ],
)
def test_more_gpus_than_there_are_is_the_reason(question: Question, count: int, reason: str, next_step: str) -> None:
    made = plan("llama-3.3-70b-instruct", "bf16", gpus("h100", count), question)
    assert (made.verdict, made.reason, made.next_step) == ("does not fit", reason, next_step)


def test_cache_in_fp8_that_a_gpu_cannot_keep_is_to_be_left_out() -> None:
    made = plan("qwen3-8b", None, gpus("t4"), Question(kv_cache_dtype="fp8"))
    assert made.next_step == "Leave --kv-cache-dtype out, or choose another GPU."


def test_tensor_parallel_that_does_not_divide_is_refused() -> None:
    made = plan("qwen3-14b", None, gpus("l40s", 3), Question(tensor_parallel=3))
    assert (made.verdict, made.next_step) == ("does not fit", "Leave --tensor-parallel out, or say another number.")
    assert made.reason == "3 of 3 GPUs cannot share 40 attention heads, 8 heads for keys and values; 1, 2 can."


@pytest.mark.parametrize(
    ("model", "verdict", "reason"),
    [
        ("mistral-small-4-119b-2603", "measured only", "compresses its key-value cache"),
        ("qwen3.8-27b", "measured only", "mixes attention with layers"),
        ("mistral-medium-3.5-128b", "not known", "attention is not known."),
    ],
)
def test_gpus_for_a_model_whose_heads_nobody_knows_are_not_refused(model: str, verdict: str, reason: str) -> None:
    made = plan(model, "fp8", gpus("h100", 8), Question(tensor_parallel=8))
    assert made.verdict == verdict
    assert reason in made.reason


def test_missing_fact_that_decides_is_named() -> None:
    known = candidate("qwen3-4b", "awq-int4")
    for fact in ("attention_heads", "kv_heads", "intermediate_size"):
        half = replace(known, architecture=known.architecture.model_copy(update={fact: None}))
        made = build_plan(half, gpus("l4", 8), Question(tensor_parallel=8))
        assert (made.verdict, made.reason) == ("not known", f"{fact} is not known.")


def test_no_plan_speaks_of_none() -> None:
    """Whatever is not known of a model, and however many GPUs are asked for."""
    for known, number in itertools.product(CANDIDATES, range(1, 9)):
        made = build_plan(known, gpus("b200", 8), Question(tensor_parallel=number))
        assert "None" not in f"{made.reason} {made.next_step}", known.weights
    made = plan("qwen3.8-27b", "fp8", gpus("b200", 8), Question(tensor_parallel=5))
    assert made.reason == "5 of 8 GPUs cannot share 24 attention heads; 1 can."


@pytest.mark.parametrize("number", range(1, 17))
def test_heads_divide_evenly_or_not_at_all(number: int) -> None:
    assert can_share(candidate("qwen3-32b", "bf16"), number) == (number in (1, 2, 4, 8, 16))


@pytest.mark.parametrize(
    ("model", "format_", "count", "used"),
    [
        ("qwen3-4b", "awq-int4", 8, 4),  # 9728 / 8 is no multiple of 128
        ("qwen3-32b", "awq-int4", 16, 8),
        ("qwen2.5-0.5b-instruct", "awq-int4", 2, 1),  # 7 heads of 64 are 448 inputs of the attention's output
        ("qwen2.5-0.5b-instruct", "bf16", 14, 2),  # 4864 / 14 is no whole number
        ("qwen3-4b-instruct-2507", "fp8", 8, 4),
        ("qwen3-8b", "awq-int4", 8, 8),
    ],
)
def test_layers_are_cut_evenly_and_between_groups(model: str, format_: Format, count: int, used: int) -> None:
    made = plan(model, format_, gpus("l4", count))
    assert made.figures is not None
    assert made.figures.tensor_parallel == used


def test_groups_that_gpus_cannot_share_are_named() -> None:
    made = plan("qwen3-4b", "awq-int4", gpus("l4", 8), Question(tensor_parallel=8))
    assert made.reason == (
        "8 of 8 GPUs cannot share 32 attention heads, 8 heads for keys and values, layers 9728 wide in groups of 128; "
        "1, 2, 4 can."
    )


def test_weights_that_may_be_padded_are_measured_only_where_that_decides() -> None:
    several, one = (plan("qwen2.5-72b-instruct", "awq-int4", gpus("h100", count)) for count in (8, 1))
    assert (several.verdict, several.flags, one.verdict) == ("measured only", (), "fits")
    assert several.next_step == "Serve it and read vLLM's log, or ask for --tensor-parallel 1."
    assert "--count" not in plan("qwen2.5-72b-instruct", "awq-int4", gpus("l40s")).next_step


@pytest.mark.parametrize(
    ("model", "format_", "gpu", "used"),
    [
        ("qwen3-30b-a3b-instruct-2507", "bf16", "b200", 8),
        ("qwen3-30b-a3b-instruct-2507", "fp8", "b200", 8),  # 768 / 8 is three blocks of 32
        ("qwen3-coder-30b-a3b-instruct", "fp8", "l40s", 8),
        ("qwen3-235b-a22b-instruct-2507", "fp8", "h100", 8),
        ("qwen3-30b-a3b-instruct-2507", "fp8", "a100", 2),  # three blocks of 128 for each of two
        ("qwen3-235b-a22b-instruct-2507", "fp8", "a100", 4),
    ],
)
def test_blocks_of_experts_are_refined_where_a_gpu_multiplies_fp8(
    model: str, format_: Format, gpu: str, used: int
) -> None:
    made = plan(model, format_, gpus(gpu, 8))
    assert made.figures is not None
    assert made.figures.tensor_parallel == used


def test_shared_experts_are_cut_between_blocks_only() -> None:
    shared = candidate("qwen3-next-80b-a3b-instruct", "fp8")
    assert [number for number in (1, 2, 4, 8) if can_share(shared, number)] == [1, 2, 4]
    made = build_plan(shared, gpus("b200", 8), Question(tensor_parallel=8))
    assert made.reason == (
        "8 of 8 GPUs cannot share 16 attention heads, 2 heads for keys and values, experts 512 and shared ones 512 "
        "wide in groups of 128; 1, 2, 4 can."
    )


@pytest.mark.parametrize(
    ("format_", "is_compressed", "numbers"),
    [
        ("fp8", False, [1, 2, 4, 8]),
        ("fp8", True, [1, 2]),
        ("awq-int4", False, [1, 2, 4, 8]),
        ("gptq-int4", False, [1, 2, 4, 8]),
        ("w4a16-int4", True, [1, 2]),
    ],
)
def test_groups_of_experts_are_cut_as_their_format_is_loaded(
    format_: Format, is_compressed: bool, numbers: list[int]
) -> None:
    """Experts 768 wide in groups of 128, and with 32 heads of 128; by sixteen, no 32 of them have one scale."""
    known = replace(
        candidate("qwen3-30b-a3b-instruct-2507", "fp8"), format=format_, group_size=128, is_compressed=is_compressed
    )
    assert [number for number in (1, 2, 4, 8, 16) if can_share(known, number)] == numbers


def test_groups_of_experts_are_cut_only_into_what_divides_the_hidden_size() -> None:
    known = candidate("qwen3-30b-a3b-instruct-2507", "fp8")
    narrow = replace(known, architecture=known.architecture.model_copy(update={"hidden_size": 2064}))
    for format_ in ("fp8", "awq-int4"):
        assert [number for number in (2, 4, 8) if can_share(replace(narrow, format=format_), number)] == [2]


def test_more_gpus_never_hold_less() -> None:
    """Over every set of weights and one to eight GPUs of every kind."""
    for known, gpu in itertools.product(CANDIDATES, load_gpus().gpus):
        tokens = []
        for count in (1, 2, 4, 8):
            figures = build_plan(known, build_gpu_node(gpu, count=count), NAMED).figures
            tokens.append(figures.kv_tokens if figures is not None else 0)
        assert tokens == sorted(tokens), (known.weights, gpu.id, tokens)


def test_plans_never_give_away_more_memory_than_there_is() -> None:
    for known, gpu, count in itertools.product(CANDIDATES, load_gpus().gpus, (1, 2, 8)):
        node = build_gpu_node(gpu, count=count)
        made = build_plan(known, node, NAMED)
        if made.fits:
            it = made.figures
            assert it is not None
            cache = it.kv_bytes_per_token * it.context_tokens * it.concurrent_requests
            assert it.weights_bytes + cache + GPU_WORKING_BYTES <= node.memory_bytes * 0.9
            assert it.concurrent_requests >= 1
            assert it.longest_context_tokens >= it.context_tokens
        else:
            assert made.reason
            assert made.next_step


def test_cpu_plan_counts_the_cache_that_the_settings_give_it() -> None:
    node = CpuNode(16 * GIB, 2 * GIB)
    made = plan("qwen3-0.6b", None, node)
    assert made.figures is not None
    assert (made.figures.kv_budget_bytes, made.figures.context_tokens) == (2 * GIB, 8192)
    assert made.figures.concurrent_requests == 2 * GIB // (112 * 1024 * 8192)
    assert made.flags[made.flags.index("--kv-cache-memory-bytes") + 1] == str(2 * GIB)
    assert "--tensor-parallel-size" not in made.flags


def test_cpu_without_the_memory_is_told_how_much_it_takes() -> None:
    made = plan("qwen3-32b", "bf16", CpuNode(24 * GIB, GIB))
    assert made.reason == "It needs 64.0 GiB of memory with its cache; this machine has 24.0 GiB."


def test_fp8_on_a_cpu_fits_and_is_said_to_be_slow() -> None:
    made = build_plan(replace(candidate("qwen3-0.6b", "bf16"), format="fp8"), CpuNode(256 * GIB, GIB * 8), NAMED)
    assert (made.verdict, made.reason) == ("fits", SLOW_FP8)
    assert plan("qwen3-0.6b", "bf16", CpuNode(16 * GIB, GIB)).reason == ""


def test_cpu_with_too_small_a_cache_is_told_the_setting() -> None:
    made = plan("qwen3-0.6b", None, CpuNode(16 * GIB, GIB), Question(16384))
    assert "model.kv_cache_gib: 1.8 in appliance.yaml" in made.next_step


@pytest.mark.parametrize(("model", "gib"), [("qwen3-8b", 2.3), ("qwen3-0.6b", 1.8)])
def test_cache_that_is_advised_is_enough_and_is_only_advised_where_it_fits(model: str, gib: float) -> None:
    """16,384 tokens of 144 KiB are 2.25 GiB: a cache of 2.2 would not do."""
    question = Question(16384)
    advised = plan(model, "bf16", CpuNode(64 * GIB, GIB), question)
    assert f"model.kv_cache_gib: {gib} in" in advised.next_step
    assert plan(model, "bf16", CpuNode(64 * GIB, int(gib * GIB)), question).fits
    assert advised.figures is not None
    least = advised.figures.weights_bytes + GIB + CPU_WORKING_BYTES
    assert "kv_cache_gib" not in plan(model, "bf16", CpuNode(least, GIB), question).next_step


@pytest.mark.parametrize("context", [None, 4096])
def test_cache_that_is_bigger_than_the_memory_is_advised_to_be_smaller(context: int | None) -> None:
    """14 GiB less 1.1 of weights and 2 to work with; half a GiB beside the weights is too little for any advice."""
    made = plan("qwen3-0.6b", "bf16", CpuNode(14 * GIB, 24 * GIB), Question(context))
    assert "model.kv_cache_gib: 10.8 in appliance.yaml" in made.next_step
    assert plan("qwen3-0.6b", "bf16", CpuNode(14 * GIB, int(10.8 * GIB)), Question(context)).fits
    assert "kv_cache_gib" not in plan("qwen3-0.6b", "bf16", CpuNode(int(3.6 * GIB), GIB), Question(8192)).next_step


@pytest.mark.parametrize(("node", "most"), [(gpus("b200"), 128), (CpuNode(256 * GIB, 64 * GIB), 8)])
def test_no_more_conversations_at_once_than_the_engine_lets_run(node: GpuNode | CpuNode, most: int) -> None:
    made = plan("qwen2.5-0.5b-instruct", "bf16", node)
    assert made.figures is not None
    assert made.figures.kv_tokens // made.figures.context_tokens > most
    assert made.figures.concurrent_requests == most
    assert made.flags[made.flags.index("--max-num-seqs") + 1] == str(most)


@pytest.mark.parametrize(
    ("model", "format_", "node", "said"),
    [
        ("qwen3-0.6b", "bf16", CpuNode(16 * GIB, 2 * GIB), "8192"),
        ("qwen3-0.6b", "bf16", gpus("l4"), "auto"),
        ("qwen3-8b", "awq-int4", gpus("l4"), "16384"),
        ("qwen3-8b", "awq-int4", CpuNode(64 * GIB, GIB), "auto"),
    ],
)
def test_context_of_an_offer_is_that_of_the_machine_that_it_is_offered_for(
    model: str, format_: Format, node: GpuNode | CpuNode, said: str
) -> None:
    made = plan(model, format_, node)
    assert made.flags[made.flags.index("--max-model-len") + 1] == said


def test_cache_on_a_cpu_that_holds_less_than_the_reference_is_planned_with_what_it_holds() -> None:
    """As it is served: with ``--max-model-len auto``."""
    known = candidate("qwen3-8b", "bf16")
    assert known.spec is not None
    made = build_plan(known, CpuNode(64 * GIB, GIB), NAMED)
    assert made.figures is not None
    assert (made.verdict, made.figures.longest_context_tokens, made.figures.context_tokens) == ("fits", 7168, 7168)
    assert made.flags[made.flags.index("--max-model-len") + 1] == "auto"
    assert build_plan(known, CpuNode(64 * GIB, GIB), Question(16384)).verdict == "does not fit"
    assert build_plan(known, CpuNode(64 * GIB, 2**20), NAMED).verdict == "does not fit"


def test_machine_with_different_gpus_is_planned_for_the_largest_kind() -> None:
    small, large = Gpu("NVIDIA T4", 15 * GIB, (7, 5)), Gpu("NVIDIA L40S", 45 * GIB, (8, 9))
    assert find_gpu_node([small, large, large]) == GpuNode("NVIDIA L40S", 45 * GIB, (8, 9), 2)
    assert find_gpu_node([]) is None


def test_mixture_of_experts_is_not_quantised_while_loading() -> None:
    """Nobody has tried that here."""
    assert not can_convert(candidate("qwen3-30b-a3b-instruct-2507", "bf16"))
    assert [each.format for each in CANDIDATES if each.model == "qwen3-30b-a3b-instruct-2507"] == ["bf16", "fp8"]


def test_embedding_model_has_figures_and_no_flags() -> None:
    made = plan("qwen3-embedding-0.6b", None, gpus("l4"))
    assert (made.verdict, made.flags) == ("fits", ())


def test_document_says_what_it_was_made_for_and_that_nothing_was_measured() -> None:
    node, question = gpus("t4", 2), Question(4096)
    document = build_document([plan("qwen3-0.6b", None, node, question)], node, question)
    assert (document["schema_version"], document["measured"]) == (1, False)
    assert document["machine"] == {
        "device": "cuda", "gpu": "NVIDIA T4", "count": 2, "memory_bytes": 15360 * 1024**2,
        "compute_capability": "7.5", "bf16": False, "fp8": False,
    }  # fmt: skip
    assert document["question"]["context_tokens"] == 4096
    assert document["plans"][0]["figures"]["tensor_parallel"] == 2


def test_figures_are_the_same_whoever_asks() -> None:
    known, node = candidate("qwen3-8b"), gpus("l4")
    assert compute_figures(known, node, NAMED) == build_plan(known, node, NAMED).figures
