"""Write one line of the record, in the caller's transaction: it is kept exactly when the deed is."""

import ipaddress
import re
from collections.abc import Mapping

from webapp.audit.detail import build_detail
from webapp.audit.errors import BadAction
from webapp.audit.models import AuditEvent
from webapp.audit.types import JSON

ACTION = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)+")
ACTION_CHARACTERS = 64


def _read_ip(ip: str | None) -> str | None:
    """A peer on a unix socket has no address."""
    try:
        return str(ipaddress.ip_address(ip.partition("%")[0])) if ip else None
    except ValueError:
        return None


def record(
    action: str, actor_id: int | None, object_type: str, object_id: str, detail: Mapping[str, JSON], ip: str | None
) -> None:
    if not ACTION.fullmatch(action) or len(action) > ACTION_CHARACTERS:
        raise BadAction(action)
    AuditEvent.objects.create(
        action=action,
        actor_id=actor_id,
        object_type=object_type,
        object_id=object_id,
        detail=build_detail(detail),
        ip=_read_ip(ip),
    )
