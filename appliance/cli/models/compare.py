"""``models compare``: what a model loses against the one it was made from, measured on the real engine."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from appliance.cli.models.measured import describe_comparison
from appliance.cli.models.refusing import told_apart
from appliance.cli.screen import out
from appliance.cli.steps import Steps
from appliance.cli.up import sources_of
from appliance.cli.usage import refuse_empty
from appliance.local import environments, inference_program, model_choice
from appliance.local.errors import LocalError
from appliance.local.instance import LocalAppliance, open_appliance
from inference.quantization.parents import find_parent as find_named
from inference.quantization.record import find_parent as find_recorded
from inference.registry.comparison import ParentUnknownError, keep
from inference.registry.own import load_unpinned_catalogue

MAX_FILE_BYTES = 64 * 1024 * 1024
MODULE = "inference.comparing"


def compare(
    child: Annotated[str, typer.Argument(help="A model of the store, or a directory.")],
    parent: Annotated[
        str | None, typer.Argument(help="What it is compared with; what it was made from if left out.")
    ] = None,
    *,
    text: Annotated[Path, typer.Option(help="A text in UTF-8, to measure perplexity on.")],
    questions: Annotated[Path, typer.Option(help="Questions as JSON Lines, one a line.")],
    bitsandbytes: Annotated[
        bool, typer.Option("--bitsandbytes", help="Load CHILD in 4 bits; it is then compared with itself by default.")
    ] = False,
    context: Annotated[int, typer.Option(min=256, help="Tokens of one question with its answer.")] = 4096,
    keep_it: Annotated[
        bool, typer.Option("--keep", help="Keep the result with CHILD, where `models show` shows it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Measure what a model loses against its parent: perplexity, questions passed, size and speed.

    Starts an engine with one, then with the other, beside what runs; there has to be memory for it.
    """
    local = open_appliance()
    refuse_empty(child)
    refuse_empty(parent, advice="Leave it out to compare with what the model was made from.")
    with told_apart():
        wanted_child = find_model(local, child)
        wanted_parent, is_recorded = find_parent(local, wanted_child, parent, child_in_4_bits=bitsandbytes)
    if bitsandbytes:
        wanted_child["quantization"] = "bitsandbytes"
    contents = {"text": read_file(text), "questions": read_file(questions)}
    environments.ensure("inference", sources_of(local))
    with inference_program.working_folder(local, "compare", contents) as folder, Steps() as steps:
        request = build_request(
            local, folder=folder, child=wanted_child, parent=wanted_parent, text=folder / "text",
            questions=folder / "questions", context=context, is_recorded=is_recorded,
        )  # fmt: skip
        report = inference_program.run(local, MODULE, request, folder=folder, see=steps.see)
    kept = None
    if keep_it:
        with told_apart():
            kept = keep(Path(wanted_child["path"]), report, models_dir=model_choice.models_dir(local.settings))
    if as_json:
        out.print(json.dumps(report, indent=2), markup=False)
        return
    out.print("\n".join(describe_comparison(report)), markup=False)
    if kept:
        out.print(f"Kept: {kept}", markup=False)


def find_model(local: LocalAppliance, wanted: str) -> dict[str, Any]:
    """A directory where there is one of that name, else one of the store; checked as before a load. A directory goes by
    its last name: where it lies is nobody's business but this machine's."""
    models_dir, catalogue = model_choice.models_dir(local.settings), load_unpinned_catalogue(local.settings)
    found = find_named(wanted, models_dir=models_dir, catalogue=catalogue)
    verified = model_choice.verify_files(local.settings, found.folder)
    return {
        "reference": found.reference if found.revision else found.name, "path": str(found.folder),
        "hub_id": found.hub_id, "revision": found.revision, "manifest_sha256": verified.manifest_sha256 or None,
    }  # fmt: skip


def find_parent(
    local: LocalAppliance, child: dict[str, Any], parent: str | None, *, child_in_4_bits: bool
) -> tuple[dict[str, Any], bool | None]:
    """The parent, and whether it is the one that the child records; None where it records none."""
    recorded = find_recorded(Path(child["path"]))
    if parent is None and child_in_4_bits:
        return dict(child), None
    if recorded is None:
        if parent is None:
            raise ParentUnknownError(
                f"{child['reference']} does not say what it was made from. Name it: bin/appliance models compare "
                f"{child['reference']} PARENT"
            )
        return find_model(local, parent), None
    found = find_model(local, parent or recorded.reference)
    is_recorded = found["manifest_sha256"] == recorded.sha256
    if parent is None and not is_recorded:
        raise LocalError(
            f"{recorded.reference} has other files now than {child['reference']} was made from. Name it to compare "
            f"nevertheless: bin/appliance models compare {child['reference']} {recorded.reference}"
        )
    return found, is_recorded


def build_request(
    local: LocalAppliance, *, folder: Path, child: dict[str, Any], parent: dict[str, Any], text: Path, questions: Path,
    context: int, is_recorded: bool | None,
) -> dict[str, Any]:  # fmt: skip
    wanted = local.settings.model
    return {
        "schema_version": 1, "parent": parent, "child": child,
        "models_dir": str(model_choice.models_dir(local.settings)), "folder": str(folder),
        "root": str(local.installation.root), "text_file": str(text), "questions_file": str(questions),
        "is_recorded_parent": is_recorded, "context_tokens": context,
        "serving": {
            "device": wanted.device, "kv_cache_gib": wanted.kv_cache_gib, "tensor_parallel": wanted.tensor_parallel,
            "kv_cache_dtype": wanted.kv_cache_dtype, "memory_fraction": wanted.memory_fraction,
            "start_timeout_seconds": wanted.start_timeout_seconds,
        },
    }  # fmt: skip


def read_file(path: Path) -> bytes:
    """With the caller's own rights, which the engine's user may not have. Raises LocalError."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise LocalError(f"{path} is larger than {MAX_FILE_BYTES // 1024**2} MiB. Name a smaller file.")
        return path.read_bytes()
    except OSError as error:
        raise LocalError(f"{path} cannot be read: {error.strerror}. Name a file that is there.") from None
