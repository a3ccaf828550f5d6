"""``models show``: which model this appliance serves, and why."""

import json
from typing import Annotated

import typer

from appliance.cli.screen import out
from appliance.local import model_choice
from appliance.local.instance import open_appliance


def show(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show which model this appliance serves, and why."""
    local = open_appliance()
    choice = model_choice.choose(local.settings)
    activated = model_choice.read_activation(local.settings) is not None
    named = activated and not model_choice.is_named_in_settings(local.settings)
    spec = choice.spec
    if as_json:
        found = {"name": spec.served_name, "licence": spec.licence, "device": spec.device} if spec else None
        document = {"schema_version": 1, "model": found, "reason": choice.reason, "activated": named}
        out.print(json.dumps(document, indent=2), markup=False)
        return
    out.print(f"Model   {spec.served_name if spec else 'none'}", markup=False)
    out.print(f"Why     {'It was activated.' if named and spec else choice.reason}", markup=False)
