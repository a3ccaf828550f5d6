"""What can stop the local appliance, in words an operator can act on."""


class LocalError(Exception):
    """The appliance cannot run here; the message says what was found and what to do."""
