"""The engines of this machine: which models are here, how the memory is divided, and what each executes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance.local import model_choice
from appliance.local.errors import LocalError
from appliance.settings import Settings
from appliance.settings.model import MAIN_MODEL
from appliance.topology import ENGINE, name_engine
from inference.planning.configured import divide_memory, list_wanted
from inference.planning.dividing import Portion
from inference.planning.errors import PlanningError
from inference.registry.errors import ModelError
from inference.registry.machine import gather_machine_facts
from inference.registry.spec import ModelSpec
from inference.serving.argv import LOOPBACK
from inference.serving.command import Command, engine_command
from inference.serving.guard import guard_command
from inference.serving.launch import keep


@dataclass(frozen=True)
class Engines:
    """By component, in the order in which they start; ``names`` are those of appliance.yaml, by component, and
    ``specs`` the models by that name."""

    commands: Mapping[str, Command]
    names: Mapping[str, str]
    specs: Mapping[str, ModelSpec]


NO_ENGINES = Engines({}, {}, {})


def component_of(name: str) -> str:
    """Of a model's name in appliance.yaml, where the main one is called ``model``."""
    return ENGINE if name == MAIN_MODEL else name_engine(name)


def divide(settings: Settings, specs: Mapping[str, ModelSpec]) -> dict[str, Portion]:
    """Raises LocalError for models that do not fit side by side, before anything is changed."""
    try:
        return divide_memory(specs, settings, gather_machine_facts(hub_url=None))
    except PlanningError as error:
        raise LocalError(f"{error}\nSee what each would get: bin/appliance models plan --configured") from error
    except ModelError as error:
        raise LocalError(f"The model cannot be served. {error}") from error


def build_engines(settings: Settings, specs: Mapping[str, ModelSpec], *, python: Path, root: Path) -> Engines:
    """``specs``: the models that are here and were checked, by name. Each checks its files again at each start."""
    wanted = list_wanted(settings)
    portions = divide(settings, specs) if len(specs) > 1 or settings.further_models else {}
    commands: dict[str, Command] = {}
    before: list[str] = []
    patience = max(each.start_timeout_seconds for each in wanted.values())
    for name in (each for each in wanted if each in specs):
        spec, of = specs[name], wanted[name]
        portion = portions.get(name)
        fraction = portion.fraction if portion is not None and portion.fraction is not None else of.memory_fraction
        command = engine_command(
            spec, python=python, port=of.port, data_dir=settings.data_dir, root=root, kv_cache_gib=of.kv_cache_gib,
            memory_fraction=fraction,
        )  # fmt: skip
        assert spec.path is not None, "it was checked"
        component, events = component_of(name), settings.events_dir
        commands[component] = guard_command(
            keep(command, spec, of, events=events, engine=component), spec.path, python=python,
            models_dir=model_choice.models_dir(settings), also=spec.folders[1:], after=before, after_seconds=patience,
            given_up=settings.run_dir, events=events, engine=component,
        )  # fmt: skip
        before = [*before, f"http://{LOOPBACK}:{of.port}"]
    return Engines(commands, {component_of(name): name for name in wanted if name in specs}, dict(specs))
