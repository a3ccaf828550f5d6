"""The audit room's face."""

from collections.abc import Mapping

from webapp.audit import record as recording
from webapp.audit.types import JSON


def record(
    *,
    action: str,
    actor_id: int | None,
    object_type: str = "",
    object_id: str = "",
    detail: Mapping[str, JSON] | None = None,
    ip: str | None = None,
) -> None:
    """Record that ``actor_id`` (``None``: nobody known) did ``action``, such as ``document.delete``, to an object.

    Part of the caller's transaction. ``detail`` is cut to 8 KiB; put no secret and no document text in it.
    """
    recording.record(action, actor_id, object_type, object_id, detail or {}, ip)
