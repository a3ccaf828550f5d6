"""The face of the prompts room."""

from webapp.prompts.content import quote_passages, render
from webapp.prompts.services import get_version, publish

__all__ = ["get_version", "publish", "quote_passages", "render"]
