"""What the prompts room refuses."""


class PromptError(Exception):
    """The prompt could not be used."""


class PromptNotFound(PromptError):
    """There is no such prompt, or the label points at no version of it."""

    def __init__(self, name: str, label: str) -> None:
        super().__init__(
            f"there is no prompt {name!r} labelled {label!r}; run `manage.py migrate` to seed the defaults"
        )


class InvalidPrompt(PromptError):
    """The text has a placeholder without a value, or is empty; the message names it."""
