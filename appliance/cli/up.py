"""``up``: install what is missing, start everything, wait until it is well, print the address."""

import time
from typing import Any

import typer

from appliance.cli import exit_codes
from appliance.cli.doctor import show_checks
from appliance.cli.screen import Screen, err, out
from appliance.doctor import examine
from appliance.local import environments
from appliance.local.bootstrap.sources import Sources
from appliance.local.bringing_up import BringingUp, Outcome
from appliance.local.instance import LocalAppliance, open_appliance
from appliance.local.taking_down import stop_leftovers


def up() -> None:
    """Install what is missing, start everything, print the address. Doing it twice changes nothing."""
    started = time.monotonic()
    local = open_appliance()
    with local.only_one_change():
        screen = Screen()
        stop_leftovers(local, screen)
        _refuse_what_cannot_work(local)
        installed = environments.ensure("inference", sources_of(local))
        bringing_up = BringingUp(local, screen)
        try:
            outcome = bringing_up.run()
        finally:
            if bringing_up.login:
                _show_login(bringing_up.login)
    _show(outcome, changed=outcome.changed or installed, seconds=time.monotonic() - started)
    if outcome.problems:
        raise typer.Exit(exit_codes.PROBLEM)


def sources_of(local: LocalAppliance) -> Sources:
    install = local.settings.install
    return Sources(install.wheelhouse, install.extra_index_url, local.settings.model.device)


def _refuse_what_cannot_work(local: LocalAppliance) -> None:
    found = examine(local)
    errors = [check for check in found if check.severity == "error"]
    if errors:
        err.print("This machine is not ready; nothing was started.", style="red")
        show_checks(errors, console=err)
        raise typer.Exit(exit_codes.UNUSABLE)
    show_checks([check for check in found if check.severity == "warning"], console=out)


def _show_login(login: dict[str, Any]) -> None:
    out.print()
    out.print("  The first administrator. The password is shown only now: keep it.", style="bold")
    out.print(f"    user      {login['username']}", markup=False)
    out.print(f"    password  {login['password']}", markup=False)


def _show(outcome: Outcome, *, changed: bool, seconds: float) -> None:
    out.print()
    for problem in outcome.problems:
        err.print(problem, style="yellow", markup=False)
    out.print(f"  {'Up' if changed else 'Everything was up already'} ({seconds:.0f} s).")
    out.print(f"  Address   {outcome.address}", markup=False)
    out.print(f"  Model     {outcome.model}", markup=False)
    if outcome.further:
        out.print(f"  Further   {', '.join(outcome.further)}", markup=False)
    out.print('  Next      make ask Q="What data leaves the appliance?"', markup=False)
