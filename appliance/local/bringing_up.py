"""Bring the whole appliance up: each part in order, each waited for. Doing it twice does nothing the second time."""

import json
from dataclasses import dataclass, replace
from typing import Any

from appliance.local import model_choice
from appliance.local.directories import ensure_directories
from appliance.local.environments import ENVIRONMENTS
from appliance.local.errors import ComponentError, LocalError
from appliance.local.instance import LocalAppliance
from appliance.local.interrupts import uninterrupted
from appliance.local.postgres import EmbeddedPostgres
from appliance.local.prepared import Prepared, forget_prepared, read_prepared, write_prepared
from appliance.local.programs import Program, build_programs
from appliance.local.redis import EmbeddedRedis
from appliance.local.release import Release, read_release
from appliance.local.reporting import Report
from appliance.local.supervisor import ProgramState
from appliance.local.supervisor_config import build_supervisor_config
from appliance.local.taking_down import stop_leftovers, take_down
from appliance.local.waiting import wait_until_healthy
from inference.registry.choice import Choice
from inference.serving.command import Command, embedder_command, engine_command

DEMONSTRATION = ("--path", "README.md", "--path", "docs")
# Started by root, the components' user may enter the checkout by a capability only. supervisord refuses a command that
# access(2), which knows no capabilities, calls unreachable; env reaches it and becomes it.
LAUNCHER = ("/usr/bin/env", "--")
APPLICATION = ("web", "worker", "ingester", "scheduler")


@dataclass(frozen=True)
class Outcome:
    """``changed`` is false when everything ran already; ``problems`` is what does not work, in words."""

    address: str
    model: str
    changed: bool
    problems: tuple[str, ...]


class BringingUp:
    """One ``up``. On failure, or Ctrl-C, what it started is stopped again and the exception goes on."""

    def __init__(self, local: LocalAppliance, report: Report, *, choose_again: bool = False) -> None:
        self.local, self.report, self.choose_again = local, report, choose_again
        self.problems: list[str] = []
        # Kept here, so that a password made by an `up` that fails later can still be shown.
        self.login: dict[str, Any] | None = None
        self.changed = False

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
                    for name in sorted(local.list_running() - running_before):
                        local.supervisor.stop_program(name)
            raise

    def _run(self, *, was_up: bool) -> Outcome:
        local = self.local
        stop_leftovers(local, self.report)
        ensure_directories(local.settings, local.identity)
        if not was_up:
            forget_prepared(local.settings)
        release, done = read_release(local.installation.root, local.settings), read_prepared(local.settings)
        settled = was_up and done.release == release.webapp
        choice, engine = self._choose_model(done, settled=settled)
        self._configure(release, engine, was_up=was_up)
        self._start_state()
        for name in ("embedder", "engine") if engine else ("embedder",):
            self._start(name)
        if not settled:
            self._prepare_database()
        self._bring(*APPLICATION, "embedder")
        if engine and not self._bring_engine():
            choice = Choice(None, "The chosen model did not start.")
        done = self._tell_about_models(replace(done, release=release.webapp, reason=choice.reason), choice)
        self._finish(done, release)
        model = choice.spec.served_name if choice.spec else f"none: {choice.reason}"
        return Outcome(local.topology.port("web").address, model, self.changed, tuple(self.problems))

    def _choose_model(self, done: Prepared, *, settled: bool) -> tuple[Choice, Command | None]:
        """A settled appliance keeps its model: a hub that has come within reach is used at the next start."""
        local = self.local
        with self.report.step("Choosing the model") as step:
            choice = model_choice.choose(local.settings, may_fetch=self.choose_again or not settled)
            step.note = choice.spec.served_name if choice.spec else "none"
        if choice.spec is None:
            self.report.say(f"  {choice.reason}")
            return choice, None
        python, root = ENVIRONMENTS / "inference" / "bin" / "python", local.installation.root
        spec = choice.spec
        if spec.path is None:
            self.report.say(f"  Fetching {spec.hub_id} at {spec.revision}")
            spec = model_choice.fetch(local.settings, spec, identity=local.identity, python=python, root=root)
            choice = Choice(spec, choice.reason)
        wanted = local.settings.model
        return choice, engine_command(
            spec, python=python, port=wanted.port, data_dir=local.settings.data_dir, root=root,
            kv_cache_gib=wanted.kv_cache_gib, memory_fraction=wanted.memory_fraction,
        )  # fmt: skip

    def _configure(self, release: Release, engine: Command | None, *, was_up: bool) -> None:
        local = self.local
        programs = self._build_programs(release, engine)
        if was_up:
            if local.supervisor.write_configuration(build_supervisor_config(local.settings, programs)):
                self.changed = True
            if restarted := local.supervisor.apply_configuration():
                self.report.say(f"  Changed since the last start, so started again: {', '.join(restarted)}")
            return
        self.changed = True
        with self.report.step("Supervisor"):
            local.supervisor.write_configuration(build_supervisor_config(local.settings, programs))
            local.supervisor.start()

    def _build_programs(self, release: Release, engine: Command | None) -> tuple[Program, ...]:
        local, settings = self.local, self.local.settings
        embedder = embedder_command(
            python=ENVIRONMENTS / "inference" / "bin" / "python", port=settings.embeddings.port,
            data_dir=settings.data_dir, root=local.installation.root, model=settings.embeddings.model,
        )  # fmt: skip
        return build_programs(
            settings, local.topology, local.installation, release,
            postgres=tuple(EmbeddedPostgres(settings, local.program_identity).build_command()),
            redis=tuple(EmbeddedRedis(settings, local.program_identity).build_command()),
            embedder=embedder, engine=engine, launcher=LAUNCHER if local.identity.prefix else (),
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

    def _tell_about_models(self, done: Prepared, choice: Choice) -> Prepared:
        """Register where models answer, unless exactly that was registered before."""
        topology, settings = self.local.topology, self.local.settings
        calls = [_set_endpoint("embed", topology.port("embedder").address, settings.embeddings.model, {})]
        if choice.spec is None:
            calls.append(("endpoint", "clear", "--role", "generate"))
        else:
            spec = choice.spec
            detail = {"family": spec.family, "licence": spec.licence, "max_context_tokens": spec.max_context_tokens}
            detail |= {"quantization": spec.quantization, "source": spec.source, "device": spec.device}
            calls.append(_set_endpoint("generate", topology.port("engine").address, spec.served_name, detail))
        if done.endpoints != (wanted := json.dumps(calls)):
            with self.report.step("Registering models"):
                for call in calls:
                    self.local.management.run(*call)
        return replace(done, endpoints=wanted)

    def _finish(self, done: Prepared, release: Release) -> None:
        """The first administrator and the demonstration collection."""
        if done.demonstration != release.demonstration:
            with self.report.step("First administrator") as step:
                made: dict[str, Any] = json.loads(self.local.management.run("ensure_admin"))
                self.login = made if made["created"] else None
                step.note = "made" if self.login else "there already"
            if self._load_demonstration():
                done = replace(done, demonstration=release.demonstration)
        write_prepared(self.local.settings, done)

    def _load_demonstration(self) -> bool:
        """The appliance works without its example: what goes wrong with it is said, and tried again next time."""
        try:
            with self.report.step("Demonstration documents"):
                self.local.management.run("load_demo", *DEMONSTRATION, "--wait")
        except LocalError as error:
            self.problems.append(f"The demonstration collection could not be loaded.\n{error}")
            return False
        return True


def _set_endpoint(role: str, url: str, model: str, detail: dict[str, Any]) -> tuple[str, ...]:
    return ("endpoint", "set", "--role", role, "--url", url, "--model", model, "--detail", json.dumps(detail))
