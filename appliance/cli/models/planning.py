"""``models plan``: which models fit a GPU, or this machine, and what each would give. Computed, not measured."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from appliance.cli.models.catalogue import explained, find_entry, get_entry, read_catalogue, read_filled
from appliance.cli.models.configured import show as show_configured
from appliance.cli.models.planned import build_lines, describe_node, describe_plan
from appliance.cli.models.stored import find_stored
from appliance.cli.screen import out
from appliance.cli.usage import UsageError, refuse_empty
from appliance.local.errors import LocalError
from appliance.settings import Settings, load
from inference.planning.candidate import Candidate, list_candidates, read_candidates
from inference.planning.errors import GpuUnknownError
from inference.planning.gpus import get_gpu
from inference.planning.node import CpuNode, GpuNode, Node, Question, build_gpu_node, find_gpu_node
from inference.planning.plan import build_document, build_plan
from inference.planning.sizing import GIB, GPU_SHARE
from inference.registry.machine import gather_machine_facts
from inference.registry.own import MODELS
from inference.registry.spec import KvCacheDtype
from inference.registry.store import list_stored


def plan(
    model: Annotated[
        str | None, typer.Argument(help="A model of the catalogue or the store, or a directory; all if left out.")
    ] = None,
    gpu: Annotated[str | None, typer.Option(help="A GPU such as l40s; what this machine has if left out.")] = None,
    count: Annotated[
        int | None, typer.Option(min=1, max=16, help="How many of that GPU one machine has; one if left out.")
    ] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="Plan for this machine's CPU.")] = False,
    context: Annotated[int | None, typer.Option(min=256, help="Tokens of one conversation.")] = None,
    kv_cache_dtype: Annotated[KvCacheDtype, typer.Option(help="fp8 halves what conversations take.")] = "auto",
    tensor_parallel: Annotated[int | None, typer.Option(min=1, help="GPUs that share a model; all that can.")] = None,
    pipeline_parallel: Annotated[
        int | None, typer.Option(min=1, help="Stages that the layers are split into; one if left out.")
    ] = None,
    configured: Annotated[
        bool, typer.Option("--configured", help="The models of appliance.yaml together: what each gets of the memory.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say which models fit, with weights, cache, longest context, conversations at once and flags; or what to try."""
    settings = load()
    refuse_empty(model, advice="Leave it out to plan all.")
    if configured:
        others = {
            "a model": model, "--gpu": gpu, "--count": count, "--cpu": cpu or None, "--context": context,
            "--kv-cache-dtype": None if kv_cache_dtype == "auto" else kv_cache_dtype,
            "--tensor-parallel": tensor_parallel, "--pipeline-parallel": pipeline_parallel,
        }  # fmt: skip
        if said := [name for name, value in others.items() if value is not None]:
            raise UsageError(f"--configured is about what appliance.yaml says: leave {', '.join(said)} out.")
        show_configured(settings, as_json=as_json)
        return
    if gpu is None and count is not None:
        raise UsageError("--count is of a GPU that --gpu names: say which one.")
    if gpu is not None and cpu:
        raise UsageError("--cpu plans for this machine's CPU, --gpu for a GPU: leave one of them out.")
    with explained():
        node = choose_node(settings, gpu=gpu, count=count or 1, cpu=cpu)
        if not isinstance(node, GpuNode) and (tensor_parallel is not None or pipeline_parallel is not None):
            raise UsageError(
                "--tensor-parallel and --pipeline-parallel are about GPUs, and this plan is for a CPU: name a GPU with "
                "--gpu, or leave them out."
            )
        share = settings.model.memory_fraction if isinstance(node, GpuNode) else None
        question = Question(context, kv_cache_dtype, tensor_parallel, share or GPU_SHARE, pipeline_parallel or 1)
        plans = [build_plan(candidate, node, question) for candidate in choose_candidates(settings, model)]
        filled = read_filled()
    if as_json:
        pinned = {hub_id: pin.pinned_at for hub_id, (pin, _) in filled.items()}
        out.print(json.dumps({**build_document(plans, node, question), "pinned_at": pinned}, indent=2), markup=False)
        return
    lines = build_lines(plans) if model is None else [describe_plan(each, filled) for each in plans]
    out.print("\n".join([describe_node(node), *lines, ""]), markup=False)
    out.print("Computed from the models' dimensions, not measured.")


def choose_node(settings: Settings, *, gpu: str | None, count: int, cpu: bool) -> Node:
    """What was named; else this machine's GPUs; else its CPU. Raises UsageError for a GPU that nobody knows."""
    if gpu is not None:
        try:
            return build_gpu_node(get_gpu(gpu), count=count)
        except GpuUnknownError as error:
            raise UsageError(str(error)) from None
    facts = gather_machine_facts(hub_url=None)
    here = None if cpu or settings.model.device == "cpu" else find_gpu_node(facts.gpus)
    return here or CpuNode(facts.memory_bytes, int(settings.model.kv_cache_gib * GIB))


def choose_candidates(settings: Settings, model: str | None) -> tuple[Candidate, ...]:
    """Every set of weights of the catalogue, of one model, of a directory, or of a model of the store. Raises
    LocalError where nothing is called so."""
    catalogue, models_dir = read_catalogue(), settings.data_dir / MODELS
    if model is None:
        return list_candidates(catalogue.models)
    if find_entry(catalogue, model) is None:
        directory = Path(model).expanduser()
        if directory.is_dir():
            return read_candidates(directory.resolve())
        if model.startswith(("/", "./", "../", "~")):
            raise LocalError(
                f"{model}: {'this is no directory' if directory.exists() else 'there is no such directory'}."
            )
        if (stored := find_stored(models_dir, model)) is not None:
            found = read_candidates(stored.folder)
            return tuple(replace(each, model=stored.name, weights=stored.reference) for each in found)
    return list_candidates([get_entry(catalogue, model, also={each.name for each in list_stored(models_dir)})])
