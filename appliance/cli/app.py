"""The verbs under their names. Each is one function in a file of its own."""

import typer

from appliance.cli.ask import ask
from appliance.cli.bench import bench
from appliance.cli.doctor import doctor
from appliance.cli.down import down
from appliance.cli.logs import logs
from appliance.cli.models import models
from appliance.cli.status import status
from appliance.cli.up import up

HELP = """Run a self-hosted LLM appliance on this machine.

Exit codes: 0 well, 1 something does not work, 2 wrong usage, 3 not possible here until the machine or appliance.yaml
changes, 4 another command is at work, 5 not running, 130 interrupted.
"""

application = typer.Typer(
    help=HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)
for verb in (up, down, status, logs, ask, doctor):
    application.command()(verb)
application.add_typer(models, name="models")
application.add_typer(bench, name="bench")
