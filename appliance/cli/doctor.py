"""``doctor``: check this machine and say everything that is wrong at once. Changes nothing."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console

from appliance.cli import exit_codes
from appliance.cli.screen import out
from appliance.doctor import Check, examine
from appliance.local.instance import open_appliance

COLORS = {"ok": "green", "warning": "yellow", "error": "red"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Check this machine: everything that is wrong, with what to do about it."""
    checks = examine(open_appliance(changes_machine=False))
    if as_json:
        document = {"schema_version": 1, "checks": [dataclasses.asdict(check) for check in checks]}
        out.print(json.dumps(document, indent=2), markup=False)
    else:
        show_checks(checks, console=out)
    if any(check.severity == "error" for check in checks):
        raise typer.Exit(exit_codes.UNUSABLE)


def show_checks(checks: Sequence[Check], *, console: Console) -> None:
    for check in checks:
        color = COLORS[check.severity]
        console.print(f"  [{color}]{check.severity:<8}[/{color}]", end="")
        console.print(f"{check.id:<18} {check.observed}", markup=False)
        if check.fix:
            console.print(f"{'':<29}{check.fix}", markup=False)
