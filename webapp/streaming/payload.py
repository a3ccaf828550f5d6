"""Make an event's data fit for PostgreSQL's JSON, which takes neither NUL nor NaN nor half a surrogate pair."""

import json
from collections.abc import Mapping
from typing import Any

from webapp.streaming.errors import EventRefused

DATA_BYTES = 1 << 20


def _clean(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\x00", "\ufffd").encode(errors="replace").decode()
        case Mapping():
            return {_clean(key) if isinstance(key, str) else key: _clean(item) for key, item in value.items()}
        case list() | tuple():
            return [_clean(item) for item in value]
        case _:
            return value


def encode_data(data: Mapping[str, Any]) -> str:
    """The data as JSON text. Raises EventRefused when JSON cannot hold it or it is larger than 1 MiB."""
    try:
        text = json.dumps(_clean(data), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise EventRefused(f"The event's data is not JSON: {error}.") from error
    if len(text.encode()) > DATA_BYTES:
        raise EventRefused(f"The event's data is larger than {DATA_BYTES} bytes.")
    return text
