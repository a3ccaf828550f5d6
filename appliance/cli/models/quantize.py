"""``models quantize``: make a smaller model of one that is here, as a model of the store."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from appliance.cli.models.acknowledging import find_terms
from appliance.cli.models.progress import show_progress
from appliance.cli.models.refusing import told_apart
from appliance.cli.screen import err, out
from appliance.cli.up import sources_of
from appliance.cli.usage import UsageError, refuse_empty
from appliance.local import environments, model_choice
from appliance.local.bootstrap import locks
from appliance.local.directories import ensure_directories
from appliance.local.errors import LocalError
from appliance.local.instance import LocalAppliance, open_appliance
from appliance.settings import environment
from inference.quantization import samples as calibration_samples
from inference.quantization.parents import Found, find_parent, read_parent
from inference.quantization.quantizing import Done, Machine, Wish, choose_name
from inference.quantization.quantizing import quantize as quantize_model
from inference.quantization.recipes import RECIPES, RecipeName
from inference.quantization.samples import Samples, read_samples
from inference.quantization.work import build_work, list_begun, only_one_quantization
from inference.quantization.work import discard as discard_work
from inference.registry.importing import Names, refuse_odd_names
from inference.registry.machine import gather_machine_facts
from inference.registry.own import load_unpinned_catalogue

GIB = 1024**3
RECIPE_HELP = "; ".join(f"{recipe.name}: {recipe.summary}" for recipe in RECIPES.values())


def quantize(
    model: Annotated[
        str, typer.Argument(help="A 16-bit model of the store, or a directory; with --discard the unfinished name.")
    ],
    recipe: Annotated[RecipeName, typer.Argument(help=f"{RECIPE_HELP}.")] = "w4a16",
    name: Annotated[str | None, typer.Option(help="What to call the result, if not MODEL-RECIPE.")] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="Texts like those the model will read: .txt, or .jsonl with text or messages on each line."),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=calibration_samples.LEAST_SAMPLES, help="How many of the texts are used, at most.")
    ] = calibration_samples.DEFAULT_SAMPLES,
    max_tokens: Annotated[
        int, typer.Option(min=16, help="How many tokens of each text are used, at most.")
    ] = calibration_samples.DEFAULT_MAX_TOKENS,
    seed: Annotated[int, typer.Option(min=0, help="Which of the texts are used, and in which order.")] = 0,
    discard: Annotated[bool, typer.Option("--discard", help="Remove what was begun under the name MODEL.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a smaller model of a 16-bit one: its layers' weights in 4 or 8 bits, as a new model of the appliance.

    Embeddings, norms, the output head and the routers of experts stay as they are. Without --calibration each weight
    becomes the nearest number; with it, w4a16 uses GPTQ, and w8a8-int8 SmoothQuant and GPTQ. Layers are finished one by
    one: after a kill, the same command makes only those that are missing. The parent stays, and nothing is switched:
    models compare tells what was lost, models activate serves the result.
    """
    local = open_appliance()
    refuse_empty(model)
    models_dir = model_choice.models_dir(local.settings)
    with told_apart():
        ensure_directories(local.settings, local.identity)
        if discard:
            _discard(models_dir, model, as_json=as_json)
            return
        found = find_parent(model, models_dir=models_dir, catalogue=load_unpinned_catalogue(local.settings))
        read_parent(found, RECIPES[recipe])
        texts = read_texts(recipe, calibration, samples=samples, max_tokens=max_tokens, seed=seed)
        with show_progress() as shown:
            shown.begin(f"Checking {found.name}", None)
            verified = model_choice.verify_files(local.settings, found.folder, see=shown.advance)
        machine = prepare_machine(local)
        wish = Wish(recipe, name or choose_name(found, RECIPES[recipe]), local.settings.model.device, texts)
        with show_progress() as shown:
            done = quantize_model(found, verified, wish, machine, shown)
    if as_json:
        out.print(json.dumps(build_document(done), indent=2), markup=False)
        return
    _show(local, found, done)


def read_texts(recipe: RecipeName, path: Path | None, *, samples: int, max_tokens: int, seed: int) -> Samples | None:
    """Raises CalibrationError for a file that cannot be used, UsageError where nothing is calibrated."""
    if path is None:
        return None
    if not RECIPES[recipe].takes_calibration:
        able = ", ".join(each.name for each in RECIPES.values() if each.takes_calibration)
        raise UsageError(f"{recipe} is not calibrated: leave --calibration out, or choose one of {able}.")
    return read_samples(path.expanduser(), samples=samples, max_tokens=max_tokens, seed=seed)


def prepare_machine(local: LocalAppliance) -> Machine:
    """Makes the environment ``quantize`` where it is not there yet."""
    sources = sources_of(local)
    environments.ensure("quantize", sources)
    plan = environments.build_plan("quantize", cuda=environments.wants_cuda(sources))
    return Machine(
        models_dir=model_choice.models_dir(local.settings), data_dir=local.settings.data_dir,
        root=environment.REPOSITORY, python=plan.python, tools=locks.build_stamp(plan.lock),
        memory_bytes=gather_machine_facts(hub_url=None).memory_bytes, prefix=local.identity.prefix,
        own=local.identity.own,
    )  # fmt: skip


def build_document(done: Done) -> dict[str, Any]:
    return {
        "schema_version": 1, "model": done.stored.reference, "name": done.stored.name,
        "revision": done.stored.revision, "folder": str(done.stored.folder), "bytes": done.total_bytes,
        "parent_bytes": done.parent_bytes, "was_there": done.was_there,
        "pieces": {"made": done.made, "kept": done.kept}, "quantized": done.record,
    }  # fmt: skip


def _discard(models_dir: Path, name: str, *, as_json: bool) -> None:
    refuse_odd_names(Names(name))
    with only_one_quantization(models_dir):
        begun = list_begun(models_dir)
        if name not in begun:
            raise LocalError(f"Nothing was begun under the name {name!r}. Unfinished: {', '.join(begun) or 'none'}.")
        discard_work(build_work(models_dir, name))
    document = json.dumps({"schema_version": 1, "discarded": name}, indent=2)
    out.print(document if as_json else f"Discarded what was begun as {name}.", markup=False)


def _show(local: LocalAppliance, found: Found, done: Done) -> None:
    share = done.total_bytes / done.parent_bytes
    word = "Was here already" if done.was_there else "Quantised"
    out.print(
        f"{word}: {done.stored.reference} ({done.total_bytes / GIB:.2f} GiB of weights, {share:.0%} of its parent's)",
        markup=False,
    )
    if done.kept:
        out.print(f"{done.kept} pieces were there from before, {done.made} were made now.", markup=False)
    terms = find_terms(local, done.stored.folder, hub_id=found.origin)
    for words in terms.obligations:
        if "has a name that begins with" in words:
            out.print(f"{terms.name}: {words}", markup=False)
    if local.settings.model.require_signature:
        err.print(
            "model.require_signature is set, and a signature of the parent says nothing about this model: sign a copy "
            "of it and import that."
        )
    out.print(f"Next: bin/appliance models activate {done.stored.reference}", markup=False)
