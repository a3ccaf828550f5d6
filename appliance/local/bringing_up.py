"""Bring the whole appliance up: each part in order, each waited for. Doing it twice does nothing the second time."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from appliance.local import acknowledgements, model_choice
from appliance.local.directories import ensure_directories
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
from appliance.local.waiting import wait_until_healthy
from appliance.programs import Program
from appliance.settings import Settings
from appliance.topology import Port
from inference.registry.catalogue import GIB
from inference.registry.choice import Choice
from inference.registry.licence import find_display
from inference.registry.own import load_unpinned_catalogue
from inference.registry.spec import ModelSpec
from inference.serving.command import Command, embedder_command, engine_command
from inference.serving.guard import guard_command
from inference.serving.launch import build_proxy_command

DEMONSTRATION = ("--path", "README.md", "--path", "docs")
# Started by root, the components' user may enter the checkout by a capability only. supervisord refuses a command that
# access(2), which knows no capabilities, calls unreachable; env reaches it and becomes it.
LAUNCHER = ("/usr/bin/env", "--")
EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not bound
APPLICATION = ("engine-proxy", "web", "worker", "ingester", "scheduler")


@dataclass(frozen=True)
class Outcome:
    """``changed`` is false when everything ran already; ``problems`` is what does not work, in words, and
    ``lacks_model`` whether the chosen model is among it."""

    address: str
    model: str
    changed: bool
    problems: tuple[str, ...]
    lacks_model: bool = False


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
        for name in sorted((running - running_before) | (running & self.restarted & {"engine"})):
            self.local.supervisor.stop_program(name)
        if missing := running_before - self.local.list_running():
            self.report.say(
                f"  The appliance is only partly up: {', '.join(sorted(missing))} stopped. Start again what is missing "
                "with: bin/appliance up"
            )

    def _run(self, *, was_up: bool) -> Outcome:
        local = self.local
        stop_leftovers(local, self.report)
        ensure_directories(local.settings, local.identity)
        if not was_up:
            forget_prepared(local.settings)
        release, done = read_release(local.installation.root, local.settings), read_prepared(local.settings)
        settled = was_up and done.release == release.webapp
        choice, engine = self._choose_model(done, settled=settled)
        if was_up:
            done = self._apply(release, engine, done, settled=settled)
        else:
            self._start_supervisor(release, engine)
        self._start_state()
        for name in ("embedder", "engine") if engine else ("embedder",):
            self._start(name)
        if not settled:
            self._prepare_database()
            done = self._withdraw_model(done)
        self._bring(*APPLICATION, "embedder")
        if engine and not self._bring_engine():
            choice = Choice(None, "The chosen model did not start.")
            self.lacks_model = True
        done = self._tell_about_models(done, choice)
        done = replace(done, release=release.webapp, reason=choice.reason, lacks_model=choice.spec is None)
        self._finish(done, release)
        model = choice.spec.served_name if choice.spec else f"none: {choice.reason}"
        return Outcome(
            build_address(local.topology.port("web"), local.settings),
            model,
            self.changed,
            tuple(self.problems),
            self.lacks_model,
        )

    def _choose_model(self, done: Prepared, *, settled: bool) -> tuple[Choice, Command | None]:
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
            path = self._verify_model(spec)
        except LocalError as error:
            return self._do_without(spec, error), None
        wanted = local.settings.model
        command = engine_command(
            spec, python=python, port=wanted.port, data_dir=local.settings.data_dir, root=root,
            kv_cache_gib=wanted.kv_cache_gib, memory_fraction=wanted.memory_fraction,
        )  # fmt: skip
        models_dir = model_choice.models_dir(local.settings)
        return choice, guard_command(command, path, python=python, models_dir=models_dir, also=spec.folders[1:])

    def _verify_model(self, spec: ModelSpec) -> Path:
        """Raises LocalError for files that are not the ones that were imported; before anything is changed."""
        assert spec.path is not None, "it is here by now"
        with self.report.step("Checking the model's files") as step:
            read = 0

            def show(done_bytes: int) -> None:
                nonlocal read
                read += done_bytes
                step.note = f"{read / GIB:.1f} GiB read"

            found = [model_choice.verify_files(self.local.settings, folder, see=show) for folder in spec.folders]
            files, total = sum(each.files for each in found), sum(each.total_bytes for each in found)
            done = sum(each.read_bytes for each in found)
            step.note = f"{files} files, {done / GIB:.1f} of {total / GIB:.1f} GiB read"
        return spec.path

    def _do_without(self, spec: ModelSpec, error: LocalError) -> Choice:
        """A model that nobody named is no reason to have nothing at all; one that was named is."""
        if not model_choice.is_automatic(self.local.settings):
            raise error
        self.problems.append(f"{error}\nUntil it is here, answers are the passages that match.")
        self.lacks_model = True
        return Choice(None, f"{spec.hub_id} was chosen for this machine and cannot be served yet.")

    def _apply(self, release: Release, engine: Command | None, done: Prepared, *, settled: bool) -> Prepared:
        """Stop what changed. While the database is not yet this release's, the model is withdrawn after it is."""
        supervisor, settings = self.local.supervisor, self.local.settings
        programs = self._build_programs(release, engine)
        if supervisor.write_configuration(build_supervisor_config(settings, programs)):
            self.changed = True
        if settled and "engine" in supervisor.find_changed() and "postgres" in self.local.list_running():
            done = self._withdraw_model(done)
        if restarted := supervisor.apply_configuration():
            self.restarted = frozenset(restarted)
            self.report.say(f"  Changed since the last start, so started again: {', '.join(restarted)}")
        return done

    def _start_supervisor(self, release: Release, engine: Command | None) -> None:
        self.changed = True
        supervisor, programs = self.local.supervisor, self._build_programs(release, engine)
        with self.report.step("Supervisor"):
            supervisor.write_configuration(build_supervisor_config(self.local.settings, programs))
            supervisor.start()

    def _build_programs(self, release: Release, engine: Command | None) -> tuple[Program, ...]:
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
            embedder=embedder, engine=engine, engine_proxy=proxy, launcher=LAUNCHER if local.identity.prefix else (),
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
                step.note = wait_until_healthy(self.local, name)

    def _is_well(self, name: str, state: ProgramState | None) -> bool:
        return state is not None and self.local.health.check(self.local.topology.component(name), state).ok

    def _bring_engine(self) -> bool:
        """A model that does not start must not take the rest with it: answers are passages until it is mended."""
        try:
            self._bring("engine")
        except ComponentError as error:
            self.problems.append(f"{error}\nUntil it starts, answers are the passages that match.")
            self.local.supervisor.stop_program("engine")
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

    def _withdraw_model(self, done: Prepared) -> Prepared:
        """Nobody may ask an engine for a model that it no longer serves, or does not serve yet."""
        return self._tell_about_models(done, Choice(None, ""))

    def _tell_about_models(self, done: Prepared, choice: Choice) -> Prepared:
        """Register where models answer, unless exactly that was registered before."""
        topology, settings = self.local.topology, self.local.settings
        calls = [_set_endpoint("embed", topology.port("engine-proxy").address, settings.embeddings.model, {})]
        if choice.spec is None:
            calls.append(("endpoint", "clear", "--role", "generate"))
        else:
            spec = choice.spec
            detail = {"family": spec.family, "licence": spec.licence, "max_context_tokens": spec.max_context_tokens}
            detail |= {"quantization": spec.quantization, "source": spec.source, "device": spec.device}
            catalogue = load_unpinned_catalogue(settings)
            detail["display"] = find_display(catalogue, hub_id=spec.hub_id, card=spec.licence, folder=spec.path)
            calls.append(_set_endpoint("generate", topology.port("engine-proxy").address, spec.served_name, detail))
        if done.endpoints != (wanted := json.dumps(calls)):
            with self.report.step("Registering models"):
                for call in calls:
                    self.local.management.run(*call)
            done = replace(done, endpoints=wanted)
            write_prepared(self.local.settings, done)
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
        write_prepared(self.local.settings, done)

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


def build_address(port: Port, settings: Settings) -> str:
    """Where a browser finds the pages: a server that listens on every address is reached by one of its names."""
    if port.bind not in EVERY_ADDRESS:
        return port.address
    return replace(port, bind=choose_host(settings.web.allowed_hosts).strip("[]")).address


def _set_endpoint(role: str, url: str, model: str, detail: dict[str, Any]) -> tuple[str, ...]:
    return ("endpoint", "set", "--role", role, "--url", url, "--model", model, "--detail", json.dumps(detail))
