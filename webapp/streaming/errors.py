"""What can go wrong in the streaming room."""

from uuid import UUID


class StreamingError(Exception):
    """The base of this room's errors."""


class EventRefused(StreamingError):
    """An event is not fit to be kept: its type or its data."""


class LogClosed(StreamingError):
    """The run has ended: its log takes no more events."""

    def __init__(self, run_id: UUID) -> None:
        super().__init__(f"Run {run_id} has ended: its log takes no more events.")
        self.run_id = run_id
