"""Which model this appliance serves: what appliance.yaml names, else what was activated, else what fits the machine."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from appliance.local import environments
from appliance.local.bootstrap.sources import Sources
from appliance.local.errors import LocalError
from appliance.local.identity import Identity
from appliance.settings import Settings, SettingsError, environment
from appliance.settings.files import remove_file, write_whole
from inference.planning.servable import require_servable
from inference.planning.sizing import GIB
from inference.registry.choice import Choice, ModelWish
from inference.registry.errors import ModelError, OwnCatalogueError
from inference.registry.expected import Expected, find_expected
from inference.registry.fetched import require_fetched, resolve_model
from inference.registry.machine import HUB_URL, gather_machine_facts
from inference.registry.own import load_unpinned_catalogue
from inference.registry.pins import read_pins
from inference.registry.signature import Policy, build_policy
from inference.registry.spec import ModelSpec
from inference.registry.store import find_marked, refuse_other_than_expected
from inference.registry.verification import See, Verified, verify
from inference.registry.wish import build_wish as wish_of_settings
from inference.serving.command import fetch_command

NETWORK_VARIABLES = (
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HF_ENDPOINT", "HF_TOKEN",
)  # fmt: skip


class ActivationUnreadableError(LocalError):
    """The record of what was activated is damaged. Remove it, or activate a model."""


@dataclass(frozen=True)
class Activation:
    """What ``models activate`` recorded; what ``appliance.yaml`` names goes before it."""

    path: str | None = None
    hub_id: str | None = None
    revision: str | None = None


def activation_file(settings: Settings) -> Path:
    return settings.data_dir / "model" / "active.json"


def read_activation(settings: Settings) -> Activation | None:
    """Raises ActivationUnreadableError."""
    file = activation_file(settings)
    if not file.exists():
        return None
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        return Activation(stored["path"], stored["hub_id"], stored["revision"])
    except (ValueError, LookupError, TypeError) as error:
        raise ActivationUnreadableError(
            f"{file} cannot be read ({error}). Remove it, or run `bin/appliance models activate`."
        ) from None


def write_activation(settings: Settings, activation: Activation | None) -> None:
    """Record what to serve; ``None`` goes back to ``appliance.yaml`` and the automatic choice."""
    file = activation_file(settings)
    if activation is None:
        remove_file(file)
        return
    write_whole(file, json.dumps({"schema_version": 1, **asdict(activation)}, indent=2) + "\n")


def is_named_in_settings(settings: Settings) -> bool:
    return settings.model.path is not None or settings.model.hub_id is not None


def build_wish(settings: Settings, activation: Activation | None) -> ModelWish:
    wish = wish_of_settings(settings)
    if activation is None or is_named_in_settings(settings):
        return wish
    path = Path(activation.path) if activation.path else None
    stored = find_marked(path) if path else None
    name = stored.served_name if stored else None  # without the revision that its folder is called after
    return replace(
        wish, path=path, hub_id=activation.hub_id, revision=activation.revision, name=name, is_activated=True
    )


def models_dir(settings: Settings) -> Path:
    return settings.data_dir / "model"


def hub_url() -> str:
    """The hub that models are fetched from: the public one, or the mirror that ``HF_ENDPOINT`` names."""
    return environment.inherited(("HF_ENDPOINT",)).get("HF_ENDPOINT") or HUB_URL


def find_activated(settings: Settings) -> Activation | None:
    """What was activated and counts: what ``appliance.yaml`` names goes before it, whatever the record says. Raises
    ActivationUnreadableError."""
    return None if is_named_in_settings(settings) else read_activation(settings)


def is_automatic(settings: Settings) -> bool:
    """Nobody named a model: whichever answers is the appliance's own choice."""
    return not is_named_in_settings(settings) and read_activation(settings) is None


def choose(settings: Settings, *, may_fetch: bool = True) -> Choice:
    """The model to serve now, with the reason. Raises :class:`LocalError` for one that was named and cannot be.

    Without ``may_fetch``, and for a named directory, no hub is asked.
    """
    return choose_for(settings, find_activated(settings), may_fetch=may_fetch)


def choose_for(settings: Settings, activation: Activation | None, *, may_fetch: bool = True) -> Choice:
    """:func:`choose`, as if this were activated."""
    wish = build_wish(settings, activation)
    if wish.path is None and wish.hub_id is None and not settings.model.automatic:
        return Choice(None, "None is named or activated, and appliance.yaml says model.automatic: false.")
    facts = gather_machine_facts(hub_url=hub_url() if may_fetch and wish.path is None else None)
    with _explained():
        entries = load_unpinned_catalogue(settings).models
        choice = resolve_model(wish, facts, models_dir=models_dir(settings), entries=entries)
        if choice.spec is not None:
            wanted = settings.model
            require_servable(
                choice.spec, facts, kv_cache_bytes=int(wanted.kv_cache_gib * GIB),
                memory_fraction=wanted.memory_fraction, is_alone=not settings.further_models,
            )  # fmt: skip
        return choice


def choose_further(settings: Settings, name: str, *, may_fetch: bool = True) -> Choice:
    """The further model ``name``, which appliance.yaml names. Raises :class:`LocalError`."""
    wish = wish_of_settings(settings, name)
    facts = gather_machine_facts(hub_url=hub_url() if may_fetch and wish.path is None else None)
    with _explained():
        entries = load_unpinned_catalogue(settings).models
        return resolve_model(wish, facts, models_dir=models_dir(settings), entries=entries)


@contextmanager
def _explained(what: str = "The model cannot be served.") -> Iterator[None]:
    """A model that will not do is LocalError; one that appliance.yaml describes wrongly is SettingsError."""
    try:
        yield
    except OwnCatalogueError as error:
        raise SettingsError(str(error)) from error
    except ModelError as error:
        raise LocalError(f"{what} {error}") from error


def read_policy(settings: Settings, further: str | None = None) -> Policy | None:
    """Whether models have to be signed, and by whom. Installs the program that checks it, where it is needed."""
    policy = build_policy(settings, python=environments.ENVIRONMENTS / "webapp" / "bin" / "python", further=further)
    if policy is not None:
        install = settings.install
        environments.ensure("signing", Sources(install.wheelhouse, install.extra_index_url, settings.model.device))
    return policy


def find_pinned(settings: Settings, hub_id: str) -> Expected | None:
    """What the catalogue and this installation's pins say about the files of a hub model. Raises ModelError, and
    SettingsError for a catalogue in appliance.yaml that is wrong: that is no fault of the model's."""
    try:
        catalogue = load_unpinned_catalogue(settings)
    except OwnCatalogueError as error:
        raise SettingsError(str(error)) from error
    return find_expected(catalogue, read_pins(models_dir(settings)), hub_id)


def verify_files(
    settings: Settings, path: Path, *, see: See = lambda _bytes: None, further: str | None = None
) -> Verified:
    """Raises LocalError for a directory that must not be loaded."""
    with _explained():
        found = verify(path, models_dir=models_dir(settings), policy=read_policy(settings, further), see=see)
        refuse_other_than_expected(found, lambda hub_id: find_pinned(settings, hub_id))
        return found


def fetch(
    settings: Settings, spec: ModelSpec, *, identity: Identity, python: Path, root: Path, further: str | None = None
) -> ModelSpec:
    """Bring a hub model's files here, with the hub client's progress on the terminal; ``further`` names a further
    model."""
    with _explained(f"{spec.hub_id} was not fetched."):
        expected = find_pinned(settings, spec.hub_id) if spec.hub_id is not None else None
    command = fetch_command(
        spec, python=python, data_dir=settings.data_dir, root=root, models_dir=models_dir(settings),
        network=environment.inherited(NETWORK_VARIABLES), expected=expected,
    )  # fmt: skip
    argv = [*identity.prefix, *command.argv]
    result = subprocess.run(
        argv, env=command.env, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False
    )
    if result.returncode != 0:
        raise LocalError(
            f"Fetching {spec.hub_id} failed; what is above says why. The same command goes on where it stopped. "
            "To do without, name a model directory as model.path in appliance.yaml, or say model.automatic: false."
        )
    with _explained():
        wish = wish_of_settings(settings, further) if further else build_wish(settings, find_activated(settings))
        facts = gather_machine_facts(hub_url=None)
        entries, models = load_unpinned_catalogue(settings).models, models_dir(settings)
        resolved = resolve_model(wish, facts, models_dir=models, entries=entries).spec  # refuses what does not fit
        return resolved or require_fetched(spec, models_dir=models, entries=entries)
