"""The verbs of this room. Other rooms use ``webapp.prompts.api``."""

from webapp.prompts.services.versions import get_version, publish

__all__ = ["get_version", "publish"]
