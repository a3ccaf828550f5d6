"""Make a detail fit to be kept: bounded in size, and free of what PostgreSQL's JSON refuses."""

import json
import math
from collections.abc import Mapping

from webapp.audit.types import JSON

TEXT_CHARACTERS = 500
ITEMS = 100
DEPTH = 5
DETAIL_BYTES = 8192


def _cut(text: str) -> str:
    clean = text.replace("\x00", "\ufffd").encode(errors="replace").decode()
    return clean if len(clean) <= TEXT_CHARACTERS else clean[: TEXT_CHARACTERS - 1] + "…"


def _bound(value: JSON, depth: int) -> JSON:
    match value:
        case str():
            return _cut(value)
        case bool() | int() | None:
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case _ if depth == 0:
            return "…"
        case Mapping():
            return {_cut(str(key)): _bound(item, depth - 1) for key, item in list(value.items())[:ITEMS]}
        case _:
            return [_bound(item, depth - 1) for item in value[:ITEMS]]


def build_detail(detail: Mapping[str, JSON]) -> JSON:
    """The detail with long texts, lists and nests cut; only its keys when it is still longer than 8 KiB."""
    bounded = _bound(detail, DEPTH)
    if len(json.dumps(bounded, ensure_ascii=False).encode()) <= DETAIL_BYTES:
        return bounded
    keys: list[JSON] = [_cut(str(key))[:32] for key in list(detail)[:ITEMS]]
    return {"cut": True, "keys": keys}
