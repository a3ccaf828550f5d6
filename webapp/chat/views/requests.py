"""What the pages read out of a request."""

from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import BadRequest
from django.http import HttpRequest, QueryDict


def user_id(request: HttpRequest) -> int:
    """The id of the logged-in user; LoginRequiredMiddleware has let nobody else through."""
    assert not isinstance(request.user, AnonymousUser)
    return request.user.pk


def is_partial(request: HttpRequest) -> bool:
    """Whether a part of the page is asked for (by htmx), rather than a page."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-History-Restore-Request") != "true"


def text(values: QueryDict, name: str) -> str:
    """A field as text that PostgreSQL can keep: without NUL."""
    return values.get(name, "").replace("\0", "")


def uuids(values: list[str]) -> list[UUID]:
    """``values`` as ids. A malformed one is refused, not dropped: no collection named means all are searched."""
    try:
        return [UUID(value) for value in values]
    except ValueError:
        raise BadRequest from None


def number(value: str, default: int = 0) -> int:
    """``value`` as a non-negative integer that fits a database column, else ``default``."""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else default
