"""``models``: choosing, checking and switching the model that answers. One verb a file."""

import typer

from appliance.cli.models.activate import activate
from appliance.cli.models.compare import compare
from appliance.cli.models.importing import import_
from appliance.cli.models.listing import list_models
from appliance.cli.models.pin import pin
from appliance.cli.models.planning import plan
from appliance.cli.models.quantize import quantize
from appliance.cli.models.remove import remove
from appliance.cli.models.show import show
from appliance.cli.models.verify import verify

models = typer.Typer(help="Choose, show or switch the model that answers.", no_args_is_help=True)
models.command("list")(list_models)
models.command("import")(import_)
for verb in (show, plan, pin, verify, quantize, compare, activate, remove):
    models.command()(verb)
