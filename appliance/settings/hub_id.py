"""How a hub names a model: owner/name, of which the appliance makes the name of a folder."""

import re

_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}"  # a leading dot would hide the folder, a leading dash read as an option
_HUB_ID = re.compile(rf"(?!.*\.\.){_PART}/{_PART}")


def is_hub_id(text: str) -> bool:
    return _HUB_ID.fullmatch(text) is not None


def refuse_other_than_hub_id(text: str) -> str:
    """Raises ValueError, in the words that the settings, the catalogue and an import have for it."""
    if not is_hub_id(text):
        raise ValueError(f"{text!r} is no hub id, which is written owner/name.")
    return text
