"""What the verbs refuse because of how they were written, where typer cannot know it."""

from appliance.local.errors import LocalError


class UsageError(LocalError):
    """The command was written wrongly: its arguments do not go together. The message says which are wanted."""


def refuse_empty(name: str | None, what: str = "model", *, advice: str = "") -> None:
    """Raises UsageError for a name that is there and empty, which a path would take for the current directory."""
    if name == "":
        raise UsageError(f"No {what} is named: the argument is empty.{advice and f' {advice}'}")
