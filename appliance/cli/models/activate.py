"""``models activate``: switch to another model, and back to what answered before if it does not start."""

from pathlib import Path
from typing import Annotated

import typer

from appliance.cli import exit_codes
from appliance.cli.screen import Screen, err, out
from appliance.cli.up import sources_of
from appliance.local import environments, model_choice
from appliance.local.bringing_up import BringingUp, Outcome
from appliance.local.directories import ensure_directories
from appliance.local.errors import LocalError
from appliance.local.instance import LocalAppliance, open_appliance
from appliance.local.model_choice import Activation


def activate(
    model: Annotated[
        str, typer.Argument(help="A directory, a hub id (owner/name, with @revision if wanted), or `auto`.")
    ],
) -> None:
    """Switch to a model: checks it, starts the engine with it and tells the web application."""
    local = open_appliance()
    activation = read_argument(model)
    if activation is not None and model_choice.is_named_in_settings(local.settings):
        raise LocalError(
            "appliance.yaml names the model, which goes before an activated one. Change model.path or model.hub_id "
            "there and run `bin/appliance up`, or remove them and activate again."
        )
    with local.only_one_change():
        ensure_directories(local.settings, local.identity)
        before = model_choice.read_activation(local.settings)
        model_choice.write_activation(local.settings, activation)
        try:
            choice = model_choice.choose(local.settings)
            if choice.spec is None and activation is not None:
                raise LocalError(choice.reason)
            if local.supervisor.find_pid() is None:
                out.print("Recorded. It is served from the next start: bin/appliance up")
                return
            outcome = _bring_up(local)
        except BaseException:
            model_choice.write_activation(local.settings, before)
            raise
        if outcome.problems:
            err.print("\n".join(outcome.problems), markup=False)
        if outcome.lacks_model and before != activation:
            err.print("Going back to what answered before.")
            model_choice.write_activation(local.settings, before)
            outcome = _bring_up(local)
            out.print(f"Model   {outcome.model}", markup=False)
            raise typer.Exit(exit_codes.PROBLEM)
    out.print(f"Model   {outcome.model}", markup=False)
    if outcome.problems:
        raise typer.Exit(exit_codes.PROBLEM)


def _bring_up(local: LocalAppliance) -> Outcome:
    environments.ensure("inference", sources_of(local))
    return BringingUp(local, Screen(), choose_again=True).run()


def read_argument(model: str) -> Activation | None:
    """A directory when there is one of that name, else a hub id; ``auto`` is the automatic choice."""
    if model == "auto":
        return None
    path = Path(model).expanduser()
    if path.exists() or model.startswith((".", "/", "~")):
        return Activation(path=str(path.resolve()))
    hub_id, _, revision = model.partition("@")
    if hub_id.count("/") != 1:
        raise LocalError(f"{model!r} is neither a directory here nor a hub id (owner/name).")
    return Activation(hub_id=hub_id, revision=revision or None)
