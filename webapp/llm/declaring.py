"""Models that the settings name beside the one that answers, as ``endpoint further`` is given them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from webapp.llm.types import Role

ROLES: tuple[Role, ...] = ("generate", "embed", "rerank")
PLACES = ("further", "fallback")


@dataclass(frozen=True, slots=True)
class Declared:
    """One model. ``place``: "fallback" for the one that answers when the role's own cannot, else "further"."""

    role: Role
    place: Literal["further", "fallback"]
    url: str
    model_name: str
    detail: Mapping[str, Any] = field(default_factory=dict)


def read_declared(text: str) -> list[Declared]:
    """Raises ValueError, which names what is wrong."""
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"--entries is not JSON: {error}") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("--entries is not a JSON list of objects")
    return [_read(entry) for entry in entries]


def _read(entry: dict[str, Any]) -> Declared:
    role, place, detail = entry.get("role"), entry.get("place", "further"), entry.get("detail", {})
    url, model = entry.get("url"), entry.get("model")
    if role not in ROLES or place not in PLACES or (place == "fallback" and role != "generate"):
        raise ValueError(f"{entry}: role is one of {', '.join(ROLES)}, and only one that generates is a fallback")
    if not isinstance(url, str) or not isinstance(model, str) or not model or not isinstance(detail, dict):
        raise ValueError(f"{entry}: url and model are texts, detail is an object")
    return Declared(cast(Role, role), cast(Literal["further", "fallback"], place), url, model, detail)
