"""What can go wrong in the durable room."""

from uuid import UUID


class DurableError(Exception):
    """The base of this room's errors."""


class LeaseLost(DurableError):
    """Somebody else owns this work now, or it was withdrawn. Stop, and write nothing more for it."""

    def __init__(self, kind: str, subject_id: UUID) -> None:
        super().__init__(
            f"The lease on {kind} {subject_id} is no longer held here: stop, and write nothing more for it."
        )
        self.kind = kind
        self.subject_id = subject_id


class UnknownKind(DurableError):
    """No such kind of work was registered. Call durable.api.register() in the room's AppConfig.ready()."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"No work of kind {kind!r} is registered: call durable.api.register() in AppConfig.ready().")
        self.kind = kind
