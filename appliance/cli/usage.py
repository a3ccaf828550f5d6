"""What the verbs refuse because of how they were written, where typer cannot know it."""

from appliance.local.errors import LocalError


class UsageError(LocalError):
    """The command was written wrongly: its arguments do not go together. The message says which are wanted."""
