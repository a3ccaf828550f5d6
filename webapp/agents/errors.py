"""What the agents room refuses."""


class AgentsError(Exception):
    """The conversation or run could not be read or changed."""


class NotFound(AgentsError):
    """There is no such conversation, run or source that this user may see."""


class InvalidQuestion(AgentsError):
    """The question is empty or too long; the message says which."""
