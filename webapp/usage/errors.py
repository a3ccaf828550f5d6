"""What can go wrong in the usage room."""


class UsageError(Exception):
    """The base of this room's errors."""


class UnknownCall(UsageError):
    """There is no such call to settle: open_call() gives the id."""

    def __init__(self, call_id: int) -> None:
        super().__init__(f"There is no model call {call_id} to settle: use the id that open_call() gave.")
