"""What can go wrong in the audit room."""


class AuditError(Exception):
    """The base of this room's errors."""


class BadAction(AuditError):
    """An action is lower-case words joined by dots, such as document.delete."""

    def __init__(self, action: str) -> None:
        super().__init__(f"{action!r} is no action: use lower-case words joined by dots, such as document.delete.")
