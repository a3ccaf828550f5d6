"""``models activate``: switch to another model, and back to what answered before if it does not start."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from appliance.cli import exit_codes
from appliance.cli.models.acknowledging import require_acknowledgement
from appliance.cli.models.adapters import refuse_adapter
from appliance.cli.models.catalogue import LISTED, find_entry, list_closest, list_names
from appliance.cli.models.refusing import told_apart
from appliance.cli.models.stored import find_stored
from appliance.cli.screen import Screen, err, out
from appliance.cli.up import sources_of
from appliance.cli.usage import refuse_empty
from appliance.local import environments, model_choice
from appliance.local.acknowledgements import NameMissingError
from appliance.local.bringing_up import BringingUp, Outcome
from appliance.local.directories import ensure_directories
from appliance.local.errors import LocalError
from appliance.local.instance import LocalAppliance, open_appliance
from appliance.local.model_choice import Activation, ActivationUnreadableError
from appliance.settings.hub_id import is_hub_id
from inference.registry.load import Catalogue
from inference.registry.own import load_unpinned_catalogue
from inference.registry.store import list_stored


@dataclass(frozen=True)
class Switched:
    """``outcome`` is what runs in the end, None where nothing does; ``problems`` is what did not work of the model that
    was asked for, then of the one that was gone back to. ``went_back``: what was recorded before answers again."""

    outcome: Outcome | None
    problems: tuple[str, ...] = ()
    went_back: bool = False


def activate(
    model: Annotated[
        str,
        typer.Argument(
            help="A model of the store, a directory, a hub id (owner/name, with @revision if wanted), or `auto`."
        ),
    ],
    acknowledge: Annotated[
        bool, typer.Option("--acknowledge-licence", help="Say that the model's licence is known and will be kept.")
    ] = False,
    name: Annotated[str | None, typer.Option("--as", help="Who says so: the name of a person.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Switch to a model: checks it, starts the engine with it and tells the web application.

    Its licence has to be acknowledged by a named person, once for each revision and wording; without that, says what
    the licence asks for.
    """
    local, console = open_appliance(), err if as_json else out
    refuse_empty(model)
    if acknowledge and name is None:
        raise NameMissingError('--acknowledge-licence needs the name of a person: --as "First Last".')
    with told_apart():
        catalogue = load_unpinned_catalogue(local.settings)
        activation = read_argument(model, models_dir=model_choice.models_dir(local.settings), catalogue=catalogue)
    if activation is not None and model_choice.is_named_in_settings(local.settings):
        raise LocalError(
            "appliance.yaml names the model, which goes before an activated one. Change model.path or model.hub_id "
            "there and run `bin/appliance up`, or remove them and activate again."
        )
    with local.only_one_change():
        ensure_directories(local.settings, local.identity)
        if activation is not None and activation.path is not None:
            refuse_adapter(Path(activation.path))
        choice = model_choice.choose_for(local.settings, activation)
        if choice.spec is None and activation is not None:
            raise LocalError(choice.reason)
        if choice.spec is not None:
            if choice.spec.path is not None:
                model_choice.verify_files(local.settings, choice.spec.path)
            require_acknowledgement(
                local, choice.spec, asked_for=model, name=name if acknowledge else None, console=console
            )
        done = _switch(local, activation, Screen(console))
    if as_json:
        activated = model_choice.read_activation(local.settings)
        out.print(json.dumps(build_document(model, activated, done), indent=2), markup=False)
    elif done.outcome is None:
        out.print("Recorded. It is served from the next start: bin/appliance up")
    else:
        out.print(f"Model   {done.outcome.model}", markup=False)
    if done.problems or done.went_back:
        raise typer.Exit(exit_codes.PROBLEM)


def build_document(asked_for: str, activated: Activation | None, done: Switched) -> dict[str, Any]:
    """``activated`` is what is recorded now, null for the automatic choice; ``model`` what answers, null where
    nothing runs, or no model does."""
    return {
        "schema_version": 1, "asked_for": asked_for, "activated": asdict(activated) if activated else None,
        "model": done.outcome.served if done.outcome else None, "went_back": done.went_back,
        "problems": list(done.problems),
    }  # fmt: skip


def _switch(local: LocalAppliance, activation: Activation | None, screen: Screen) -> Switched:
    """A model that does not come up is taken back; its problems remain the answer."""
    before, is_known = None, True
    try:
        before = model_choice.read_activation(local.settings)
    except ActivationUnreadableError:  # which this is the way out of
        is_known = False
    model_choice.write_activation(local.settings, activation)
    if local.supervisor.find_pid() is None:
        return Switched(None)
    try:
        outcome = _bring_up(local, screen)
    except BaseException:
        model_choice.write_activation(local.settings, before)
        raise
    _say_problems(outcome.problems)
    if not outcome.lacks_model or before == activation:
        return Switched(outcome, outcome.problems)
    if is_known:
        err.print("Going back to what answered before.")
    else:
        err.print("What was activated before cannot be read: going back to the automatic choice.")
    model_choice.write_activation(local.settings, before)
    again = _bring_up(local, screen)
    _say_problems(more := tuple(each for each in again.problems if each not in outcome.problems))
    return Switched(again, (*outcome.problems, *more), went_back=is_known and not again.lacks_model)


def _say_problems(problems: tuple[str, ...]) -> None:
    if problems:
        err.print("\n".join(problems), markup=False)


def _bring_up(local: LocalAppliance, screen: Screen) -> Outcome:
    environments.ensure("inference", sources_of(local))
    return BringingUp(local, screen, choose_again=True).run()


def read_argument(model: str, *, models_dir: Path, catalogue: Catalogue) -> Activation | None:
    """A directory when there is one of that name, else a model of the store, else a hub id; ``auto`` is the automatic
    choice. Raises NotStoredError for one that is here in several revisions."""
    if model == "auto":
        return None
    path = Path(model).expanduser()
    if path.exists() or model.startswith((".", "/", "~")):
        return Activation(path=str(path.resolve()))
    if (stored := find_stored(models_dir, model)) is not None:
        if stored.is_from_hub:
            return Activation(hub_id=stored.name, revision=stored.revision)
        return Activation(path=str(stored.folder))
    hub_id, _, revision = model.partition("@")
    if not is_hub_id(hub_id):
        raise LocalError(build_refusal(model, catalogue, here=[stored.reference for stored in list_stored(models_dir)]))
    return Activation(hub_id=hub_id, revision=revision or None)


def build_refusal(model: str, catalogue: Catalogue, *, here: list[str]) -> str:
    """Why a name that is neither a path nor a hub id says nothing, with what is meant by it perhaps."""
    if (entry := find_entry(catalogue, model)) is not None:
        weights = ", ".join(each.hub_id for each in entry.variants)
        return f"{model!r} is a model of the catalogue. Name which of its weights to activate: {weights}."
    closest = list_closest(model, [*here, *list_names(catalogue)])
    near = f" Closest to it: {', '.join(closest)}." if closest else ""
    return (
        f"{model!r} is neither a directory here, nor a model that was imported, nor a hub id, which is written "
        f"owner/name.{near} {LISTED}"
    )
