"""The commands' page is what the verbs say of themselves."""

import inspect
import re
from collections.abc import Iterator

import typer

from appliance.cli import reference
from appliance.cli.app import application


def list_registered(app: typer.Typer, *names: str) -> Iterator[str]:
    """As the groups' own modules register them, so that a verb the page's generator overlooks is missed here."""
    for command in app.registered_commands:
        assert command.callback is not None
        yield " ".join([*names, command.name or command.callback.__name__.replace("_", "-")])
    for group in app.registered_groups:
        assert group.typer_instance is not None
        yield from list_registered(group.typer_instance, *names, str(group.name))


def test_every_verb_of_every_group_is_on_the_page() -> None:
    headings = re.findall(r"^## `(.+)`$", reference.PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    registered = list(list_registered(application))
    assert {"up", "models quantize", "bench serving"} <= set(registered)
    assert sorted(headings) == sorted(registered)


def test_every_verb_about_models_prints_json() -> None:
    shown = {group.name: group.typer_instance for group in application.registered_groups}["models"]
    assert shown is not None
    verbs = [command.callback for command in shown.registered_commands if command.callback]
    assert {each.__name__ for each in verbs if "as_json" not in inspect.signature(each).parameters} == set()
