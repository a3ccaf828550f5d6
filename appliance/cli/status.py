"""``status``: each component's state, since when, where it listens, and whether it is well."""

import json
import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from appliance.cli import exit_codes
from appliance.cli.screen import out
from appliance.local.instance import ComponentStatus, open_appliance
from appliance.local.processes import find_marked


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show each component: state, process, since when, address, health."""
    local = open_appliance(changes_machine=False)
    supervised = local.supervisor.find_pid()
    rows = [build_row(item) for item in local.list_status()]
    if as_json:
        document = {
            "schema_version": 1,
            "running": supervised is not None,
            "supervisor": supervised,
            "components": rows,
        }
        out.print(json.dumps(document, indent=2), markup=False)
    else:
        out.print(_build_table(rows))
    if supervised is None:
        if not as_json:
            out.print(describe_leftovers(len(find_marked(local.settings))))
        raise typer.Exit(exit_codes.NOT_RUNNING)
    if not all(row["healthy"] for row in rows):
        raise typer.Exit(exit_codes.PROBLEM)


def describe_leftovers(processes: int) -> str:
    """What is true when no supervisor answers."""
    if processes == 0:
        return "Nothing is running. Start it with: bin/appliance up"
    return (
        f"The supervisor is gone, and {processes} processes that it started still run. Put that in order with: "
        "bin/appliance up (or down)"
    )


def build_row(item: ComponentStatus) -> dict[str, Any]:
    """A component as JSON; ``since`` is null for one that does not run."""
    running = item.state if item.state is not None and item.state.is_running else None
    return {
        "component": item.component.name,
        "state": item.state.state.lower() if item.state else "stopped",
        "pid": running.pid if running else None,
        "since": datetime.fromtimestamp(running.started_at, UTC).isoformat() if running else None,
        "address": item.address or None,
        "healthy": item.health.ok,
        "detail": item.health.detail,
    }


def _build_table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("Component", "State", "Process", "For", "Address", "Health"):
        table.add_column(title, overflow="fold")
    for row in rows:
        verdict = Text("well" if row["healthy"] else "not well", style="green" if row["healthy"] else "red")
        health = Text.assemble(verdict, f": {row['detail']}")
        table.add_row(row["component"], row["state"], str(row["pid"] or ""), _age(row), _short(row["address"]), health)
    return table


def _short(address: str | None) -> str:
    """A socket's path is too long for a table; ``--json`` has it."""
    return "unix socket" if address and address.startswith("/") else address or ""


def _age(row: dict[str, Any]) -> str:
    if row["since"] is None:
        return ""
    return format_duration(time.time() - datetime.fromisoformat(row["since"]).timestamp())


def format_duration(seconds: float) -> str:
    """The two largest units: ``3 d 4 h``, ``4 min 10 s``."""
    left = int(max(seconds, 0))
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
