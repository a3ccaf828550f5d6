"""What the knowledge room refuses, in words for the person who asked."""

from webapp.knowledge.parsing.errors import UnreadableDocument

__all__ = ["DuplicateDocument", "InvalidInput", "KnowledgeError", "NotAllowed", "NotFound", "UnreadableDocument"]


class KnowledgeError(Exception):
    """Base of this room's errors."""


class NotFound(KnowledgeError):
    """It does not exist, or this user may not know that it does."""

    def __init__(self, what: str) -> None:
        super().__init__(f"This {what} does not exist, or you may not see it.")


class NotAllowed(KnowledgeError):
    """The user can read it but not change it."""

    def __init__(self) -> None:
        super().__init__(
            "Only the owner of this collection can change it. Ask the owner, or make a collection of your own."
        )


class DuplicateDocument(KnowledgeError):
    """The same file is in the collection already."""

    def __init__(self, title: str) -> None:
        super().__init__(
            f"The same file is already in this collection, as “{title}”. Delete that one first to replace it."
        )
        self.title = title


class InvalidInput(KnowledgeError):
    """A value a form can put right; the message says how."""
