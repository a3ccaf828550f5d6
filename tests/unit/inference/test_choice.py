import re
from dataclasses import replace
from pathlib import Path

import pytest

from inference.registry.catalogue import CPU_OFFER, GIB, GPU_OFFERS
from inference.registry.checkpoint import Checkpoint
from inference.registry.choice import Choice, ModelWish, choose_model, fits_gpu
from inference.registry.errors import GpuNeededError, ModelTooBigError
from inference.registry.families import get_family
from inference.registry.machine import Gpu, MachineFacts
from inference.registry.spec import ModelSpec

LAPTOP = MachineFacts(
    gpus=(),
    hub_reachable=True,
    memory_bytes=16 * GIB,
    architecture="x86_64",
    cpu_flags=frozenset({"avx", "avx2"}),
    has_compiler=True,
    has_libnuma=True,
)
OFFLINE = replace(LAPTOP, hub_reachable=False)


def with_gpu(gibibytes: int, *, capability: tuple[int, int] = (8, 9), hub: bool = True) -> MachineFacts:
    gpu = Gpu("Test GPU", gibibytes * GIB, capability)
    return replace(LAPTOP, gpus=(gpu,), hub_reachable=hub)


def chosen(wish: ModelWish, machine: MachineFacts, fetched: frozenset[str] = frozenset()) -> ModelSpec | None:
    return choose_model(wish, machine, fetched=fetched).spec


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        (with_gpu(80), "Qwen3-32B-AWQ"),
        (with_gpu(32), "Qwen3-32B-AWQ"),
        (with_gpu(24), "Qwen3-14B-AWQ"),
        (with_gpu(16), "Qwen3-14B-AWQ"),
        (with_gpu(12), "Qwen3-8B-AWQ"),
        (with_gpu(8), "Qwen3-4B-AWQ"),
        (LAPTOP, "Qwen3-0.6B"),
    ],
)
def test_choice_with_a_hub_is_the_largest_that_fits(machine: MachineFacts, name: str) -> None:
    spec = chosen(ModelWish(), machine)
    assert spec is not None
    assert (spec.name, spec.served_name, spec.source) == (name, name, "hub")
    assert spec.device == ("cuda" if machine.gpus else "cpu")


@pytest.mark.parametrize(
    ("wish", "machine", "words"),
    [
        (ModelWish(), OFFLINE, "hub cannot be reached"),
        (ModelWish(), replace(LAPTOP, has_libnuma=False), "apt install libnuma1"),
        (ModelWish(), replace(LAPTOP, has_nvidia_driver=True), "no GPU answers"),
        (ModelWish(hub_id="Qwen/Qwen3-0.6B"), replace(LAPTOP, has_nvidia_driver=True), "no GPU answers"),
        (ModelWish(), with_gpu(24, hub=False), "hub cannot be reached"),
        (ModelWish(), with_gpu(4), "too small"),
        (ModelWish(), with_gpu(24, capability=(7, 0)), "too old"),
        (ModelWish(), replace(LAPTOP, memory_bytes=4 * GIB), "too little"),
        (ModelWish(), replace(LAPTOP, cpu_flags=frozenset({"avx"})), "AVX2"),
        (ModelWish(device="cuda"), LAPTOP, "no NVIDIA GPU"),
        (ModelWish(hub_id="a/b"), OFFLINE, "cannot be reached"),
    ],
)
def test_choice_is_none_with_the_reason_in_words(wish: ModelWish, machine: MachineFacts, words: str) -> None:
    choice = choose_model(wish, machine)
    assert choice.spec is None
    assert words in choice.reason


def test_model_that_reads_pictures_is_served_for_text_on_a_gpu_and_refused_on_a_cpu() -> None:
    checkpoint = Checkpoint(
        path=Path("/m/devstral"),
        architecture="Mistral3ForConditionalGeneration",
        family=get_family(name="mistral"),
        quantization=None,
        tool_parser="mistral",
        reasoning_parser=None,
        trained_context_tokens=None,
        weights_bytes=GIB,
        loaded_bytes=GIB,
        licence=None,
    )
    wish = ModelWish(path=checkpoint.path)
    spec = choose_model(wish, with_gpu(24), checkpoint=checkpoint).spec
    assert spec is not None
    assert spec.text_only
    with pytest.raises(GpuNeededError, match=r"/m/devstral/config.json: .* need a GPU also for text alone"):
        choose_model(wish, LAPTOP, checkpoint=checkpoint)
    only_text = replace(checkpoint, architecture="Ministral3ForCausalLM")
    spec = choose_model(wish, LAPTOP, checkpoint=only_text).spec
    assert spec is not None
    assert not spec.text_only


def test_directory_named_is_chosen_before_all_else_and_needs_no_hub() -> None:
    checkpoint = Checkpoint(
        path=Path("/m/llama"),
        architecture="LlamaForCausalLM",
        family=get_family(name="llama"),
        quantization=None,
        tool_parser="llama3_json",
        reasoning_parser=None,
        trained_context_tokens=4096,
        weights_bytes=1,
        loaded_bytes=1,
        licence="llama3.1",
    )
    wish = ModelWish(path=checkpoint.path, name="house", max_context_tokens=2048, quantization="bitsandbytes")
    choice = choose_model(wish, replace(with_gpu(24), hub_reachable=False), checkpoint=checkpoint)
    assert choice.spec == ModelSpec(
        name="llama",
        source="directory",
        device="cuda",
        path=Path("/m/llama"),
        family="llama",
        quantization="bitsandbytes",
        max_context_tokens=2048,
        served_name="house",
        tool_parser="llama3_json",
        licence="llama3.1",
    )


def test_hub_id_named_is_chosen_before_the_offers() -> None:
    spec = chosen(ModelWish(hub_id="a/b", revision="abc"), with_gpu(80))
    assert spec is not None
    assert (spec.hub_id, spec.revision, spec.path) == ("a/b", "abc", None)


def test_model_fetched_before_is_chosen_without_a_hub() -> None:
    assert chosen(ModelWish(), OFFLINE, fetched=frozenset({CPU_OFFER.reference})) is not None
    assert chosen(ModelWish(hub_id="a/b"), OFFLINE, fetched=frozenset({"a/b@main"})) is not None
    smaller = GPU_OFFERS[-1]
    spec = chosen(ModelWish(), with_gpu(80, hub=False), fetched=frozenset({smaller.reference}))
    assert spec is not None
    assert spec.name == smaller.name


def test_device_cpu_leaves_the_gpu_alone() -> None:
    spec = chosen(ModelWish(device="cpu"), with_gpu(80))
    assert spec is not None
    assert (spec.name, spec.device) == ("Qwen3-0.6B", "cpu")


def test_cpu_without_x86_flags_is_not_refused_for_them() -> None:
    assert chosen(ModelWish(), replace(LAPTOP, architecture="aarch64", cpu_flags=frozenset({"asimd"}))) is not None


def test_offers_are_sorted_and_each_fits_some_gpu() -> None:
    sizes = [offer.needed_bytes for offer in GPU_OFFERS]
    assert sizes == sorted(sizes, reverse=True)
    assert all(fits_gpu(offer, Gpu("", 48 * GIB, (9, 0))) for offer in GPU_OFFERS)


def test_model_is_shared_by_as_many_gpus_as_the_settings_say() -> None:
    wish = ModelWish(hub_id="owner/name", tensor_parallel=2, kv_cache_dtype="fp8")
    two = replace(with_gpu(24), gpus=with_gpu(24).gpus * 2)
    spec = chosen(wish, two)
    assert spec is not None
    assert (spec.tensor_parallel, spec.kv_cache_dtype) == (2, "fp8")
    refused = choose_model(wish, with_gpu(24))
    assert (refused.spec, refused.reason) == (None, "model.tensor_parallel is 2; the GPUs here are 1.")


def test_model_on_a_cpu_is_shared_by_nothing() -> None:
    spec = chosen(ModelWish(tensor_parallel=2), LAPTOP)
    assert spec is not None
    assert spec.tensor_parallel == 1


def test_machine_without_a_compiler_serves_uncompiled() -> None:
    with_compiler, without = chosen(ModelWish(), LAPTOP), chosen(ModelWish(), replace(LAPTOP, has_compiler=False))
    assert with_compiler is not None
    assert without is not None
    assert without == replace(with_compiler, enforce_eager=True)


@pytest.mark.parametrize(
    ("gibibytes", "wish", "machine", "words"),
    [
        (13, ModelWish(), LAPTOP, None),
        (14, ModelWish(), LAPTOP, "set model.quantization: bitsandbytes"),
        (13, ModelWish(kv_cache_bytes=2 * GIB), LAPTOP, "a KV cache of 2.0 GiB"),
        (3, ModelWish(kv_cache_bytes=24 * GIB), LAPTOP, "memory is 16.0 GiB. Lower model.kv_cache_gib."),
        (30, ModelWish(quantization="bitsandbytes"), LAPTOP, None),
        (60, ModelWish(quantization="bitsandbytes"), LAPTOP, "Choose a smaller or quantised model."),
        (21, ModelWish(), with_gpu(24), None),
        (23, ModelWish(), with_gpu(24), "the GPU's memory is 24.0 GiB"),
    ],
)
def test_named_directory_that_memory_cannot_hold_is_refused(
    gibibytes: int, wish: ModelWish, machine: MachineFacts, words: str | None
) -> None:
    path = Path("/m/llama")
    checkpoint = Checkpoint(
        path,
        "LlamaForCausalLM",
        get_family(name="llama"),
        None,
        None,
        None,
        4096,
        gibibytes * GIB,
        gibibytes * GIB,
        None,
    )
    asked = replace(wish, path=path)
    if words is None:
        assert choose_model(asked, machine, checkpoint=checkpoint).spec is not None
        return
    with pytest.raises(ModelTooBigError, match=re.escape(words)):
        choose_model(asked, machine, checkpoint=checkpoint)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (ModelWish(hub_id="a/b"), "appliance.yaml names a/b at main under model."),
        (
            ModelWish(hub_id="a/b", section="further_models.small"),
            "appliance.yaml names a/b at main under further_models.small.",
        ),
        (ModelWish(hub_id="a/b", is_activated=True), "It was activated: a/b at main."),
    ],
)
def test_reason_says_who_named_the_model(wish: ModelWish, reason: str) -> None:
    assert choose_model(wish, LAPTOP).reason == reason


@pytest.mark.parametrize(
    ("wish", "hub", "reason"),
    [
        (ModelWish(hub_id="a/b"), False,
         ("a/b at main is not on this machine, and the model hub cannot be reached. Copy the model here and name its "
         "directory in model.path.")),
        (ModelWish(hub_id="a/b", is_activated=True), None,
         ("a/b at main is not on this machine, and no hub was asked for it. Copy it here: bin/appliance models import "
         "DIRECTORY --hub-id a/b --revision main")),
        (ModelWish(), None,
         (f"There is no GPU. {CPU_OFFER.name} is not on this machine, and no hub was asked for it. Name a model "
         "directory in appliance.yaml.")),
    ],
)  # fmt: skip
def test_hub_that_was_not_asked_is_not_said_to_be_out_of_reach(wish: ModelWish, hub: bool | None, reason: str) -> None:
    assert choose_model(wish, replace(LAPTOP, hub_reachable=hub)) == Choice(None, reason)


def test_settings_of_a_further_model_are_named_where_they_stand() -> None:
    wish = ModelWish(section="further_models.small", device="cuda")
    assert choose_model(wish, LAPTOP).reason.startswith("further_models.small.device is cuda, but")
    wish = ModelWish(section="further_models.small", tensor_parallel=4)
    assert choose_model(wish, with_gpu(24)).reason.startswith("further_models.small.tensor_parallel is 4;")
