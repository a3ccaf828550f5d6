"""Make the virtual environments from the lock files. Standard library only: it runs before anything is installed.

``python3 -m appliance.local.environments ensure NAME`` makes one of :data:`NAMES`; ``run VERB ...`` makes what the
operator's command needs and becomes that command. A stamp, written last, tells a finished environment from a broken
one.
"""

import argparse
import fcntl
import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.local.bootstrap import locks, pip_run
from appliance.local.bootstrap.sources import Sources, SourcesError, find_nvidia_driver, read_sources
from appliance.local.bootstrap.terminal import complain, say
from appliance.local.bootstrap.trouble import explain_os_error

REPOSITORY = Path(__file__).resolve().parents[2]
ENVIRONMENTS = REPOSITORY / ".venv"
REQUIREMENTS = REPOSITORY / "requirements"
VERBS_THAT_INSTALL = frozenset({"up", "doctor", "models", "bench"})
GIB = 2**30
NEEDED_BYTES = {
    "webapp.lock": GIB, "embedded.lock": GIB, "dev.lock": 2 * GIB, "ansible.lock": GIB, "deploy.lock": 2 * GIB,
    "signing.lock": GIB,
    "inference-cpu.lock": 6 * GIB, "inference-cuda.lock": 16 * GIB,
    "quantize-cpu.lock": 4 * GIB, "quantize-cuda.lock": 12 * GIB,
}  # fmt: skip
NAMES = ("webapp", "dev", "inference", "ansible", "deploy", "signing", "quantize")
EXIT_UNUSABLE = 3


class InstallError(Exception):
    """An environment could not be made; the message says why and what to do."""


@dataclass(frozen=True)
class Plan:
    """One environment: its folder, the lock that fills it, and the stamps that count as finished."""

    folder: Path
    lock: Path
    pip_options: tuple[str, ...]
    also_finished_by: tuple[Path, ...] = ()

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def stamp(self) -> Path:
        return self.folder / "appliance.stamp"

    def is_finished(self) -> bool:
        if not self.stamp.exists() or not self.python.exists():
            return False
        return self.stamp.read_text() in {locks.build_stamp(lock) for lock in (self.lock, *self.also_finished_by)}


def build_plan(name: str, *, cuda: bool = False) -> Plan:
    """What environment ``name`` is made of. ``dev`` is ``webapp`` with more in it, so it counts as ``webapp`` too.

    ``webapp`` is filled from the embedded default's lock, which adds its own PostgreSQL, Redis and supervisor.
    """
    if name == "webapp":
        return Plan(ENVIRONMENTS / "webapp", REQUIREMENTS / "embedded.lock", (), (REQUIREMENTS / "dev.lock",))
    if name == "dev":
        return Plan(ENVIRONMENTS / "webapp", REQUIREMENTS / "dev.lock", ())
    if name in ("ansible", "deploy", "signing"):
        return Plan(ENVIRONMENTS / name, REQUIREMENTS / f"{name}.lock", ())
    assert name in ("inference", "quantize"), "one of NAMES"
    lock = REQUIREMENTS / f"{name}-{'cuda' if cuda else 'cpu'}.lock"
    return Plan(ENVIRONMENTS / name, lock, ("--no-deps",))


def wants_cuda(sources: Sources) -> bool:
    return sources.device == "cuda" or (sources.device == "auto" and find_nvidia_driver())


def ensure(name: str, sources: Sources) -> bool:
    """Make environment ``name`` unless it is finished; true when something was done. Raises :class:`InstallError`."""
    plan = build_plan(name, cuda=wants_cuda(sources))
    if plan.is_finished():
        return False
    with _only_one_installer():
        if plan.is_finished():
            return False
        _check_room(plan)
        _make_folder(plan)
        _install(plan, name, sources)
    return True


def _check_room(plan: Plan) -> None:
    needed = NEEDED_BYTES[plan.lock.name]
    free = shutil.disk_usage(REPOSITORY).free
    already = plan.folder.exists()
    if free < (needed // 4 if already else needed):
        raise InstallError(
            f"Installing {plan.lock.name} needs about {needed / GIB:.0f} GiB of disk, and {free / GIB:.1f} GiB "
            f"are free in {REPOSITORY}. Free some space there, then run the same command again."
        )


def _make_folder(plan: Plan) -> None:
    works = plan.python.exists() and _same_version(plan.python)
    plan.stamp.unlink(missing_ok=True)
    if works:
        return
    if plan.folder.exists():
        say(f"  {plan.folder} is unfinished or made by another Python: making it again")
        shutil.rmtree(plan.folder)
    result = subprocess.run(
        [sys.executable, "-P", "-m", "venv", str(plan.folder)], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        shutil.rmtree(plan.folder, ignore_errors=True)
        said = (result.stdout + result.stderr).strip()
        if "ensurepip" in said:
            raise InstallError(
                "This Python cannot make virtual environments: Debian keeps that in a package of its own.\n"
                f"Install it with: apt install python3-venv   (Python found: {sys.executable})"
            )
        raise InstallError(f"Making {plan.folder} failed: {said[-600:]}")


def _same_version(python: Path) -> bool:
    command = [str(python), "-P", "-c", "import sys, pip; print('%d.%d' % sys.version_info[:2])"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.returncode == 0 and result.stdout.strip() == locks.python_version()


def _install(plan: Plan, name: str, sources: Sources) -> None:
    log = ENVIRONMENTS / f"{plan.folder.name}-install.log"
    command = pip_run.build_command(plan.python, plan.lock, plan.pip_options, sources)
    failure = pip_run.run(
        command, env=pip_run.build_environment(sources, _read_environment()["full"]()),
        label=f"{name} environment", packages=locks.count_packages(plan.lock), log=log,
    )  # fmt: skip
    if failure is not None:
        raise InstallError(pip_run.explain(failure, lock=plan.lock, log=log))
    plan.stamp.write_text(locks.build_stamp(plan.lock))


@contextmanager
def _only_one_installer() -> Iterator[None]:
    ENVIRONMENTS.mkdir(exist_ok=True)
    with (ENVIRONMENTS / "install.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("  Another command is installing here: waiting until it has finished")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _read_environment() -> dict[str, Any]:
    """The module that reads the process environment, without its package, which needs libraries."""
    return runpy.run_path(str(REPOSITORY / "appliance" / "settings" / "environment.py"))


def configured_sources() -> Sources:
    """The few settings that matter before the settings can be loaded, from the same file."""
    environment = _read_environment()
    path: Path = environment["config_path"]()
    if path.absolute() != environment["default_config_path"]() and not os.path.lexists(path):
        raise InstallError(f"APPLIANCE_CONFIG names {path}, and there is no such file. Correct or unset it.")
    return read_sources(path)


def build_cli_command(python: Path, arguments: list[str]) -> list[str]:
    """``-P``: the folder that the operator happens to be in is not searched for modules."""
    return [str(python), "-P", "-m", "appliance.cli", *arguments]


def _become_command(arguments: list[str]) -> None:
    verb = next((word for word in arguments if not word.startswith("-")), "")
    plan = build_plan("webapp")
    if verb in VERBS_THAT_INSTALL:
        ensure("webapp", configured_sources())
    elif not plan.python.exists():
        # An environment that an upgrade left unfinished is good enough to look and to stop with.
        raise InstallError(
            f"{plan.folder} is not there, so this command cannot look at the appliance: it was never installed, or the "
            "folder was removed. `bin/appliance up` makes it."
        )
    os.execv(plan.python, build_cli_command(plan.python, arguments))  # noqa: S606 - becomes the command


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="appliance.local.environments", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("ensure").add_argument("name", choices=NAMES)
    actions.add_parser("run").add_argument("arguments", nargs=argparse.REMAINDER)
    if arguments[:1] == ["run"]:
        choice = argparse.Namespace(action="run", arguments=arguments[1:])
    else:
        choice = parser.parse_args(arguments)
    try:
        if choice.action == "run":
            _become_command(choice.arguments)
        else:
            ensure(choice.name, configured_sources())
    except (InstallError, SourcesError) as error:
        complain(str(error))
        return EXIT_UNUSABLE
    except OSError as error:
        if (explained := explain_os_error(error)) is None:
            raise
        complain(explained)
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        complain("\nStopped. What was installed so far is kept; the same command goes on from there.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
