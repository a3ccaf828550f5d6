"""What can stop the local appliance, in words an operator can act on."""


class LocalError(Exception):
    """The appliance cannot run here; the message says what was found and what to do."""


class BusyError(LocalError):
    """Another command is changing the same appliance."""


class ComponentError(LocalError):
    """A component did not become healthy; the message ends with the end of its log."""

    def __init__(self, name: str, problem: str, log_tail: str) -> None:
        super().__init__(f"{name} {problem}. The end of its log (`bin/appliance logs {name}` shows more):\n{log_tail}")
        self.name = name
