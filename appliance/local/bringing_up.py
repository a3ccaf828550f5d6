"""Bring the whole appliance up: each part in order, each waited for. Doing it twice does nothing the second time."""

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

from appliance.local import acknowledgements, model_choice
from appliance.local.directories import ensure_directories
from appliance.local.engines import Engines, build_engines
from appliance.local.environments import ENVIRONMENTS
from appliance.local.errors import ComponentError, LocalError
from appliance.local.health import choose_host
from appliance.local.instance import LocalAppliance
from appliance.local.interrupts import uninterrupted
from appliance.local.postgres import EmbeddedPostgres
from appliance.local.prepared import Prepared, forget_prepared, read_prepared, write_prepared
from appliance.local.programs import build_programs
from appliance.local.redis import EmbeddedRedis
from appliance.local.release import Release, read_release
from appliance.local.reporting import Report
from appliance.local.supervisor import ProgramState
from appliance.local.supervisor_config import build_supervisor_config
from appliance.local.taking_down import stop_leftovers, take_down
from appliance.local.waiting import find_log, measure_log, wait_until_healthy
from appliance.programs import Program, Served, build_registrations
from appliance.settings import Settings
from appliance.settings.model import MAIN_MODEL
from appliance.topology import ENGINE, Port, list_engines
from inference.registry.catalogue import GIB
from inference.registry.choice import Choice
from inference.registry.licence import find_display
from inference.registry.load import Catalogue
from inference.registry.own import load_unpinned_catalogue
from inference.registry.spec import ModelSpec
from inference.serving.argv import LOOPBACK
from inference.serving.command import embedder_command
from inference.serving.launch import build_proxy_command
from inference.serving.turns import give_up, wait_again

DEMONSTRATION = ("--path", "README.md", "--path", "docs")
# Started by root, the components' user may enter the checkout by a capability only. supervisord refuses a command that
# access(2), which knows no capabilities, calls unreachable; env reaches it and becomes it.
LAUNCHER = ("/usr/bin/env", "--")
EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
APPLICATION = ("engine-proxy", "web", "worker", "ingester", "scheduler")


@dataclass(frozen=True)
class Outcome:
    """``changed`` is false when everything ran already; ``problems`` is what does not work, in words, and
    ``lacks_model`` whether the model that shall answer is among it; ``further`` are the further models that run.
    ``model`` is for people, and says why where none answers; ``served`` is its name alone, None where none does."""

    address: str
    model: str
    changed: bool
    problems: tuple[str, ...]
    lacks_model: bool = False
    further: tuple[str, ...] = ()
    served: str | None = None


class BringingUp:
    """One ``up``. On failure, or Ctrl-C, what it started is stopped again and the exception goes on.

    An appliance that ran before goes on running, without what was being changed; that is said.
    """

    def __init__(self, local: LocalAppliance, report: Report, *, choose_again: bool = False) -> None:
        self.local, self.report, self.choose_again = local, report, choose_again
        self.problems: list[str] = []
        # Kept here, so that a password made by an `up` that fails later can still be shown.
        self.login: dict[str, Any] | None = None
        self.changed = False
        self.lacks_model = False
        self.restarted: frozenset[str] = frozenset()
        self.log_sizes: dict[str, int] = {}  # in bytes, before this command started it

    def run(self) -> Outcome:
        local = self.local
        was_up = local.supervisor.find_pid() is not None
        running_before = local.list_running()
        try:
            return self._run(was_up=was_up)
        except BaseException:
            with uninterrupted(), self.report.step("Stopping what was started"):
                if not was_up:
                    take_down(local)
                else:
                    self._stop_what_is_half_changed(running_before)
            raise

    def _stop_what_is_half_changed(self, running_before: frozenset[str]) -> None:
        """What this command started; and the engine if it has another model by now, which nobody was told about."""
        running = self.local.list_running()
        for name in sorted((running - running_before) | (running & self.restarted & self._list_engines())):
            self.local.supervisor.stop_program(name)
        if missing := running_before - self.local.list_running():
            self.report.say(
                f"  The appliance is only partly up: {', '.join(sorted(missing))} stopped. Start again what is missing "
                "with: bin/appliance up"
            )

    def _list_engines(self) -> frozenset[str]:
        return frozenset(list_engines(self.local.settings))

    def _run(self, *, was_up: bool) -> Outcome:
        local = self.local
        stop_leftovers(local, self.report)
        ensure_directories(local.settings, local.identity)
        if not was_up:
            forget_prepared(local.settings)
        release, done = read_release(local.installation.root, local.settings), read_prepared(local.settings)
        settled = was_up and done.release == release.webapp
        choice, main = self._choose_model(done, settled=settled)
        specs = {MAIN_MODEL: main} if main is not None else {}
        specs |= self._choose_further(settled=settled)
        python = ENVIRONMENTS / "inference" / "bin" / "python"
        engines = build_engines(local.settings, specs, python=python, root=local.installation.root)
        if was_up:
            done = self._apply(release, engines, done, settled=settled)
        else:
            self._start_supervisor(release, engines)
        self._start_state()
        for name in ("embedder", *list(engines.commands)[:1]):
            self._start(name)
        if not settled:
            self._prepare_database()
            done = self._withdraw_models(done)
        self._bring(*APPLICATION, "embedder")
        ready = {name: specs[name] for component, name in engines.names.items() if self._bring_engine(component, name)}
        if main is not None and MAIN_MODEL not in ready:
            choice = Choice(None, "The chosen model did not start.")
            self.lacks_model = True
        answering = ready.get(local.settings.answering_engine)
        self.lacks_model |= local.settings.answering_engine in specs and answering is None
        done = self._tell_about_models(done, ready)
        done = replace(done, release=release.webapp, reason=choice.reason, lacks_model=choice.spec is None)
        self._finish(done, release)
        model = answering.served_name if answering else f"none: {self._say_why_none(choice)}"
        return Outcome(
            build_address(local.topology.port("web"), local.settings),
            model,
            self.changed,
            tuple(self.problems),
            self.lacks_model,
            tuple(f"{name}: {spec.served_name}" for name, spec in ready.items() if name != MAIN_MODEL),
            answering.served_name if answering else None,
        )

    def _say_why_none(self, choice: Choice) -> str:
        """Why nobody answers."""
        name = self.local.settings.answering_engine
        return choice.reason if name == MAIN_MODEL else f"the further model {name}, which should answer, does not run."

    def _choose_further(self, *, settled: bool) -> dict[str, ModelSpec]:
        """The further models that are here, checked. One that cannot be served is said and keeps nobody else down."""
        local, found = self.local, dict[str, ModelSpec]()
        for name in local.settings.further_models:
            try:
                choice = model_choice.choose_further(local.settings, name, may_fetch=self.choose_again or not settled)
                if choice.spec is None:
                    raise LocalError(choice.reason)
                spec = choice.spec
                if spec.path is None:
                    self.report.say(f"  Fetching {spec.hub_id} at {spec.revision} for {name}")
                    python, root = ENVIRONMENTS / "inference" / "bin" / "python", local.installation.root
                    spec = model_choice.fetch(
                        local.settings, spec, identity=local.identity, python=python, root=root, further=name
                    )
                self._verify_model(spec, name)
                found[name] = spec
            except LocalError as error:
                self.problems.append(f"The further model {name} does not run. {error}\nThe others do without it.")
        return found

    def _choose_model(self, done: Prepared, *, settled: bool) -> tuple[Choice, ModelSpec | None]:
        """A settled appliance keeps its model: a hub that has come within reach is used at the next start."""
        local = self.local
        with self.report.step("Choosing the model") as step:
            may_fetch = self.choose_again or not settled
            choice = model_choice.choose(local.settings, may_fetch=may_fetch)
            if choice.spec is None and not may_fetch and done.lacks_model:
                choice = Choice(None, done.reason)  # found when the hub was asked
            step.note = choice.spec.served_name if choice.spec else "none"
        if choice.spec is None:
            self.report.say(f"  {choice.reason}")
            return choice, None
        python, root = ENVIRONMENTS / "inference" / "bin" / "python", local.installation.root
        spec = choice.spec
        if spec.path is None:
            self.report.say(f"  Fetching {spec.hub_id} at {spec.revision}")
            try:
                spec = model_choice.fetch(local.settings, spec, identity=local.identity, python=python, root=root)
            except LocalError as error:
                return self._do_without(spec, error), None
            choice = Choice(spec, choice.reason)
        try:
            self._verify_model(spec)
        except LocalError as error:
            return self._do_without(spec, error), None
        return choice, spec

    def _verify_model(self, spec: ModelSpec, further: str = "") -> None:
        """Raises LocalError for files that are not the ones that were imported; before anything is changed."""
        assert spec.path is not None, "it is here by now"
        with self.report.step(f"Checking the files of {further}" if further else "Checking the model's files") as step:
            read = 0

            def show(done_bytes: int) -> None:
                nonlocal read
                read += done_bytes
                step.note = f"{read / GIB:.1f} GiB read"

            found = [
                model_choice.verify_files(self.local.settings, folder, see=show, further=further or None)
                for folder in spec.folders
            ]
            files, total = sum(each.files for each in found), sum(each.total_bytes for each in found)
            done = sum(each.read_bytes for each in found)
            step.note = f"{files} files, {done / GIB:.1f} of {total / GIB:.1f} GiB read"

    def _do_without(self, spec: ModelSpec, error: LocalError) -> Choice:
        """A model that nobody named is no reason to have nothing at all; one that was named is."""
        if not model_choice.is_automatic(self.local.settings):
            raise error
        self.problems.append(f"{error}\nUntil it is here, answers are the passages that match.")
        self.lacks_model = True
        return Choice(None, f"{spec.hub_id} was chosen for this machine and cannot be served yet.")

    def _apply(self, release: Release, engines: Engines, done: Prepared, *, settled: bool) -> Prepared:
        """Stop what changed. While the database is not yet this release's, the model is withdrawn after it is."""
        supervisor, settings = self.local.supervisor, self.local.settings
        programs = self._build_programs(release, engines)
        if supervisor.write_configuration(build_supervisor_config(settings, programs)):
            self.changed = True
        changed = frozenset(filter(_is_engine, supervisor.find_changed()))
        if settled and changed and "postgres" in self.local.list_running():
            done = self._withdraw_models(done, engines, changed)
        if restarted := supervisor.apply_configuration():
            self.restarted = frozenset(restarted)
            self.report.say(f"  Changed since the last start, so started again: {', '.join(restarted)}")
        return done

    def _start_supervisor(self, release: Release, engines: Engines) -> None:
        self.changed = True
        supervisor, programs = self.local.supervisor, self._build_programs(release, engines)
        with self.report.step("Supervisor"):
            supervisor.write_configuration(build_supervisor_config(self.local.settings, programs))
            supervisor.start()

    def _build_programs(self, release: Release, engines: Engines) -> tuple[Program, ...]:
        local, settings = self.local, self.local.settings
        embedder = embedder_command(
            python=ENVIRONMENTS / "inference" / "bin" / "python", port=settings.embeddings.port,
            data_dir=settings.data_dir, root=local.installation.root, model=settings.embeddings.model,
        )  # fmt: skip
        proxy = build_proxy_command(settings, python=ENVIRONMENTS / "inference" / "bin" / "python")
        return build_programs(
            settings, local.topology, local.installation, release,
            postgres=tuple(EmbeddedPostgres(settings, local.program_identity).build_command()),
            redis=tuple(EmbeddedRedis(settings, local.program_identity).build_command()),
            embedder=embedder, engines=engines.commands, engine_proxy=proxy,
            launcher=LAUNCHER if local.identity.prefix else (),
        )  # fmt: skip

    def _start_state(self) -> None:
        local, running = self.local, self.local.list_running()
        if "postgres" not in running:
            local.postgres.initialise()
        if "redis" not in running:
            local.redis.initialise()
        self._bring("postgres", "redis")
        if "postgres" not in running:
            local.postgres.ensure_database()

    def _start(self, name: str) -> None:
        self.log_sizes.setdefault(name, measure_log(find_log(self.local, name)))
        if name in (engines := list_engines(self.local.settings)):
            wait_again(self.local.settings.run_dir, f"http://{LOOPBACK}:{engines[name].port}")
        if name not in self.local.list_running():
            self.changed = True
            self.local.supervisor.start_program(name)

    def _bring(self, *names: str) -> None:
        """Start all, then wait for each; what runs and is well costs one question and no word."""
        states = self.local.supervisor.list_states()
        waiting = [name for name in names if not self._is_well(name, states.get(name))]
        for name in waiting:
            self._start(name)
        for name in waiting:
            with self.report.step(name) as step:
                step.note = wait_until_healthy(self.local, name, log_from=self.log_sizes[name])

    def _is_well(self, name: str, state: ProgramState | None) -> bool:
        return state is not None and self.local.health.check(self.local.topology.component(name), state).ok

    def _bring_engine(self, component: str, name: str) -> bool:
        """A model that does not start must not take the rest with it: without the one that answers, answers are
        passages until it is mended. One after another: they share the memory."""
        try:
            self._bring(component)
        except ComponentError as error:
            answers = name == self.local.settings.answering_engine
            until = "answers are the passages that match" if answers else "the other models do without it"
            self.problems.append(f"{error}\nUntil it starts, {until}.")
            self.local.supervisor.stop_program(component)
            port = list_engines(self.local.settings)[component].port
            give_up(self.local.settings.run_dir, f"http://{LOOPBACK}:{port}")
            return False
        return True

    def _prepare_database(self) -> None:
        self.changed = True
        manage = self.local.management
        with self.report.step("Database tables"):
            manage.run("migrate", "--no-input")
            manage.run("createcachetable")
        with self.report.step("Static files"):
            manage.run("collectstatic", "--no-input", "--verbosity", "0")

    def _withdraw_models(
        self, done: Prepared, engines: Engines | None = None, changed: Set[str] = frozenset()
    ) -> Prepared:
        """Nobody may ask an engine for a model that it no longer serves, or does not serve yet. Of ``engines``, those
        that run and have not ``changed`` go on answering."""
        running = self.local.list_running() - changed
        names = {} if engines is None else engines.names
        kept = [name for component, name in names.items() if component in running]
        return self._tell_about_models(done, {name: engines.specs[name] for name in kept} if engines else {})

    def _tell_about_models(self, done: Prepared, ready: Mapping[str, ModelSpec]) -> Prepared:
        """Register where models answer, unless exactly that was registered before."""
        settings, catalogue = self.local.settings, load_unpinned_catalogue(self.local.settings)
        served = {name: _describe_model(spec, catalogue) for name, spec in ready.items()}
        calls = build_registrations(settings, self.local.topology.port("engine-proxy").address, served)
        if done.endpoints != (wanted := json.dumps(calls)):
            with self.report.step("Registering models"):
                for call in calls:
                    self.local.management.run(*call)
            done = replace(done, endpoints=wanted)
            write_prepared(self.local.settings, self.local.identity, done)
        return done

    def _finish(self, done: Prepared, release: Release) -> None:
        """The first administrator, what the audit does not have yet, and the demonstration collection."""
        self._record_acknowledgements()
        if done.demonstration != release.demonstration:
            with self.report.step("First administrator") as step:
                made: dict[str, Any] = json.loads(self.local.management.run("ensure_admin"))
                self.login = made if made["created"] else None
                step.note = "made" if self.login else "there already"
            if self._load_demonstration():
                done = replace(done, demonstration=release.demonstration)
        write_prepared(self.local.settings, self.local.identity, done)

    def _record_acknowledgements(self) -> None:
        """Of licences, while the appliance was down. What goes wrong with one is said, and tried again next time."""
        try:
            if acknowledgements.list_pending(self.local.settings):
                with self.report.step("Recording acknowledged licences") as step:
                    step.note = str(acknowledgements.record_pending(self.local.settings, self.local.management))
        except LocalError as error:
            self.problems.append(f"An acknowledged licence could not be recorded.\n{error}")

    def _load_demonstration(self) -> bool:
        """The appliance works without its example: what goes wrong with it is said, and tried again next time."""
        try:
            with self.report.step("Demonstration documents") as step:
                self.local.management.run(
                    "load_demo", *DEMONSTRATION, "--wait", see=lambda line: setattr(step, "note", line)
                )
        except LocalError as error:
            self.problems.append(f"The demonstration collection could not be loaded.\n{error}")
            return False
        return True


def _is_engine(component: str) -> bool:
    """Also one that appliance.yaml does not name any more."""
    return component == ENGINE or (component.startswith(f"{ENGINE}-") and component != "engine-proxy")


def build_address(port: Port, settings: Settings) -> str:
    """Where a browser finds the pages: a server that listens on every address is reached by one of its names."""
    if port.bind not in EVERY_ADDRESS:
        return port.address
    return replace(port, bind=choose_host(settings.web.allowed_hosts).strip("[]")).address


def _describe_model(spec: ModelSpec, catalogue: Catalogue) -> Served:
    detail = {"family": spec.family, "licence": spec.licence, "max_context_tokens": spec.max_context_tokens}
    detail |= {"quantization": spec.quantization, "source": spec.source, "device": spec.device}
    detail["display"] = find_display(catalogue, hub_id=spec.hub_id, card=spec.licence, folder=spec.path)
    return Served(spec.served_name, detail)
