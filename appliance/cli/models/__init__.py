"""``models``: choosing, checking and switching the model that answers. One verb a file."""

import typer

from appliance.cli.models.activate import activate
from appliance.cli.models.listing import list_models
from appliance.cli.models.planning import plan
from appliance.cli.models.show import show

models = typer.Typer(help="Choose, show or switch the model that answers.", no_args_is_help=True)
models.command("list")(list_models)
for verb in (show, plan, activate):
    models.command()(verb)
