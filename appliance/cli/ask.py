"""``ask``: put a question to the running appliance; the answer and its citations stream to this terminal."""

from typing import Annotated

import typer

from appliance.cli import exit_codes
from appliance.cli.screen import err
from appliance.local.instance import open_appliance


def ask(
    question: Annotated[str, typer.Argument(help="The question, in quotation marks.")],
    user: Annotated[str | None, typer.Option("--user", help="Ask as this user, who may read less.")] = None,
) -> None:
    """Ask a question; the answer streams here with its citations."""
    local = open_appliance()
    if "worker" not in local.list_running():
        err.print("The appliance is not running. Start it with: bin/appliance up")
        raise typer.Exit(exit_codes.NOT_RUNNING)
    as_user = ("--user", user) if user else ()
    raise typer.Exit(local.management.pass_through("ask", *as_user, "--", question))
