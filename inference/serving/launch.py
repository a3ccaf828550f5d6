"""Become a model server of an installed appliance: ``python -m inference.serving.launch engine``.

For systemd and containers. Reads ``appliance.yaml``, chooses and inspects the model where it lies, and replaces itself
by the server, with a closed environment. Fetches nothing: a model that is not on this machine is an error. The local
appliance has a supervisor that is told the commands instead.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from appliance.settings import Settings, SettingsError, environment, load
from appliance.settings.model import MAIN_MODEL, Model
from inference.planning.configured import divide_memory, list_wanted
from inference.planning.errors import PlanningError
from inference.planning.servable import require_servable
from inference.planning.sizing import GIB
from inference.registry.checkpoint import find_licence
from inference.registry.errors import CheckpointMissingError, ModelError, NotFetchedError
from inference.registry.fetched import resolve_model
from inference.registry.licence import require_licence
from inference.registry.machine import MachineFacts, gather_machine_facts
from inference.registry.own import load_unpinned_catalogue
from inference.registry.signature import build_policy
from inference.registry.spec import ModelSpec
from inference.registry.verification import verify
from inference.registry.wish import build_wish
from inference.serving.argv import LOOPBACK, FurtherUpstream
from inference.serving.command import (
    Command,
    ProxyTls,
    embedder_command,
    engine_command,
    engine_proxy_command,
    keeper_command,
)
from inference.serving.events import DETAIL_CHARACTERS, EventLog
from inference.serving.keeper.exit_codes import EXIT_REFUSED, EXIT_UNUSABLE
from inference.serving.keeper.outlook import Limits
from inference.serving.turns import wait_for_turn

ANY = "0.0.0.0"  # noqa: S104 - TLS with client certificates is required wherever this is used
ENGINE = "engine"
ABSENT = (NotFetchedError, CheckpointMissingError)  # may come: a copy under way, a folder not mounted yet
ABSENT_SECONDS, PAUSE_SECONDS = 120.0, 2.0  # for the folder of a model beside this one


def build_command(
    name: str, settings: Settings, *, python: Path, upstream: str = "all", further: str | None = None
) -> Command:
    """The command of ``engine``, ``embedder`` or ``engine-proxy``; ``further`` names the further model that the engine
    serves, ``upstream`` is what the proxy stands in front of.

    Raises :class:`~inference.registry.errors.ModelError` when the model is not here or may not be served, and
    DoNotFitError when it does not fit beside the others.
    """
    root, data_dir = environment.REPOSITORY, settings.data_dir
    if name == "engine-proxy":
        return build_proxy_command(settings, python=python, upstream=upstream)
    if name == "embedder":
        return embedder_command(
            python=python, port=settings.embeddings.port, data_dir=data_dir, root=root, model=settings.embeddings.model
        )
    facts, models_dir = gather_machine_facts(hub_url=None), data_dir / "model"
    entries = load_unpinned_catalogue(settings).models
    choice = resolve_model(build_wish(settings, further), facts, models_dir=models_dir, entries=entries)
    if choice.spec is None:
        raise NotFetchedError(choice.reason)
    if choice.spec.path is not None:
        require_acknowledged(settings, choice.spec, further)
    policy = build_policy(settings, python=python, further=further)
    for folder in choice.spec.folders:
        verify(folder, models_dir=models_dir, policy=policy)
    wanted = settings.model if further is None else settings.further_models[further]
    require_servable(
        choice.spec, facts, kv_cache_bytes=int(wanted.kv_cache_gib * GIB), memory_fraction=wanted.memory_fraction,
        is_alone=not settings.further_models,
    )  # fmt: skip
    name = MAIN_MODEL if further is None else further
    fraction = wanted.memory_fraction
    if settings.further_models and choice.spec.path is not None:
        beside = list_beside(settings, facts, but=name)
        fraction = divide_memory({**beside, name: choice.spec}, settings, facts)[name].fraction or fraction
    command = engine_command(
        choice.spec, python=python, port=wanted.port, data_dir=data_dir, root=root, kv_cache_gib=wanted.kv_cache_gib,
        memory_fraction=fraction,
    )  # fmt: skip
    engine = ENGINE if further is None else f"{ENGINE}-{further}"
    return keep(command, choice.spec, wanted, events=settings.events_dir, engine=engine)


def keep(command: Command, spec: ModelSpec, model: Model, *, events: Path, engine: str = ENGINE) -> Command:
    """The command of an engine with its keeper before it, by the bounds of its section of the settings."""
    port = None if spec.options.nodes.is_headless else model.port
    limits = Limits(model.start_timeout_seconds, model.wedged_seconds, model.drain_seconds)
    return keeper_command(command, engine=engine, port=port, purpose=spec.purpose, events=events, limits=limits)


def list_beside(settings: Settings, facts: MachineFacts, *, but: str) -> dict[str, ModelSpec]:
    """The other models of this host. One that is refused gets no memory, and takes nobody else down; one whose folder
    is not here is waited for: after a boot it may not be mounted yet, and what it needs would be taken by then."""
    found: dict[str, ModelSpec] = {}
    absent = [
        name
        for name, wanted in list_wanted(settings).items()
        if name != but and (wanted.path is not None or wanted.hub_id is not None)
    ]
    deadline = time.monotonic() + ABSENT_SECONDS
    while absent:
        waiting, absent = absent, []
        for name in waiting:
            try:
                spec = _find_beside(settings, facts, name)
            except (*ABSENT, OSError):
                absent.append(name)
            else:
                found |= {} if spec is None else {name: spec}
        if not absent or time.monotonic() >= deadline:
            break
        time.sleep(PAUSE_SECONDS)
    if absent:
        sys.stderr.write(f"Starting without memory for {', '.join(absent)}, not here after {ABSENT_SECONDS:.0f} s.\n")
    return found


def _find_beside(settings: Settings, facts: MachineFacts, name: str) -> ModelSpec | None:
    """None for one that is refused, or has no place on this machine. Raises one of ABSENT, or OSError."""
    wish = build_wish(settings, None if name == MAIN_MODEL else name)
    try:
        choice = resolve_model(wish, facts, models_dir=settings.data_dir / "model")  # parsers take no memory
    except ABSENT:
        raise
    except ModelError:
        return None
    if choice.spec is not None and choice.spec.path is None:
        raise NotFetchedError(choice.reason)
    return choice.spec


def require_acknowledged(settings: Settings, spec: ModelSpec, further: str | None) -> None:
    """Where the settings say which licence was acknowledged, for the model and for the one that guesses ahead. Raises
    :class:`~inference.registry.errors.OtherLicenceError`."""
    wanted = settings.model if further is None else settings.further_models[further]
    if wanted.licence is None or spec.path is None:
        return
    catalogue = load_unpinned_catalogue(settings)
    require_licence(catalogue, spec.path, acknowledged=wanted.licence, card=spec.licence)
    if spec.draft is not None:
        card = find_licence(spec.draft / "README.md")
        require_licence(catalogue, spec.draft, acknowledged=wanted.licence, card=card)


def list_earlier(settings: Settings, further: str | None) -> list[str]:
    """Where the engines answer that start before this one on this host."""
    found = []
    for name, wanted in list_wanted(settings).items():
        if name == (further or MAIN_MODEL):
            break
        if wanted.path is not None or wanted.hub_id is not None:
            found.append(f"http://{LOOPBACK}:{wanted.port}")
    return found


def build_proxy_command(settings: Settings, *, python: Path, upstream: str = "all") -> Command:
    """In front of what answers on loopback; on every address only behind client certificates."""
    proxy = settings.engine_proxy
    tls = None
    if settings.layout != "embedded":
        assert proxy.ca_file is not None, "the settings require it"
        assert proxy.certificate_file is not None, "the settings require it"
        assert proxy.key_file is not None, "the settings require it"
        tls = ProxyTls(proxy.ca_file, proxy.certificate_file, proxy.key_file)
    ports = {"engine": settings.model.port, "embedder": settings.embeddings.port}
    if settings.model.nodes.rank > 0:
        del ports["engine"]  # it has none here
    urls = {name: f"http://{LOOPBACK}:{port}" for name, port in ports.items() if upstream in ("all", name)}
    further = tuple(
        FurtherUpstream(name, each.purpose, f"http://{LOOPBACK}:{each.port}")
        for name, each in settings.further_models.items()
        if upstream in ("all", f"engine-{name}")
    )
    return engine_proxy_command(
        python=python, host=LOOPBACK if tls is None else ANY, port=proxy.port, engine_url=urls.get("engine"),
        embedder_url=urls.get("embedder"), further=further, tls=tls, data_dir=settings.data_dir,
        root=environment.REPOSITORY, events=settings.events_dir, drain_seconds=settings.proxy_drain_seconds,
    )  # fmt: skip


def record_not_started(events: EventLog, code: int, why: str) -> None:
    """A refused model, each time; what may pass by itself, and is tried again every few seconds, once for a reason."""
    if code == EXIT_REFUSED:
        events.record("model_refused", exit_code=code, detail=why)
        return
    last = events.find_last()
    if last is None or (last.kind, last.detail) != ("engine_not_started", why[:DETAIL_CHARACTERS]):
        events.record("engine_not_started", exit_code=code, detail=why)


def _check_name(component: str, further: str | None, settings: Settings) -> str | None:
    if further is not None and (component != "engine" or further not in settings.further_models):
        known = ", ".join(settings.further_models) or "none"
        raise SettingsError(f"{further!r} is no further model of this appliance.yaml; under further_models: {known}.")
    return further


def main() -> None:
    parser = argparse.ArgumentParser(description="Become a model server, as appliance.yaml says.")
    parser.add_argument("name", choices=("engine", "embedder", "engine-proxy"))
    parser.add_argument("--upstream", default="all", help="what the proxy stands before: engine, embedder, engine-NAME")
    parser.add_argument("--name", dest="name_of", help="the further model that the engine serves")
    arguments = parser.parse_args()
    try:
        settings = load()
        command = build_command(
            arguments.name, settings, python=Path(sys.executable), upstream=arguments.upstream,
            further=_check_name(arguments.name, arguments.name_of, settings),
        )  # fmt: skip
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_UNUSABLE)
    except (PlanningError, ModelError) as error:
        code = EXIT_UNUSABLE if isinstance(error, (PlanningError, *ABSENT)) else EXIT_REFUSED
        engine = "-".join(filter(None, (arguments.name, arguments.name_of)))
        record_not_started(EventLog(settings.events_dir, engine), code, str(error))
        sys.stderr.write(f"{error}\n")
        sys.exit(code)
    if arguments.name == "engine":
        wanted = list_wanted(settings)
        seconds = max(each.start_timeout_seconds for each in wanted.values())
        wait_for_turn(list_earlier(settings, arguments.name_of), seconds=seconds)
    for folder in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        Path(command.env[folder]).mkdir(parents=True, exist_ok=True)
    os.execve(command.argv[0], command.argv, command.env)  # noqa: S606 - becomes the server


if __name__ == "__main__":
    main()
