"""The commands' page is what the verbs say of themselves."""

from appliance.cli import reference
from appliance.cli.app import application


def test_every_verb_is_on_the_page() -> None:
    named = {verb[0] for verb in reference.VERBS}
    commands = {command.callback.__name__ for command in application.registered_commands if command.callback}
    assert named == commands | {group.name for group in application.registered_groups}
