"""The models of ``appliance.yaml`` side by side: what each gets of the memory, or why they cannot run together."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import typer

from appliance.cli import exit_codes
from appliance.cli.models.columns import align
from appliance.cli.screen import out
from appliance.local import model_choice
from appliance.local.engines import divide
from appliance.local.errors import LocalError
from appliance.settings import Settings
from appliance.settings.model import MAIN_MODEL, FurtherModel
from inference.planning.configured import list_wanted
from inference.planning.dividing import Portion
from inference.planning.sizing import GIB
from inference.registry.choice import Choice
from inference.registry.spec import ModelSpec
from inference.registry.wish import build_wish

SCHEMA_VERSION = 1
HEAD = ("Name", "Model", "For", "On", "Share", "Weights", "Cache", "Tokens")


@dataclass(frozen=True)
class Configured:
    """``missing``: by name why a model is not here or cannot be served; ``problem``: which of those that are named
    cannot be, and why those that can do not fit together."""

    specs: Mapping[str, ModelSpec]
    portions: Mapping[str, Portion]
    missing: Mapping[str, str]
    problem: str = ""


def gather(settings: Settings) -> Configured:
    """Nothing is fetched, and no hub is asked."""
    specs, missing = dict[str, ModelSpec](), dict[str, str]()
    wrong = []
    for name in list_wanted(settings):
        try:
            choice = _choose(settings, name)
        except LocalError as error:
            missing[name] = str(error)
            wrong.append(name)
            continue
        if choice.spec is None:
            missing[name] = choice.reason
            wrong += [name] if _is_named(settings, name) and not _is_only_absent(settings, name, choice) else []
        elif choice.spec.path is None:
            missing[name] = f"{choice.spec.name} is not on this machine yet."
        else:
            specs[name] = choice.spec
    problems = [f"{' and '.join(wrong)} cannot be served as configured."] if wrong else []
    try:
        portions = divide(settings, specs)
    except LocalError as error:
        return Configured(specs, {}, missing, " ".join([*problems, str(error).partition("\n")[0]]))
    return Configured(specs, portions, missing, " ".join(problems))


def _choose(settings: Settings, name: str) -> Choice:
    if name == MAIN_MODEL:
        return model_choice.choose(settings, may_fetch=False)
    return model_choice.choose_further(settings, name, may_fetch=False)


def _is_named(settings: Settings, name: str) -> bool:
    return name != MAIN_MODEL or not model_choice.is_automatic(settings)


def _is_only_absent(settings: Settings, name: str, choice: Choice) -> bool:
    """Whether it is a hub's model that is not here, of which the next start may fetch it: only then is it named as the
    reason."""
    if name == MAIN_MODEL:
        wish = model_choice.build_wish(settings, model_choice.find_activated(settings))
    else:
        wish = build_wish(settings, name)
    return wish.path is None and wish.hub_id is not None and wish.hub_id in choice.reason


def show(settings: Settings, *, as_json: bool) -> None:
    """Ends with exit code 1 where a model that is named cannot be served, or the models do not fit together."""
    found = gather(settings)
    if as_json:
        out.print(json.dumps(build_document(settings, found), indent=2), markup=False)
    else:
        out.print("\n".join(build_lines(settings, found)), markup=False)
    if found.problem:
        raise typer.Exit(exit_codes.PROBLEM)


def build_lines(settings: Settings, found: Configured) -> list[str]:
    rows = [_build_row(settings, name, spec, found.portions.get(name)) for name, spec in found.specs.items()]
    lines = align(HEAD, rows, right=HEAD[4:])
    lines += ["", *(f"{name}: {reason}" for name, reason in found.missing.items())] if found.missing else []
    lines += ["", found.problem] if found.problem else ["", "Computed from the models' dimensions, not measured."]
    return lines


def _build_row(settings: Settings, name: str, spec: ModelSpec, portion: Portion | None) -> tuple[str, ...]:
    start = (name, spec.served_name, spec.purpose, "GPU" if spec.device == "cuda" else "CPU")
    if portion is None:
        return (*start, "?", "?", "?", "?")
    share = "" if portion.fraction is None else f"{portion.fraction:.3f}"
    tokens = "not known" if portion.kv_tokens is None else f"{portion.kv_tokens:,}"
    if not portion.kv_cache_bytes:
        return (*start, share, f"{portion.weights_bytes / GIB:.2f} GiB", "none", "")
    return (*start, share, f"{portion.weights_bytes / GIB:.2f} GiB", f"{portion.kv_cache_bytes / GIB:.2f} GiB", tokens)


def build_document(settings: Settings, found: Configured) -> dict[str, Any]:
    models = []
    for name, wanted in list_wanted(settings).items():
        spec, portion = found.specs.get(name), found.portions.get(name)
        models.append(
            {
                "name": name,
                "model": spec.served_name if spec else None,
                "purpose": wanted.purpose if isinstance(wanted, FurtherModel) else "generation",
                "device": spec.device if spec else None,
                "reason": found.missing.get(name, ""),
                "memory_fraction": portion.fraction if portion else None,
                "weights_bytes": portion.weights_bytes if portion else None,
                "kv_cache_bytes": portion.kv_cache_bytes if portion else None,
                "kv_tokens": portion.kv_tokens if portion else None,
            }
        )
    return {"schema_version": SCHEMA_VERSION, "measured": False, "problem": found.problem, "models": models}
